//! The two programs, built and run as a user would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::ScopedJoinHandle;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

pub(crate) struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Builds them where this program was built: the first time that takes as long
    /// as DuckDB's C++ does.
    pub(crate) fn build() -> Result<Programs> {
        let own = std::env::current_exe()?;
        let directory = own.parent().context("the directory of this program")?.to_owned();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        println!("Building lake-writer and lake-query (the first time this takes a while) ...");
        let status = Command::new(cargo)
            .args(["build", "--release", "--locked", "-p", "lake-writer", "-p", "lake-query"])
            .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")])
            .status()
            .context("starting cargo")?;
        if !status.success() {
            bail!("the build failed");
        }
        Ok(Programs { directory })
    }

    fn run(&self, program: &str, lake: &Path, args: &[&str]) -> Result<Output> {
        let output = Command::new(self.directory.join(program))
            .arg("--lake")
            .arg(lake)
            .args(args)
            .output()
            .with_context(|| format!("starting {program}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{program} {} failed ({}):\n{said}", args.join(" "), output.status);
        }
        Ok(output)
    }

    /// What the writer says, when it says JSON.
    pub(crate) fn writer(&self, lake: &Path, args: &[&str]) -> Result<Value> {
        let output = self.run("lake-writer", lake, args)?;
        Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    }

    pub(crate) fn query(&self, lake: &Path, args: &[&str]) -> Result<Value> {
        let output = self.run("lake-query", lake, args)?;
        serde_json::from_slice(&output.stdout).context("lake-query's answer")
    }

    pub(crate) fn query_text(&self, lake: &Path, args: &[&str]) -> Result<String> {
        let output = self.run("lake-query", lake, args)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

pub(crate) fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_| anyhow!("a thread of the demo panicked"))?
}
