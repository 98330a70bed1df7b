//! What lake.toml says of alerts:
//!
//! ```toml
//! [alerts]
//! spool_rows = 50000
//! disk_used = "80%"
//! lease_age = "12h"
//! increments = "off"
//! command = ["/usr/local/bin/page", "--team", "data"]
//! webhook = "http://127.0.0.1:9093/lake"
//! repeat = "4h"
//! timeout = "10s"
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use lake_cli::config::{Config, Key};
use lake_cli::{Failure, parse};
use lake_maintain::health::{RULES, Rule, Unit};

use super::webhook::Url;
use crate::settings;

const COMMAND: &str = "alerts.command";
const WEBHOOK: &str = "alerts.webhook";

const REPEAT: Key<Duration> = Key {
    name: "alerts.repeat",
    env: None,
    default: Duration::from_secs(4 * 60 * 60),
    parse: parse::duration,
};

/// Of each hook.
const TIMEOUT: Key<Duration> = Key {
    name: "alerts.timeout",
    env: None,
    default: Duration::from_secs(10),
    parse: parse::duration,
};

#[derive(Debug)]
pub(crate) struct Alerts {
    /// None: switched off.
    limits: BTreeMap<&'static str, Option<f64>>,
    pub(super) command: Option<Vec<String>>,
    pub(super) webhook: Option<Url>,
    pub(super) repeat: Duration,
    pub(super) timeout: Duration,
}

fn name_of(rule: &Rule) -> String {
    format!("alerts.{}", rule.name)
}

pub(crate) fn known() -> impl Iterator<Item = String> {
    let others = [WEBHOOK, REPEAT.name, TIMEOUT.name].map(str::to_owned);
    let lists = [format!("{COMMAND}[]")];
    RULES.iter().map(name_of).chain(others).chain(lists)
}

impl Alerts {
    pub(super) fn read(lake: &Path) -> Result<Alerts, Failure> {
        Alerts::of(&settings::read(lake)?)
    }

    fn of(config: &Config) -> Result<Alerts, Failure> {
        let limits = RULES.iter().map(|rule| Ok((rule.name, limit(config, rule)?)));
        let webhook = config.text(WEBHOOK).map(|text| {
            Url::parse(text).map_err(|why| {
                let failure = Failure::bad_input(format!("lake.toml: {WEBHOOK}: {why}"));
                failure.hint(format!(
                    "for anything else than http:// there is alerts.command, such as \
                     [\"curl\", \"-fsS\", \"--json\", \"@-\", \"{text}\"]"
                ))
            })
        });
        let command = config.list(COMMAND).map(<[String]>::to_vec);
        if command.as_ref().is_some_and(Vec::is_empty) {
            return Err(Failure::bad_input(format!("lake.toml: {COMMAND} names no program")));
        }
        Ok(Alerts {
            limits: limits.collect::<Result<_, Failure>>()?,
            command,
            webhook: webhook.transpose()?,
            repeat: config.get(&REPEAT, None)?.value,
            timeout: config.get(&TIMEOUT, None)?.value,
        })
    }

    pub(super) fn limit(&self, rule: &Rule) -> Option<f64> {
        self.limits.get(rule.name).copied().flatten()
    }
}

fn limit(config: &Config, rule: &Rule) -> Result<Option<f64>, Failure> {
    let name = name_of(rule);
    let Some(text) = config.text(&name) else { return Ok(rule.default) };
    if matches!(text, "off" | "false") {
        return Ok(None);
    }
    let (limit, is) = match rule.unit {
        Unit::Count => (text.parse().ok().map(|n: u64| n as f64), "a whole number"),
        Unit::Share => (share(text), "a share such as \"90%\" or 0.9"),
        Unit::Age => {
            (parse::duration(text).ok().map(|d| d.as_secs_f64()), "a time such as \"12h\"")
        }
    };
    limit.map(Some).ok_or_else(|| {
        Failure::bad_input(format!("lake.toml: {name} is {text:?}"))
            .hint(format!("it is {is}, or \"off\": {}", rule.about))
    })
}

fn share(text: &str) -> Option<f64> {
    let (number, whole) = match text.trim().strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text.trim(), 1.0),
    };
    let share = number.parse().ok().map(|n: f64| n / whole);
    share.filter(|share| (0.0..=1.0).contains(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alerts(text: &str) -> Result<Alerts, Failure> {
        let known: Vec<String> = known().collect();
        Alerts::of(&Config::parse(text, &known.iter().map(String::as_str).collect::<Vec<_>>())?)
    }

    fn limit(text: &str, rule: &str) -> Option<f64> {
        alerts(text).unwrap().limits[rule]
    }

    #[test]
    fn every_rule_has_a_limit_and_can_be_switched_off() {
        for rule in &RULES {
            assert_eq!(limit("", rule.name), rule.default);
            for off in ["\"off\"", "false"] {
                assert_eq!(limit(&format!("alerts.{} = {off}", rule.name), rule.name), None);
            }
        }
        for (text, rule, value) in [
            ("alerts.spool_rows = 5", "spool_rows", 5.0),
            ("alerts.spool_rows = 0", "spool_rows", 0.0),
            ("alerts.disk_used = \"80 %\"", "disk_used", 0.8),
            ("alerts.disk_used = 0.75", "disk_used", 0.75),
            ("alerts.disk_used = 1", "disk_used", 1.0),
            ("alerts.lease_age = \"12h\"", "lease_age", 43_200.0),
            ("alerts.increment_age = \"1d\"", "increment_age", 86_400.0),
        ] {
            assert_eq!(limit(text, rule), Some(value), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_names_its_place() {
        for (text, part) in [
            ("alerts.spool_rows = -1", "alerts.spool_rows is \"-1\""),
            ("alerts.spool_rows = 1.5", "alerts.spool_rows is \"1.5\""),
            ("alerts.disk_used = \"120%\"", "alerts.disk_used is \"120%\""),
            ("alerts.disk_used = \"nan\"", "alerts.disk_used is \"nan\""),
            ("alerts.lease_age = 12", "alerts.lease_age is \"12\""),
            ("alerts.spool_rwos = 1", "no setting \"alerts.spool_rwos\""),
            ("alerts.command = \"page\"", "alerts.command must be a list"),
            ("alerts.command = []", "alerts.command names no program"),
            ("alerts.webhook = \"https://a/b\"", "alerts.webhook: https://a/b takes TLS"),
            ("alerts.webhook = \"ftp://a/b\"", "alerts.webhook: "),
            ("alerts.repeat = 5", "cannot use alerts.repeat"),
        ] {
            let failure = alerts(text).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 2, "{text}");
            assert!(failure.message.contains(part), "{failure:?}");
            let names_curl = failure.hint.as_ref().is_some_and(|hint| hint.contains("\"curl\""));
            assert_eq!(names_curl, text.contains("://"), "{failure:?}");
        }
    }
}
