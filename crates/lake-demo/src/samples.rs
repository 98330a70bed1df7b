//! Made-up daily bars, the same at every run.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};

pub(crate) const SCHEMA: &str = "symbol VARCHAR, date DATE, open DOUBLE, high DOUBLE, low DOUBLE, \
                                 close DOUBLE, volume BIGINT, amount DOUBLE";
const HEADER: &str = "symbol,date,open,high,low,close,volume,amount\n";

/// `days` days of symbols 0..`symbols`, as a CSV file.
pub(crate) fn history(work: &Path, symbols: u64, days: u64) -> Result<String> {
    let mut text = HEADER.to_owned();
    for symbol in 0..symbols {
        for day in 0..days {
            row(&mut text, symbol, day)?;
        }
    }
    save(work, "history.csv", &text)
}

/// One day of some symbols, as a CSV file of this writer's own.
pub(crate) fn day(work: &Path, writer: u64, symbols: Range<u64>, day: u64) -> Result<String> {
    let mut text = HEADER.to_owned();
    for symbol in symbols {
        row(&mut text, symbol, day)?;
    }
    save(work, &format!("sync-{writer}.csv"), &text)
}

fn save(work: &Path, name: &str, text: &str) -> Result<String> {
    let path = work.join(name);
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path.to_string_lossy().into_owned())
}

fn row(text: &mut String, symbol: u64, day: u64) -> Result<()> {
    let wave = ((symbol * 7919 + day * 104_729) % 997) as f64 / 997.0;
    let open = 10.0 + symbol as f64 + wave;
    let close = open + wave - 0.5;
    let (high, low) = (open.max(close) + 0.2, open.min(close) - 0.2);
    let volume = 10_000 + (wave * 90_000.0) as u64;
    let (month, date) = (day / 28 % 12 + 1, day % 28 + 1);
    let year = 2025 + day / 336;
    writeln!(
        text,
        "{:06},{year}-{month:02}-{date:02},{open:.2},{high:.2},{low:.2},{close:.2},{volume},{:.2}",
        600_000 + symbol,
        volume as f64 * close
    )?;
    Ok(())
}
