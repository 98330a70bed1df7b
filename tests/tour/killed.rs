//! `lake-writer ingest` killed or failed at every operation it makes.

use serde_json::json;

use crate::lake::{Lake, Said};

const BATCH: &str =
    "symbol,date,close,volume\nA,2026-01-01,1,1\nB,2026-01-01,1,1\nC,2026-01-01,1,1\n";

fn send(lake: &Lake, fault: Option<&str>) -> Said {
    let file = lake.file("batch.csv", BATCH);
    let args = ["ingest", "bars", &file, "--producer", "p", "--seq", "1", "--format", "json"];
    match fault {
        Some(fault) => lake.writer_with(fault, &args),
        None => lake.writer(&args),
    }
}

/// Whole or absent, whatever happened.
fn rows(lake: &Lake) -> u64 {
    let rows = lake.rows("SELECT count(*), count(DISTINCT symbol) FROM bars");
    let count = rows[0][0].as_u64().unwrap();
    assert!(rows == json!([[0, 0]]) || rows == json!([[3, 3]]), "{rows}");
    count
}

#[test]
fn a_batch_is_whole_or_absent_and_sent_again_it_is_there_once() {
    let mut swept = 0;
    for n in (1..).step_by(3) {
        let lake = Lake::with_bars();
        let killed = send(&lake, Some(&format!("kill@{n}")));
        let before = rows(&lake);
        let again = send(&lake, None).json();
        assert_eq!(again["duplicate"], before > 0, "killed at {n}");
        assert_eq!(rows(&lake), 3);
        swept = n;
        if killed.code.is_some() {
            killed.done();
            break;
        }
    }
    assert!(swept > 30, "the sweep ends where the program does: {swept}");
}

#[test]
fn an_error_says_whether_anything_was_done() {
    for errno in ["ENOSPC", "EIO"] {
        for n in (1..).step_by(5) {
            let lake = Lake::with_bars();
            let said = send(&lake, Some(&format!("fail:{errno}@{n}")));
            match said.code {
                Some(0) => assert_eq!(rows(&lake), 3),
                // The outcome is said to be open, so both are right.
                Some(6) => assert!(said.out.is_empty()),
                _ => assert_eq!(rows(&lake), 0, "{errno}@{n}: {}", said.err),
            }
            let done = said.code == Some(0);
            send(&lake, None).done();
            assert_eq!(rows(&lake), 3, "{errno}@{n}");
            if done && n > 30 {
                break;
            }
        }
    }
}
