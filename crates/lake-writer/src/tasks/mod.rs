//! What is done to a lake now and then, by `run`, `tasks run` and whoever calls them.

mod crew;
mod job;
pub(crate) mod plan;
mod work;

pub(crate) use crew::Crew;
pub(crate) use job::{Done, Job, Ran};

/// A task is a name in lake.toml, a schedule, and in `work` what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    Drain,
    Retain,
    Compact,
    Vacuum,
    Health,
}

impl Task {
    pub(crate) const ALL: [Task; 5] =
        [Task::Drain, Task::Retain, Task::Compact, Task::Vacuum, Task::Health];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Task::Drain => "drain",
            Task::Retain => "retain",
            Task::Compact => "compact",
            Task::Vacuum => "vacuum",
            Task::Health => "health",
        }
    }

    /// When it runs, unless lake.toml says it.
    fn default_at(self) -> &'static str {
        match self {
            Task::Drain | Task::Compact | Task::Health => "*/5 * * * *",
            Task::Retain => "0 2 * * *",
            Task::Vacuum => "@hourly",
        }
    }
}
