//! A run as a line of JSON.

use serde_json::{Value, json};

use super::{End, Ended, Run};

impl Ended {
    const ALL: [(Ended, &'static str); 4] = [
        (Ended::Done, "done"),
        (Ended::Failed, "failed"),
        (Ended::Stopped, "stopped"),
        (Ended::Killed, "killed"),
    ];

    pub fn word(self) -> &'static str {
        Ended::ALL.iter().find(|(ended, _)| *ended == self).map_or("", |(_, word)| word)
    }
}

pub(super) fn write(run: &Run) -> String {
    let mut value = json!({"started_us": run.started_us, "host": run.host, "pid": run.pid});
    if let Some(end) = &run.end {
        value["ended_us"] = end.at_us.into();
        value["outcome"] = end.how.word().into();
        value["message"] = end.message.as_str().into();
        value["damaged"] = end.damaged.into();
    }
    format!("{value}\n")
}

/// None: it is not one.
pub(super) fn read(line: &str) -> Option<Run> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let outcome = value["outcome"].as_str();
    let how = Ended::ALL.iter().find(|(_, word)| Some(*word) == outcome).map(|(how, _)| *how);
    Some(Run {
        started_us: value["started_us"].as_i64()?,
        host: text("host"),
        pid: value["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default(),
        end: value["ended_us"].as_i64().zip(how).map(|(at_us, how)| End {
            at_us,
            how,
            message: text("message"),
            damaged: value["damaged"].as_u64().unwrap_or_default(),
        }),
    })
}
