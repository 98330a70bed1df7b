//! `cargo demo`: builds the two programs, then lets several sync processes write
//! into one lake while a reader queries it, as a user would by hand. Prints what
//! it did and ends with an error if a row was lost, doubled or hidden.

// A driver of programs, not a part of the lake: it starts processes, reads the
// clock, writes its own sample files and prints.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

mod programs;
mod report;
mod samples;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use programs::Programs;

const WRITERS: u64 = 4;
const DAYS: u64 = 60;
/// Symbols of each writer, one row a day each.
const SYMBOLS: u64 = 5;
const COUNT: &str =
    "SELECT count(*), count(DISTINCT (symbol, date)), count(DISTINCT symbol) FROM bars";

fn main() -> Result<()> {
    let programs = Programs::build()?;
    let work = tempfile::tempdir().context("a directory for the demo's lake")?;
    let lake = work.path().join("lake");
    println!("The lake is {} (removed at the end).\n", lake.display());
    prepare(&programs, &lake, work.path())?;
    let begin = Instant::now();
    let (writes, reads) = race(&programs, &lake, work.path())?;
    let took = begin.elapsed();
    report::table(&writes, &reads, took);
    conclude(&programs, &lake, work.path())
}

fn prepare(programs: &Programs, lake: &Path, work: &Path) -> Result<()> {
    programs.writer(lake, &["init"])?;
    programs.writer(
        lake,
        &[
            "create",
            "bars",
            "--schema",
            samples::SCHEMA,
            "--partition-by",
            "symbol",
            "--key",
            "symbol,date",
            "--order-by",
            "date",
        ],
    )?;
    let history = samples::history(work, WRITERS * SYMBOLS, 250)?;
    let begin = Instant::now();
    let receipt = programs.writer(lake, &["ingest", "bars", &history, "--format", "json"])?;
    println!(
        "History: {} rows of {} symbols in one commit, {:.0} ms.\n",
        receipt["rows_written"],
        WRITERS * SYMBOLS,
        begin.elapsed().as_secs_f64() * 1e3
    );
    Ok(())
}

/// Each writer commits one process a day; the reader counts until they are done.
fn race(
    programs: &Programs,
    lake: &Path,
    work: &Path,
) -> Result<(Vec<report::Writes>, report::Reads)> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(programs, lake, &done));
        let writers: Vec<_> = (0..WRITERS)
            .map(|w| scope.spawn(move || write_days(programs, lake, work, w)))
            .collect();
        let writes: Result<Vec<_>> = writers.into_iter().map(programs::joined).collect();
        done.store(true, Ordering::Release);
        let reads = programs::joined(reader)?;
        Ok((writes?, reads))
    })
}

fn write_days(programs: &Programs, lake: &Path, work: &Path, w: u64) -> Result<report::Writes> {
    let producer = format!("sync-{w}");
    let mut writes = report::Writes::new(&producer);
    for day in 0..DAYS {
        let file = samples::day(work, w, w * SYMBOLS..(w + 1) * SYMBOLS, 250 + day)?;
        let seq = (day + 1).to_string();
        let begin = Instant::now();
        let receipt = programs.writer(
            lake,
            &["ingest", "bars", &file, "--producer", &producer, "--seq", &seq, "--format", "json"],
        )?;
        writes.add(begin.elapsed(), receipt["rows_written"].as_u64().unwrap_or(0));
    }
    Ok(writes)
}

fn read_until(programs: &Programs, lake: &Path, done: &AtomicBool) -> Result<report::Reads> {
    let mut reads = report::Reads::default();
    let mut last = 0;
    loop {
        let finished = done.load(Ordering::Acquire);
        let begin = Instant::now();
        let answer = programs.query(lake, &["sql", COUNT, "--format", "json"])?;
        reads.add(begin.elapsed());
        let row = &answer["rows"][0];
        let (rows, keys) = (row[0].as_u64(), row[1].as_u64());
        ensure!(rows == keys, "a reader saw a row twice: {answer}");
        let rows = rows.context("a count")?;
        ensure!(rows >= last, "a reader saw rows vanish: {last}, then {rows}");
        ensure!(rows % SYMBOLS == 0, "a reader saw half a commit: {rows} rows");
        last = rows;
        if finished {
            return Ok(reads);
        }
    }
}

fn conclude(programs: &Programs, lake: &Path, work: &Path) -> Result<()> {
    let expected = WRITERS * SYMBOLS * (250 + DAYS);
    let answer = programs.query(lake, &["sql", COUNT, "--format", "json"])?;
    let rows = answer["rows"][0][0].as_u64().context("a count")?;
    ensure!(rows == expected, "{rows} rows where {expected} were acknowledged");
    println!("\nAt version {}: {rows} rows, none lost, none doubled.", answer["version"]);

    let file = samples::day(work, 0, 0..SYMBOLS, 250)?;
    let again = programs.writer(
        lake,
        &["ingest", "bars", &file, "--producer", "sync-0", "--seq", "1", "--format", "json"],
    )?;
    ensure!(again["duplicate"] == true, "a retried batch was committed twice: {again}");
    println!("A batch sent again is answered by its first receipt, version {}.", again["version"]);

    println!(
        "\n$ lake-query sql \"SELECT symbol, max(date) AS date, last(close ORDER BY date) AS close ...\""
    );
    let newest = "SELECT symbol, max(date) AS date, last(close ORDER BY date) AS close, count(*) AS days \
                  FROM bars GROUP BY symbol ORDER BY symbol LIMIT 5";
    print!("{}", programs.query_text(lake, &["sql", newest])?);
    println!("\n$ lake-query tables");
    print!("{}", programs.query_text(lake, &["tables"])?);
    println!("\n$ lake-query history --limit 3");
    print!("{}", programs.query_text(lake, &["history", "--limit", "3"])?);
    Ok(())
}
