//! The rules: what is measured, and above what it is an alert.

use super::{Measure, Unit, Vitals};

pub struct Rule {
    /// Its name in `[alerts]` of lake.toml.
    pub name: &'static str,
    pub unit: Unit,
    /// It alerts above this; None: it is off unless somebody says a limit.
    pub default: Option<f64>,
    pub about: &'static str,
    pub remedy: &'static str,
    pub(super) measure: fn(&Vitals) -> Option<Measure>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.name == other.name
    }
}

const DAY: f64 = 86_400.0;

pub const RULES: [Rule; 11] = [
    Rule {
        name: "spool_rows",
        unit: Unit::Count,
        default: Some(10_000.0),
        about: "rows that wait in the spool, durable but not visible",
        remedy: "lake-writer drain",
        measure: |vitals| count(vitals.spool_rows),
    },
    Rule {
        name: "disk_used",
        unit: Unit::Share,
        default: Some(0.9),
        about: "the part of the lake's disk that is used",
        remedy: "lake-writer vacuum with a shorter grace, or a larger disk",
        measure: |vitals| {
            let (used, all) = vitals.disk.filter(|(_, all)| *all > 0)?;
            Some(Measure { value: used as f64 / all as f64, of: None })
        },
    },
    Rule {
        name: "increments",
        unit: Unit::Count,
        default: Some(64.0),
        about: "the most increments that hold rows of one symbol",
        remedy: "lake-writer compact; if it runs, run it more often",
        measure: |vitals| {
            let (files, of) = vitals.increments.clone()?;
            Some(Measure { value: files as f64, of: Some(of) })
        },
    },
    Rule {
        name: "increment_age",
        unit: Unit::Age,
        // A few increments of a quiet table are not worth merging, however old.
        default: None,
        about: "the age of the oldest increment",
        remedy: "lake-writer compact --full",
        measure: |vitals| {
            let (value, of) = vitals.increment_age_s.clone()?;
            Some(Measure { value, of: Some(of) })
        },
    },
    Rule {
        name: "compaction_age",
        unit: Unit::Age,
        default: Some(2.0 * DAY),
        about: "the time since the task compact succeeded",
        remedy: "is lake-writer run alive? lake-writer tasks history compact",
        measure: |vitals| Some(Measure { value: vitals.compaction_age()?, of: None }),
    },
    Rule {
        name: "failed_runs",
        unit: Unit::Share,
        default: Some(0.05),
        about: "the part of the tasks' runs that failed within a day",
        remedy: "lake-writer tasks history --failed",
        measure: |vitals| {
            let (value, of) = vitals.failures()?;
            Some(Measure { value, of: Some(of) })
        },
    },
    Rule {
        name: "failed_in_a_row",
        unit: Unit::Count,
        default: Some(2.0),
        about: "a task's newest runs, if all of them failed",
        remedy: "lake-writer tasks history --failed",
        measure: |vitals| {
            let (runs, of) = vitals.failed_in_a_row()?;
            Some(Measure { value: runs as f64, of })
        },
    },
    Rule {
        name: "lease_age",
        unit: Unit::Age,
        default: Some(DAY),
        about: "for how long the oldest version that a reader holds has been outdated",
        remedy: "its reader keeps files from vacuum: end it, if it was forgotten",
        measure: |vitals| {
            let (value, version) = vitals.lease?;
            Some(Measure { value, of: (version > 0).then(|| format!("version {version}")) })
        },
    },
    Rule {
        name: "rejected_rows",
        unit: Unit::Count,
        default: Some(1000.0),
        about: "rows that were put in quarantine within a day",
        remedy: "lake-writer quarantine list",
        measure: |vitals| count(vitals.rejected_rows),
    },
    Rule {
        name: "damaged_files",
        unit: Unit::Count,
        default: Some(0.0),
        about: "files that compaction found damaged or missing and leaves alone",
        remedy: "lake-writer verify --deep, then repair, or restore them from a backup",
        measure: |vitals| {
            let (files, of) = vitals.damaged.clone()?;
            Some(Measure { value: files as f64, of })
        },
    },
    Rule {
        name: "unproven_merges",
        unit: Unit::Count,
        default: Some(0.0),
        about: "tables of which a compaction would have lost or changed rows, and did not commit",
        remedy: "report it with the files in _lake/quarantine/unproven, then remove these",
        measure: |vitals| {
            let tables = vitals.unproven.as_ref()?;
            let of = (!tables.is_empty()).then(|| format!("table {}", tables.join(", ")));
            Some(Measure { value: tables.len() as f64, of })
        },
    },
];

fn count(n: Option<u64>) -> Option<Measure> {
    n.map(|n| Measure { value: n as f64, of: None })
}
