//! The lake's health judged by the limits of lake.toml, and who is told of it.

mod command;
pub(crate) mod settings;
mod tell;
mod webhook;

use std::path::Path;

use lake_cli::Failure;
use lake_log::{Access, Lake};
use lake_maintain::health::{Finding, State, judge};

use crate::failure::of_log;
use crate::vitals;

use settings::Alerts;

/// Every rule's finding.
pub(crate) fn check(path: &Path, lake: &mut Lake) -> Result<Vec<Finding>, Failure> {
    let alerts = Alerts::read(path)?;
    Ok(judged(&alerts, lake))
}

fn judged(alerts: &Alerts, lake: &mut Lake) -> Vec<Finding> {
    judge(&vitals::gather(lake), |rule| alerts.limit(rule))
}

pub(crate) fn standing(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| finding.state == State::Alert)
}

/// The same, and the hooks hear what has changed; what failed of that. For the task,
/// which is one at a time: the memory of what was told is a file.
pub(crate) fn check_and_tell(path: &Path) -> Result<(Vec<Finding>, Vec<Failure>), Failure> {
    let alerts = Alerts::read(path)?;
    let mut lake = Lake::open(path, Access::Read).map_err(of_log)?;
    let findings = judged(&alerts, &mut lake);
    let failures = tell::tell(lake.root(), &alerts, &findings);
    Ok((findings, failures))
}
