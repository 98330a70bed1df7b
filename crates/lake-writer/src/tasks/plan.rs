//! Which tasks run, and when:
//!
//! ```toml
//! [tasks]
//! zone = "Asia/Shanghai"
//! missed = "skip"
//!
//! [tasks.compact]
//! at = "*/10 * * * mon-fri"
//!
//! [tasks.vacuum]
//! enabled = false
//! ```

use std::path::Path;

use lake_cli::Failure;
use lake_cli::config::Config;
use lake_maintain::schedule::{Cron, Zone};

use super::Task;
use crate::settings;

const ZONE: &str = "tasks.zone";
const MISSED: &str = "tasks.missed";

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) zone: Zone,
    /// Runs that nobody was there for are made up for by one.
    pub(crate) makes_up: bool,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) task: Task,
    pub(crate) at: Cron,
    pub(crate) enabled: bool,
}

fn at_name(task: Task) -> String {
    format!("tasks.{}.at", task.name())
}

fn enabled_name(task: Task) -> String {
    format!("tasks.{}.enabled", task.name())
}

pub(crate) fn known() -> impl Iterator<Item = String> {
    let of_tasks = Task::ALL.into_iter().flat_map(|task| [at_name(task), enabled_name(task)]);
    [ZONE, MISSED].map(str::to_owned).into_iter().chain(of_tasks)
}

impl Plan {
    pub(crate) fn read(lake: &Path) -> Result<Plan, Failure> {
        Plan::of(&settings::read(lake)?)
    }

    fn of(config: &Config) -> Result<Plan, Failure> {
        let zone = config.text(ZONE).unwrap_or("UTC");
        let zone = Zone::named(zone).ok_or_else(|| {
            Failure::bad_input(format!("lake.toml: {ZONE} is {zone:?}"))
                .hint("it is UTC, or a zone's name such as Asia/Shanghai or Europe/Berlin")
        })?;
        let makes_up = match config.text(MISSED) {
            None | Some("run") => true,
            Some("skip") => false,
            Some(other) => {
                let message = format!("lake.toml: {MISSED} is {other:?}");
                return Err(Failure::bad_input(message).hint("it is \"run\" or \"skip\""));
            }
        };
        let entries = Task::ALL.into_iter().map(|task| entry(config, task));
        Ok(Plan { zone, makes_up, entries: entries.collect::<Result<_, _>>()? })
    }
}

fn entry(config: &Config, task: Task) -> Result<Entry, Failure> {
    let name = at_name(task);
    let at = config.text(&name).unwrap_or(task.default_at());
    let at = at.parse().map_err(|e| {
        let failure = Failure::bad_input(format!("cannot use {name} from lake.toml"));
        failure.because(&e)
    })?;
    let name = enabled_name(task);
    let enabled = match config.text(&name) {
        None | Some("true") => true,
        Some("false") => false,
        Some(other) => {
            let message = format!("lake.toml: {name} is {other:?}");
            return Err(Failure::bad_input(message).hint("it is true or false"));
        }
    };
    Ok(Entry { task, at, enabled })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan, Failure> {
        let known: Vec<String> = known().collect();
        Plan::of(&Config::parse(text, &known.iter().map(String::as_str).collect::<Vec<_>>())?)
    }

    #[test]
    fn the_file_says_when_and_the_rest_is_as_ever() {
        let plain = plan("").unwrap();
        assert!(plain.makes_up && plain.entries.iter().all(|entry| entry.enabled));
        assert_eq!(plain.zone, Zone::UTC);
        let text = "[tasks]\nzone = \"Asia/Shanghai\"\nmissed = \"skip\"\n[tasks.compact]\n\
                    at = \"@daily\"\n[tasks.vacuum]\nenabled = false\n";
        let said = plan(text).unwrap();
        assert_eq!((said.zone.to_string().as_str(), said.makes_up), ("Asia/Shanghai", false));
        for (before, after) in plain.entries.iter().zip(&said.entries) {
            let at = after.at.to_string();
            assert_eq!(at == "@daily", after.task == Task::Compact);
            assert_eq!(at == before.at.to_string(), after.task != Task::Compact);
            assert_eq!(after.enabled, after.task != Task::Vacuum);
        }
    }

    #[test]
    fn what_cannot_be_used_names_its_place() {
        for (text, part) in [
            ("tasks.zone = \"Mars\"", "tasks.zone is \"Mars\""),
            ("tasks.missed = true", "tasks.missed is \"true\""),
            ("tasks.compact.at = \"* * *\"", "cannot use tasks.compact.at"),
            ("tasks.compact.enabled = \"no\"", "tasks.compact.enabled is \"no\""),
            ("tasks.compcat.at = \"@daily\"", "no setting \"tasks.compcat.at\""),
        ] {
            let failure = plan(text).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 2, "{text}");
            assert!(failure.message.contains(part), "{failure:?}");
        }
    }
}
