//! README's tour is run, command by command, and its output compared with what
//! the page shows. Figures and times that differ at every run are levelled.

use std::process::Command;

use crate::lake::{repository, said};

/// The commands of the page's `console` blocks and what it shows after each.
fn tour(page: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    let mut continued = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
            continued = false;
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            continued = command.ends_with('\\');
            steps.push((command.trim_end_matches('\\').to_owned(), String::new()));
        } else if let Some((command, shown)) = steps.last_mut() {
            if continued {
                continued = line.ends_with('\\');
                command.push_str(line.trim_end_matches('\\').trim_start());
            } else {
                shown.push_str(line);
                shown.push('\n');
            }
        }
    }
    steps
}

/// Without what no two runs share: sizes in bytes, durations, names of files, and
/// the widths that follow from them.
fn levelled(text: &str) -> Vec<String> {
    let level = |word: &str| {
        let size = word.len() > 3 && word.bytes().all(|b| b.is_ascii_digit());
        let rule = word.bytes().all(|b| b == b'-');
        match size || word.contains("inc-") {
            true => Some("*".to_owned()),
            false => (!rule).then(|| word.to_owned()),
        }
    };
    let line = |l: &str| l.split_whitespace().filter_map(level).collect::<Vec<_>>().join(" ");
    text.lines().filter(|l| !l.starts_with("elapsed_ms")).map(line).collect()
}

#[test]
fn the_tour_shows_what_is_true() {
    let page = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let work = tempfile::tempdir().unwrap();
    let bin = work.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, twin) in [
        ("lake-writer", env!("CARGO_BIN_EXE_twin-writer")),
        ("lake-query", env!("CARGO_BIN_EXE_twin-query")),
    ] {
        std::os::unix::fs::symlink(twin, bin.join(name)).unwrap();
    }
    let samples = repository().join("data/samples").canonicalize().unwrap();
    std::fs::create_dir(work.path().join("data")).unwrap();
    std::os::unix::fs::symlink(samples, work.path().join("data/samples")).unwrap();
    let steps = tour(&page);
    assert!(steps.len() >= 8, "README has a tour");
    for (command, shown) in steps {
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).env_clear().env("PATH", path).current_dir(work.path());
        let got = said(&mut shell);
        let text = format!("{}{}", got.out, got.err);
        assert_eq!(levelled(&text), levelled(&shown), "$ {command}\n{text}");
    }
}
