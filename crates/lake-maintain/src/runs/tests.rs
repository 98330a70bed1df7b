// What a power cut leaves is put there by hand.
#![allow(clippy::disallowed_methods)]

use lake_log::{InitOptions, Lake};
use proptest::prelude::*;

use super::*;

fn lake() -> (tempfile::TempDir, Root) {
    let temp = tempfile::tempdir().unwrap();
    let options = InitOptions { accept_unsafe_fs: true };
    Lake::init(&temp.path().join("lake"), &options).unwrap();
    let root = Root::open(&temp.path().join("lake")).unwrap();
    (temp, root)
}

fn end(at_us: i64, how: Ended) -> End {
    End { at_us, how, message: "so \"it\" went\n".into(), damaged: 0 }
}

fn run(root: &Root, at_us: i64, how: Ended) {
    let mut turn = Turn::take(root, "compact").unwrap().unwrap();
    turn.begin(at_us, "host".into(), 7).unwrap();
    turn.end(end(at_us + 1, how)).1.unwrap();
}

#[test]
fn a_task_runs_once_at_a_time_and_others_beside_it() {
    let (_temp, root) = lake();
    assert_eq!(read(&root, "compact").unwrap(), []);
    let mut turn = Turn::take(&root, "compact").unwrap().unwrap();
    assert_eq!(turn.last_started(), None);
    turn.begin(5, "host".into(), 7).unwrap();
    assert!(Turn::take(&root, "compact").unwrap().is_none());
    assert!(Turn::take(&root, "vacuum").unwrap().is_some());
    assert_eq!(read(&root, "compact").unwrap()[0].ended(), None);
    let (run, saved) = turn.end(end(6, Ended::Done));
    saved.unwrap();
    assert_eq!(read(&root, "compact").unwrap(), [run.unwrap()]);
    assert_eq!(Turn::take(&root, "compact").unwrap().unwrap().last_started(), Some(5));
    assert_eq!(read(&root, "vacuum").unwrap(), []);
}

#[test]
fn a_run_whose_process_died_was_killed() {
    let (_temp, root) = lake();
    let mut turn = Turn::take(&root, "compact").unwrap().unwrap();
    turn.begin(5, "host".into(), 7).unwrap();
    drop(turn);
    let dead = &read(&root, "compact").unwrap()[0];
    assert_eq!((dead.ended(), dead.failed()), (Some(Ended::Killed), true));
    // Also of one that died before there were newer ones.
    run(&root, 9, Ended::Done);
    let all: Vec<_> = read(&root, "compact").unwrap().iter().map(|run| run.ended()).collect();
    assert_eq!(all, [Some(Ended::Killed), Some(Ended::Done)]);
}

#[test]
fn what_a_kill_or_a_power_cut_left_is_no_obstacle() {
    let (temp, root) = lake();
    run(&root, 1, Ended::Done);
    let file = temp.path().join("lake/_lake/tasks/compact.runs");
    // Killed between the new file and its place.
    std::fs::write(file.with_extension("runs.new"), "{\"started_us\":2").unwrap();
    // Torn, as no file of ours is, but a disk may do as it likes.
    let text = std::fs::read_to_string(&file).unwrap() + "{\"started_us\":3,\"ho";
    std::fs::write(&file, text).unwrap();
    run(&root, 4, Ended::Failed);
    let started: Vec<_> =
        read(&root, "compact").unwrap().iter().map(|run| run.started_us).collect();
    assert_eq!(started, [1, 4]);
}

#[test]
fn it_is_bounded_and_remembers_the_last_success() {
    let (_temp, root) = lake();
    run(&root, 1, Ended::Done);
    run(&root, 2, Ended::Done);
    for at in 3..=KEPT as i64 + 10 {
        run(&root, at, Ended::Failed);
    }
    let runs = read(&root, "compact").unwrap();
    assert_eq!((runs.len(), runs[0].started_us, runs[1].started_us), (KEPT + 1, 2, 11));
    run(&root, 1000, Ended::Done);
    let runs = read(&root, "compact").unwrap();
    assert_eq!((runs.len(), runs[0].started_us), (KEPT, 12));
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let (_temp, root) = lake();
    let mut turn = Turn::take(&root, "compact").unwrap().unwrap();
    turn.begin(1, String::new(), 0).unwrap();
    turn.end(End { message: "\u{e9}".repeat(2 * LONGEST), ..end(2, Ended::Failed) }).1.unwrap();
    let message = read(&root, "compact").unwrap().remove(0).end.unwrap().message;
    assert_eq!(message.chars().count(), LONGEST);
}

proptest! {
    #[test]
    fn a_line_reads_back(us in any::<i64>(), pid in any::<u32>(), text in "\\PC{0,20}", damaged in any::<u64>()) {
        for how in [Ended::Done, Ended::Failed, Ended::Stopped, Ended::Killed] {
            let end = Some(End { at_us: us, how, message: text.clone(), damaged });
            for end in [end, None] {
                let run = Run { started_us: us, host: text.clone(), pid, end };
                let written = line::write(&run);
                prop_assert_eq!(written.matches('\n').count(), 1);
                prop_assert_eq!(line::read(&written), Some(run));
            }
        }
    }

    #[test]
    fn no_line_panics(text in "\\PC{0,40}", json in "[{}\":,a-z_0-9]{0,40}") {
        let _ = (line::read(&text), line::read(&json));
    }
}
