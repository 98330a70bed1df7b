use serde_json::{Value, json};

use crate::lake::World;

fn page(world: &World, args: &[&str]) -> Value {
    world.json(&[&["page"], args].concat())
}

#[test]
fn pages_stay_of_their_version_while_others_write() {
    let mut world = World::filled();
    world.add("000001", 1, 9);
    let order = ["bars", "--order-by", "d desc", "--limit", "4"];
    let mut rows: Vec<Value> = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let after: Vec<&str> = token.iter().flat_map(|t| ["--after", t.as_str()]).collect();
        let one = page(&world, &[&order[..], &after].concat());
        assert_eq!(one["version"], 5);
        rows.extend(one["rows"].as_array().unwrap().iter().cloned());
        let Some(next) = one["next"].as_str() else { break };
        token = Some(next.to_owned());
        // Newer rows, and newer ones of the same keys.
        world.add("000001", 2, 30 + rows.len() as i64);
    }
    let sql = "FROM bars ORDER BY d DESC, symbol";
    let whole = world.text(&["sql", sql, "--at", "5", "--format", "jsonl"]);
    let whole: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows, whole);
}

#[test]
fn a_token_fits_one_question_of_one_lake() {
    let world = World::filled();
    let one = page(&world, &["bars", "--order-by", "note", "--limit", "2"]);
    let token = one["next"].as_str().unwrap();
    let refused = |args: &[&str], part: &str| {
        let error = world.refused(&[&["page", "--after", token], args].concat(), 2);
        assert!(error.contains(part), "{args:?}: {error}");
    };
    refused(&["bars", "--order-by", "note desc"], "another question");
    refused(&["empty", "--order-by", "note"], "another question");
    refused(&["--sql", "FROM bars", "--order-by", "note"], "another question");
    refused(&["bars", "--order-by", "note", "--param", "a=1"], "another question");
    refused(&["bars", "--order-by", "note", "--at", "2"], "--at");
    let other = World::filled();
    let args = ["page", "bars", "--order-by", "note", "--after", token];
    assert!(other.refused(&args, 2).contains("another lake"));
    let changed = token.replace(['a', 'b'], "c");
    let args = ["page", "bars", "--order-by", "note", "--after", &changed];
    assert!(world.refused(&args, 2).contains("not a page token"));
    // Another length of a page is no other question.
    let rest = page(&world, &["bars", "--order-by", "note", "--limit", "9", "--after", token]);
    assert_eq!((rest["rows"].as_array().unwrap().len(), &rest["next"]), (4, &json!(null)));
}

#[test]
fn in_other_forms_the_token_is_a_note() {
    let world = World::filled();
    let args = ["page", "bars", "--order-by", "d,symbol", "--limit", "5", "--format", "jsonl"];
    let (stdout, note) = world.told(&args);
    assert_eq!(String::from_utf8(stdout).unwrap().lines().count(), 5);
    let token = note.trim().rsplit(' ').next().unwrap();
    assert!(note.contains("--after"), "{note}");
    let (stdout, note) = world.told(&[&args[..], &["--after", token]].concat());
    assert_eq!(String::from_utf8(stdout).unwrap().lines().count(), 1);
    assert!(note.contains("the last page"), "{note}");
}

#[test]
fn numbered_pages_have_totals() {
    let world = World::filled();
    let args = ["bars", "--order-by", "symbol,d", "--limit", "4", "--page"];
    let two = page(&world, &[&args[..], &["2"]].concat());
    let totals = (&two["page"], &two["pages"], &two["row_count"]);
    assert_eq!(totals, (&json!(2), &json!(2), &json!(6)));
    assert_eq!(two["rows"].as_array().unwrap().len(), 2);
    assert_eq!(two["rows"][1]["symbol"], "=A1");
    let nine = page(&world, &[&args[..], &["9"]].concat());
    assert_eq!(nine["rows"], json!([]));
    let (_, note) = world.told(&[&["page"], &args[..], &["1"]].concat());
    assert!(note.starts_with("page 1 of 2, 6 rows"), "{note}");
    world.refused(&[&["page"], &args[..], &["0"]].concat(), 2);
}

#[test]
fn a_result_is_paged_like_a_table() {
    let world = World::filled();
    let sql = "SELECT note, sum(d) AS d FROM bars WHERE symbol = $s GROUP BY note";
    let args = ["--sql", sql, "--param", "s=600519", "--order-by", "d", "--limit", "2"];
    let one = page(&world, &args);
    assert_eq!(one["rows"], json!([{"note": "n1", "d": 1}, {"note": "n0", "d": 2}]));
    let two = page(&world, &[&args[..], &["--after", one["next"].as_str().unwrap()]].concat());
    assert_eq!(two["rows"], json!([{"note": null, "d": 3}]));
    assert_eq!(page(&world, &["empty", "--order-by", "d"])["rows"], json!([]));
}
