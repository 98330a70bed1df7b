//! SCHEDULING.md: what it shows works.

use serde_json::Value;

use crate::kit::{Running, Shell};

const PAGE: &str = include_str!("../SCHEDULING.md");

/// The blocks of code of a language.
fn blocks(language: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (fence, mut inside) = (format!("```{language}"), false);
    for line in PAGE.lines() {
        if line.starts_with("```") {
            inside = line == fence;
            found.extend(inside.then(String::new));
        } else if inside && let Some(block) = found.last_mut() {
            *block += &format!("{line}\n");
        }
    }
    assert!(!found.is_empty(), "no {language}");
    found
}

/// The words after the program's name, with the lake in the place of the page's.
fn args(command: &str) -> Vec<String> {
    let rest = command.split_once("/usr/local/bin/lake-writer ").unwrap().1;
    let rest = rest.split(" > ").next().unwrap();
    rest.replace("/srv/lake", "lake").split(' ').map(str::to_owned).collect()
}

#[test]
fn the_services_run_and_stop() {
    let shell = Shell::new();
    let (mut stayed, mut ended) = (0, 0);
    for unit in blocks("ini") {
        let Some(command) = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")) else {
            assert!(unit.contains("[Timer]"), "{unit}");
            continue;
        };
        let args = args(command);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if args.contains(&"--once") {
            let said = shell.run(&args);
            assert_eq!(said.code, 0, "{}", said.err);
            ended += 1;
            continue;
        }
        let mut running = Running::start(shell.command(&args));
        assert!(running.receipt().is_some());
        running.signal("-TERM");
        assert_eq!(running.wait().0, Some(0), "{command}");
        stayed += 1;
    }
    assert_eq!((stayed, ended), (1, 1));
}

#[test]
fn the_crontabs_run() {
    let shell = Shell::new();
    let mut ran = Vec::new();
    for line in blocks("crontab").iter().flat_map(|block| block.lines()) {
        let at = line.split(" /").next().unwrap();
        shell.put("lake/lake.toml", &format!("[tasks.drain]\nat = \"{at}\"\n"));
        let args = args(line);
        let said = shell.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}");
        ran.extend(said.out.lines().map(str::to_owned));
    }
    let shown = shell.json(&["tasks", "history"]);
    let names: Vec<&str> =
        shown.as_array().unwrap().iter().rev().map(|run| run["task"].as_str().unwrap()).collect();
    assert_eq!(names[5..], ["drain", "retain", "compact", "vacuum", "health"], "{ran:?}");
}

#[test]
fn the_settings_are_known() {
    let shell = Shell::new();
    for block in blocks("toml") {
        shell.put("lake/lake.toml", &block);
        let list = shell.json(&["tasks", "list"]);
        let health = shell.json(&["health"]);
        let of = |rows: &Value, key: &str, name: &str, what: &str| {
            let row = rows.as_array().unwrap().iter().find(|row| row[key] == name).unwrap();
            row[what].clone()
        };
        match block.contains("[alerts]") {
            true => {
                assert_eq!(of(&health, "rule", "disk_used", "limit"), 0.8);
                assert_eq!(of(&health, "rule", "lease_age", "limit"), 43_200);
                assert_eq!(of(&health, "rule", "increments", "state"), "off");
            }
            false => {
                assert_eq!(of(&list, "task", "compact", "zone"), "Asia/Shanghai");
                assert_eq!(of(&list, "task", "compact", "at"), "*/10 9-15 * * mon-fri");
                assert_eq!(of(&list, "task", "drain", "next"), Value::Null);
            }
        }
    }
}

/// Every member that the page shows of a message is one that is sent.
#[test]
fn the_message_is_as_shown() {
    let shown: Value = serde_json::from_str(&blocks("json")[0]).unwrap();
    let shell = Shell::new();
    let text = "[alerts]\ndisk_used = 0\ncommand = [\"sh\", \"-c\", \"cat > heard\"]\n";
    shell.put("lake/lake.toml", text);
    shell.json(&["tasks", "run", "health"]);
    let heard = std::fs::read_to_string(shell.path("heard")).unwrap();
    let heard: Value = serde_json::from_str(&heard).unwrap();
    let names =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(names(&heard), names(&shown));
    assert_eq!(names(&heard["alerts"][0]), names(&shown["alerts"][0]));
    assert_eq!(heard["alerts"][0]["remedy"], shown["alerts"][0]["remedy"]);
}
