//! The shell as a script drives it through pipes, and a person at a terminal.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::lake::{World, read};

const FOREVER: &str =
    "SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE a <> b";

/// Stdout, stderr and the exit code of a shell that reads this.
fn shell(world: &World, args: &[&str], input: &[u8]) -> (String, String, i32) {
    let mut command = world.command();
    command.arg("shell").args(args).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A shell that ends early closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn statements_are_run_as_they_come() {
    let world = World::filled();
    let script =
        "SELECT 1 AS a; SELECT ';' AS b -- ;\n;\n.mode jsonl\nSELECT\n count(*) AS n\nFROM bars";
    let (out, err, code) = shell(&world, &["--format", "csv"], script.as_bytes());
    assert_eq!((out.as_str(), err.as_str(), code), ("a\n1\nb\n;\n{\"n\":6}\n", "", 0));
    let (out, _, _) = shell(
        &world,
        &["--param", "s=600519"],
        b"SELECT count(*) AS n FROM bars WHERE symbol = $s;",
    );
    assert_eq!(out, "n\n-\n3\n");
    assert_eq!(shell(&world, &[], b""), (String::new(), String::new(), 0));
    assert_eq!(shell(&world, &[], b"SELECT 1 AS a;\n.quit\nSELECT 2;").0, "a\n-\n1\n");
}

#[test]
fn an_error_does_not_end_it_but_is_the_exit_code() {
    let world = World::filled();
    let script = b"SELECT 1 AS a;\n\n.nothing\nSELCT 1;\nFROM nope; SELECT 2 AS b;\nCOPY bars TO 'x';\nSELECT 3 AS c";
    let (out, err, code) = shell(&world, &["--format", "csv"], script);
    assert_eq!((out.as_str(), code), ("a\n1\nb\n2\nc\n3\n", 2));
    for told in [
        "error: stdin, line 3: there is no command .nothing",
        "error: stdin, line 4: syntax error",
        "error: stdin, line 5: Table with name nope",
        "error: stdin, line 6: only one SELECT-like",
        "the lake's tables are: bars, empty",
    ] {
        assert!(err.contains(told), "{told}: {err}");
    }
    let (out, err, code) = shell(&world, &["--format", "csv", "--bail"], script);
    assert_eq!((out.as_str(), code), ("a\n1\n", 2));
    assert_eq!(err.matches("error:").count(), 1, "{err}");
    let (out, err, code) = shell(&world, &["--format", "csv"], b"SELECT 1 AS a;\n\xff;\n");
    assert_eq!((out.as_str(), code), ("a\n1\n", 2));
    assert!(err.contains("line 2: it is not UTF-8"), "{err}");
    // The first failure says the code.
    std::fs::remove_dir_all(world.lake().join("warehouse")).unwrap();
    assert_eq!(shell(&world, &[], b"SELECT sum(d) FROM bars; SELCT;").2, 4);
    assert_eq!(shell(&world, &[], b"SELCT; SELECT sum(d) FROM bars;").2, 2);
}

#[test]
fn each_statement_reads_the_newest_version() {
    let mut world = World::filled();
    let mut command = world.command();
    command.args(["shell", "--format", "csv"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdin, mut stdout) =
        (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut asked = |sql: &str| {
        stdin.write_all(format!("{sql}\n").as_bytes()).unwrap();
        let mut lines = [String::new(), String::new()];
        for line in &mut lines {
            stdout.read_line(line).unwrap();
        }
        lines[1].trim_end().to_owned()
    };
    let sql =
        "SELECT count(*) AS n, max(added) AS v, (SELECT count(*) FROM bars) AS r FROM lake.files;";
    assert_eq!(asked(sql), "2,4,6");
    world.add("X", 1, 2);
    assert_eq!(asked(sql), "3,5,8");
    // A version stays until it is left.
    assert_eq!(asked(&format!(".at 4\n{sql}")), "2,4,6");
    world.add("Y", 1, 2);
    assert_eq!(asked(sql), "2,4,6");
    assert_eq!(asked("SELECT count(*) AS n FROM \"bars@3\";"), "3");
    assert_eq!(asked(&format!(".at latest\n{sql}")), "4,6,10");
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let (out, _, code) =
        shell(&world, &["--at", "3", "--format", "csv"], format!(".at\n{sql}").as_bytes());
    assert_eq!((out.as_str(), code), ("version 3, stays\nn,v,r\n1,3,3\n", 0));
    let (out, err, code) = shell(&world, &["--format", "csv"], b".at 99\n.at x y\n.at\n");
    assert_eq!((out.as_str(), code), ("version 6, newest\n", 2));
    assert!(err.contains("newest is 6"), "{err}");
}

#[test]
fn what_the_lake_is_made_of() {
    let world = World::filled();
    let (out, err, code) = shell(
        &world,
        &["--format", "csv"],
        b".tables\n.schema BARS\n.files bars;\n.schema\n.f empty\n",
    );
    assert_eq!((err.as_str(), code), ("", 0));
    let told = |args: &[&str]| world.text(&[args, &["--format", "csv"]].concat());
    let expected =
        [told(&["tables"]), told(&["describe", "bars"]), told(&["files", "bars"])].concat();
    let rest = out.strip_prefix(&expected).unwrap();
    assert!(rest.starts_with("table,name,type") && rest.lines().count() == 10, "{rest}");
    let (out, err, code) =
        shell(&world, &[], b".schema nope\n.mode xlsx\n.timer maybe\n.t\n.help plot\n");
    assert!(out.starts_with(".plot [[COLUMN") && code == 2, "{out}");
    for told in ["bars, empty", ".mode takes table, csv", "on or off", ".tables or .timer"] {
        assert!(err.contains(told), "{told}: {err}");
    }
    let (out, err, _) = shell(
        &world,
        &["--format", "csv"],
        b".timer on\nSELECT 1 AS a;\nFROM bars WHERE symbol = 'x'",
    );
    assert_eq!(out, "a\n1\nsymbol,d,px,note\n");
    assert!(err.starts_with("version 4, 0 of 0 files, refresh "), "{err}");
    assert!(err.contains("version 4, 0 of 2 files, refresh "), "{err}");
}

#[test]
fn results_go_to_a_file_that_is_there_whole() {
    let world = World::filled();
    let (out, err, code) = shell(
        &world,
        &["--format", "csv"],
        b".output a.csv\nSELECT 1 AS a; SELECT 2 AS b;\n.output\n.output off\nSELECT 3 AS c;\n.output b.xlsx\nFROM bars;",
    );
    assert_eq!((out.as_str(), code), ("a.csv\nc\n3\n", 0));
    assert_eq!(read(&world.file("a.csv")), "a\n1\nb\n2\n");
    assert!(err.contains("2 results, 2 rows, 8 B, to a.csv") && err.contains("6 rows, "), "{err}");
    assert_eq!(world.names(), ["a.csv", "b.xlsx", "lake"]);
    // One that fails in the middle leaves what was there, one that is refused changes nothing.
    let late = "SELECT repeat('x', 1000) AS t, \
                CASE WHEN i = 29999 THEN 'x' ELSE '1' END::INTEGER AS i FROM range(30000) t(i)";
    let script = format!(
        ".output a.csv\nSELECT 7 AS x;\nFROM nope;\n{late};\nSELECT 8 AS y;\n.output b.csv\nSELECT 9 AS z;\nFROM nope;"
    );
    let (out, err, code) = shell(&world, &["--threads", "1"], script.as_bytes());
    assert_eq!((out.as_str(), code), ("", 2));
    assert!(err.contains("a.csv was given up"), "{err}");
    assert_eq!(read(&world.file("a.csv")), "a\n1\nb\n2\n");
    assert_eq!(read(&world.file("b.csv")), "z\n9\n");
    assert_eq!(world.names(), ["a.csv", "b.csv", "b.xlsx", "lake"]);
    for (script, told) in [
        (".output lake/x.csv", "lies in the lake"),
        (".output x.parquet", "lake-query export"),
        (".output x.dat", "does not say its form"),
        (".output x.arrow\nSELECT 1 AS a; SELECT 2 AS b;", "arrow holds one"),
    ] {
        let (_, err, code) = shell(&world, &[], script.as_bytes());
        assert!(err.contains(told) && code == 2, "{script}: {err}");
    }
}

#[test]
fn files_are_read() {
    let world = World::filled();
    std::fs::write(
        world.file("a.sql"),
        "-- first\nSELECT 1 AS a;\n\nSELCT;\n.read b.sql\n.read a.sql\n",
    )
    .unwrap();
    std::fs::write(world.file("b.sql"), "SELECT 2 AS b").unwrap();
    let (out, err, code) = shell(&world, &["--format", "csv"], b".read 'a.sql'\nSELECT 3 AS c;");
    assert_eq!((out, code), ("a\n1\nb\n2\n".repeat(15) + "a\n1\nc\n3\n", 2));
    assert!(err.starts_with("error: a.sql, line 4: syntax error"), "{err}");
    assert!(err.contains("does it read itself?"), "{err}");
    let (out, _, code) = shell(&world, &["--bail"], b".read a.sql\nSELECT 3 AS c;");
    assert_eq!((out.as_str(), code), ("a\n-\n1\n", 2));
    assert!(shell(&world, &[], b".read no.sql").1.contains("cannot read no.sql"));
}

#[test]
fn a_result_is_drawn() {
    let world = World::filled();
    let script = "SELECT d, px FROM bars WHERE symbol = '600519';\n.plot\n.plot px BY d FROM bars\n.plot d FROM empty\n.plot note FROM bars";
    let (out, err, code) = shell(&world, &["--format", "csv"], script.as_bytes());
    let drawn = out.strip_prefix("d,px\n1,1.50\n2,2.50\n3,3.50\n").unwrap();
    let titles: Vec<&str> = drawn.lines().filter(|line| line.contains(" by ")).collect();
    assert_eq!(titles, ["px by d", "px of 600519 by d", "px of =A1 by d"], "{drawn}");
    assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    assert!(drawn.contains("3.0 \u{2524}") && !drawn.contains('\x1b'), "{drawn}");
    assert!(err.contains("no rows to draw") && err.contains("is a VARCHAR and no number"), "{err}");
    assert_eq!(code, 2);
    assert!(shell(&world, &[], b".plot").1.contains("no result to draw yet"));
}

#[test]
fn the_time_of_a_statement_is_limited_and_the_next_one_runs() {
    let world = World::filled();
    let script = format!("{FOREVER};\nSELECT 1 AS a;\n");
    let (out, err, code) = shell(&world, &["--timeout", "50ms"], script.as_bytes());
    assert_eq!((out.as_str(), code), ("a\n-\n1\n", 130));
    assert!(err.contains("line 1: the query took longer than 50ms"), "{err}");
}

/// A person at a terminal, played by Python, which has pseudo-terminals.
#[test]
fn at_a_terminal() {
    let world = World::filled();
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let mut command = Command::new("python3");
    command.args(["-c", include_str!("terminal.py"), env!("CARGO_BIN_EXE_lake-query"), FOREVER]);
    command.env("LAKE_DIR", world.lake()).env("TERM", "xterm").env_remove("LAKE_FORMAT");
    command.env("LAKE_HISTORY", world.file("state/history")).env_remove("LAKE_QUIET");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let history = read(&world.file("state/history"));
    assert!(history.contains("SELECT 41 +\\n1 AS x;") && history.contains(FOREVER), "{history}");
}
