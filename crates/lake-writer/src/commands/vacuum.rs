use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lake_cli::render::Record;
use lake_cli::{Console, Failure, Outcome, Tally, human, parse};
use lake_core::kind::Kind;
use lake_log::{Access, Lake};
use lake_maintain::vacuum::{self, Count, Cut, Hold, Holder, Meter, Options, Phase, Report};
use lake_store::{Deadline, Stopwatch};
use serde_json::{Value, json};

use crate::failure::{of_log, of_maintain};
use crate::settings;
use crate::stop::Signals;

const EXAMPLES: &str = "\
Examples:
  lake-writer vacuum --dry-run
  lake-writer vacuum
  lake-writer vacuum --grace 7d --max-seconds 300
  lake-writer vacuum --grace 0s        (only the newest version stays, and what is held)

What stays: every version that was the newest at any time within the grace, a tagged version and
all after it, the files of every query that runs, and what a living writer has not committed yet.
Nobody is waited for and no query fails. What a compaction, a delete or a killed writer left goes
to _lake/trash and comes back by lake-writer undelete, until a vacuum finds it there for longer
than the grace. Files that are not the lake's are left alone and told. It may be stopped, or
killed, at any time: the next one goes on.

The grace is for readers outside of these programs, such as a mounted analysis.duckdb; lake.toml
can say it:

  [vacuum]
  grace = \"12h\"

Exits 3 when another vacuum is at work, and 1, with nothing done, when more is to go that no
version names than killed writers can have left.";

/// A sample of what is foreign; the count says how much there is.
const SHOWN: usize = 5;

/// Delete the files that no version and no reader needs any more
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Vacuum {
    /// How long old versions stay readable, and files in the trash [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    grace: Option<Duration>,
    /// Refuse when the files that no version names are more than this share of the live bytes
    /// [default: 0.5, from 64 MiB on]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    max_share: Option<f64>,
    /// End after so many seconds, between two files; the next vacuum goes on
    #[arg(long, value_name = "S")]
    max_seconds: Option<u64>,
    /// Say what would go and what is held, change nothing
    #[arg(long)]
    dry_run: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| *share >= 0.0 && share.is_finite());
    share.ok_or_else(|| "it is a number such as 0.5".to_owned())
}

impl Vacuum {
    pub(crate) fn run(self, path: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let signals = Signals::hold();
        lake_store::process::raise_file_limit();
        let grace = settings::vacuum_grace(path, self.grace)?;
        let access = if self.dry_run { Access::Read } else { Access::Write };
        let mut lake = Lake::open(path, access).map_err(of_log)?;
        let options = Options { grace, max_share: self.max_share, dry_run: self.dry_run };
        let stop = Arc::<AtomicBool>::default();
        let span = self.max_seconds.map_or(Duration::MAX, Duration::from_secs);
        let meter = Meter::until(stop.clone(), Deadline::after(span));
        signals.watch(move || stop.store(true, Ordering::Relaxed));
        let watch = Stopwatch::start();
        let shown = {
            let meter = meter.clone();
            console.progress(move || tally(&meter, &watch))
        };
        let done = vacuum::run(&mut lake, &options, &meter).map_err(of_maintain)?;
        drop(shown);
        if !self.dry_run {
            console.out.committed();
        }
        console.record(&record(&done, watch.elapsed()))?;
        told(&done, &options, watch.elapsed(), console);
        match done.cut {
            Some(Cut::Stopped) => {
                let message = "stopped; what was moved or deleted stays so, the rest is left";
                Err(Failure::new(Kind::Interrupted, message).hint("the next vacuum goes on"))
            }
            Some(Cut::Late) => {
                console.note("the time is up, the next vacuum goes on");
                Ok(Outcome::Done)
            }
            None => Ok(Outcome::Done),
        }
    }
}

fn tally(meter: &Meter, watch: &Stopwatch) -> Tally {
    let stage = match meter.phase() {
        Phase::Looking => "looking for files that nobody needs",
        Phase::Moving => "moving files to the trash",
        Phase::Emptying => "emptying the trash",
    };
    Tally { elapsed: watch.elapsed(), stage: Some(stage), ..Tally::default() }
}

fn record(done: &Report, elapsed: Duration) -> Record {
    let moved = [done.superseded, done.orphans];
    let sum = |of: fn(&Count) -> u64| moved.iter().map(of).sum::<u64>();
    Record::new()
        .with("version", done.version)
        .with("floor", done.floor)
        .with("boundary", done.boundary)
        .with("files_removed", sum(|c| c.files))
        .with("bytes_removed", sum(|c| c.bytes))
        .with("superseded_files", done.superseded.files)
        .with("superseded_bytes", done.superseded.bytes)
        .with("orphan_files", done.orphans.files)
        .with("orphan_bytes", done.orphans.bytes)
        .with("leftover_files", done.leftovers.files)
        .with("leftover_bytes", done.leftovers.bytes)
        .with("trash_files_deleted", done.emptied.files)
        .with("trash_bytes_deleted", done.emptied.bytes)
        .with("trash", done.trash.clone())
        .with("held", done.held.iter().map(hold).collect::<Vec<Value>>())
        .with("foreign_files", done.foreign.len() as u64)
        .with("elapsed_ms", elapsed.as_millis() as u64)
}

fn hold(held: &Hold) -> Value {
    let Count { files, bytes } = held.what;
    match &held.by {
        Holder::Grace => json!({"by": "grace", "files": files, "bytes": bytes}),
        Holder::Lease(version) => {
            json!({"by": "lease", "version": version, "files": files, "bytes": bytes})
        }
        Holder::Tag(name, version) => {
            json!({"by": "tag", "name": name, "version": version, "files": files, "bytes": bytes})
        }
        Holder::Writers(n) => {
            json!({"by": "writers", "sessions": n, "files": files, "bytes": bytes})
        }
        Holder::Spool(n) => json!({"by": "spool", "sessions": n, "files": files, "bytes": bytes}),
        Holder::Log(start) => {
            json!({"by": "log", "version": start, "files": files, "bytes": bytes})
        }
    }
}

/// In words, for a person at a terminal.
fn told(done: &Report, options: &Options, elapsed: Duration, console: &mut Console) {
    for held in &done.held {
        let line = sentence(held);
        match held.by {
            Holder::Log(_) => console.warn(line),
            _ => console.summary(line),
        }
    }
    for path in done.foreign.iter().take(SHOWN) {
        console.note(format!("not the lake's, left alone: {}", path));
    }
    if let Some(more) = done.foreign.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        console.note(format!("and {} more that are not the lake's", human::count(more as u64)));
    }
    let moved = counted(Count {
        files: done.superseded.files + done.orphans.files,
        bytes: done.superseded.bytes + done.orphans.bytes,
    });
    let gone = counted(done.emptied);
    if options.dry_run {
        console.note("dry run: nothing was removed");
    } else {
        let time = human::duration(elapsed);
        console.summary(format!("{moved} to the trash, {gone} deleted from it, in {time}"));
    }
}

fn counted(what: Count) -> String {
    let files = if what.files == 1 { "file" } else { "files" };
    format!("{} {files} ({})", human::count(what.files), human::bytes(what.bytes))
}

fn sentence(held: &Hold) -> String {
    let what = counted(held.what);
    match &held.by {
        Holder::Grace => format!("held by the grace: {what}"),
        Holder::Lease(version) => {
            format!("held by a reader of version {version}: {what}")
        }
        Holder::Tag(name, version) => {
            format!("held by tag {name} since version {version}: {what}")
        }
        Holder::Writers(n) => format!("held by {n} writers at work, not committed yet: {what}"),
        Holder::Spool(_) => format!("held by the spool (see lake-writer drain): {what}"),
        Holder::Log(start) => format!(
            "kept, as the log seems to have lost its end: {what} that no version names, written \
             at version {start} or before; is _lake/log from an older backup?"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number() {
        assert_eq!(share("0.5"), Ok(0.5));
        assert_eq!(share("2"), Ok(2.0));
        for bad in ["", "-1", "NaN", "inf", "50%"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_holder_is_told_in_words_and_in_json() {
        let what = Count { files: 1, bytes: 2048 };
        let all = [
            (Holder::Grace, "grace", "held by the grace: 1 file (2.0 KiB)"),
            (Holder::Lease(7), "lease", "held by a reader of version 7: 1 file (2.0 KiB)"),
            (Holder::Tag("eod".into(), 7), "tag", "held by tag eod since version 7"),
            (Holder::Writers(2), "writers", "held by 2 writers at work"),
            (Holder::Spool(2), "spool", "held by the spool (see lake-writer drain)"),
            (Holder::Log(9), "log", "kept, as the log seems to have lost its end"),
        ];
        for (by, word, text) in all {
            let held = Hold { by, what };
            assert_eq!(hold(&held)["by"], word);
            assert_eq!(hold(&held)["files"], 1);
            assert!(sentence(&held).starts_with(text), "{}", sentence(&held));
        }
    }
}
