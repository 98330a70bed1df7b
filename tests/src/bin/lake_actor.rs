//! One process at work on a lake, for the suite `processes`:
//!
//! `lake-actor PATH NAME COUNT [FROM]` commits seqs FROM, FROM+1, ... of the
//! producer NAME, and says a line for each that is committed;
//! `lake-actor PATH NAME read` says version and checksum of every version it sees
//! until its input ends;
//! `lake-actor PATH NAME files` reads every file of each version it sees until then;
//! `lake-actor PATH NAME hold` leases the newest version, and reads its files when it
//! is told to;
//! `lake-actor PATH NAME churn COUNT` commits, and takes out again what it committed.
//!
//! It says `ready` and waits for a line before it begins. LAKE_FAULT is the plan
//! of what goes wrong then, LAKE_MUTANT the rule that is broken.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it is told what to do by its environment, and answers by lines"
)]

use std::io::{self, BufRead};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lake_core::segment::Part;
use lake_core::state::State;
use lake_log::{Access, At, Lake, LogError, Outcome};
use lake_store::fault;
use lake_testkit::{Workload, content, part};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, name, what, rest @ ..] = &args[..] else {
        println!("usage: lake-actor PATH NAME COUNT|read [FROM]");
        return ExitCode::from(2);
    };
    let path = Path::new(path);
    let done = match (what.as_str(), what.parse(), rest.first().map(|from| from.parse())) {
        ("read", ..) => read(path),
        ("files", ..) => files(path),
        ("hold", ..) => hold(path),
        ("churn", _, Some(Ok(count))) => churn(path, name, count),
        (_, Ok(count), None) => write(path, name, 1, count),
        (_, Ok(count), Some(Ok(from))) => write(path, name, from, count),
        _ => Err("COUNT and FROM are numbers".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("error {why}");
            ExitCode::FAILURE
        }
    }
}

fn said(error: LogError) -> String {
    format!("{:?} {error}", error.kind())
}

fn write(path: &Path, name: &str, from: u64, count: u64) -> Result<(), String> {
    let mut work = Workload::open(path, name).map_err(said)?;
    let parts: Vec<Part> = vec![part(name).map_err(|e| e.to_string())?];
    begin()?;
    for seq in from..from + count {
        match work.append(&parts, seq).map_err(said)? {
            Outcome::Committed { version, .. } => println!("{seq} {version}"),
            Outcome::Duplicate { version, .. } => println!("{seq} {version} again"),
            Outcome::Conflict(why) => return Err(format!("conflict: {why}")),
        }
    }
    Ok(())
}

fn churn(path: &Path, name: &str, count: u64) -> Result<(), String> {
    let mut work = Workload::open(path, name).map_err(said)?;
    let own = part(name).map_err(|e| e.to_string())?;
    begin()?;
    for seq in 1..=count {
        for outcome in [work.append(std::slice::from_ref(&own), seq), work.clear(&own)] {
            if let Outcome::Conflict(why) = outcome.map_err(said)? {
                return Err(format!("conflict: {why}"));
            }
        }
    }
    println!("done {count}");
    Ok(())
}

/// How many files a version has, all of them there and whole.
fn whole(lake: &Lake, state: &State) -> Result<usize, String> {
    for table in state.tables() {
        for (part, segment) in table.segments() {
            let path = table.path(part, segment);
            let bytes = lake.root().read(&path).map_err(|e| e.to_string())?;
            if bytes != content(&segment.id) {
                return Err(format!("{path} is not what was written"));
            }
        }
    }
    Ok(state.segment_count())
}

fn hold(path: &Path) -> Result<(), String> {
    let mut lake = Lake::open(path, Access::Read).map_err(said)?;
    begin()?;
    let held = lake.snapshot(At::Newest).map_err(said)?;
    println!("holds {}", held.version());
    loop {
        io::stdin().lock().read_line(&mut String::new()).map_err(|e| e.to_string())?;
        println!("whole {}", whole(&lake, held.state())?);
    }
}

fn files(path: &Path) -> Result<(), String> {
    let mut lake = Lake::open(path, Access::Read).map_err(said)?;
    begin()?;
    let over = until_input_ends();
    let mut looks = 0;
    loop {
        let last = over.load(Ordering::Acquire);
        let newest = lake.snapshot(At::Newest).map_err(said)?;
        whole(&lake, newest.state())?;
        looks += 1;
        if last {
            println!("whole {looks}");
            return Ok(());
        }
    }
}

fn until_input_ends() -> Arc<AtomicBool> {
    let over = Arc::new(AtomicBool::new(false));
    let end = over.clone();
    std::thread::spawn(move || {
        let _ = io::stdin().lock().read_line(&mut String::new());
        end.store(true, Ordering::Release);
    });
    over
}

/// Ready, told to go on, and only now is anything armed.
fn begin() -> Result<(), String> {
    println!("ready");
    io::stdin().lock().read_line(&mut String::new()).map_err(|e| e.to_string())?;
    if let Ok(mutant) = std::env::var("LAKE_MUTANT") {
        fault::mutate(fault::Mutant::parse(&mutant));
    }
    if let Ok(plan) = std::env::var("LAKE_FAULT") {
        fault::arm(fault::parse(&plan)?);
    }
    Ok(())
}

fn read(path: &Path) -> Result<(), String> {
    let mut lake = Lake::open(path, Access::Read).map_err(said)?;
    let mut seen = lake.state().version;
    begin()?;
    let over = until_input_ends();
    loop {
        let last = over.load(Ordering::Acquire);
        let newest = lake.snapshot(At::Newest).map_err(said)?;
        if newest.version() < seen {
            return Err(format!("version {} after {seen}", newest.version()));
        }
        for version in seen + 1..=newest.version() {
            let one = lake.snapshot(At::Version(version)).map_err(said)?;
            println!("{version} {:016x}", one.state().hash);
        }
        seen = newest.version();
        if last {
            return Ok(());
        }
    }
}
