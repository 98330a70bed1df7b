//! An engine: one DuckDB in memory, cut off from everything but one lake's files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use duckdb::{Config, Connection, InterruptHandle, ProgressHandle};
use lake_core::layout;
use lake_log::Snapshot;

use crate::error::{EngineError, Result};
use crate::literal::literal;
use crate::mounted::Mounted;

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// None: one per core.
    pub threads: Option<u32>,
    /// Bytes; None: four fifths of the machine's.
    pub memory: Option<u64>,
    /// Where a query larger than its memory may spill; None: it fails.
    pub spill: Option<PathBuf>,
}

/// An engine without a lake yet.
pub struct Engine {
    pub(crate) connection: Connection,
    spills: bool,
    /// A directory that it may write in.
    drafts: Option<String>,
}

/// Stops the query that runs, from any thread.
#[derive(Clone)]
pub struct Interrupt(Arc<InterruptHandle>);

impl Interrupt {
    pub(crate) fn of(connection: &Connection) -> Interrupt {
        Interrupt(connection.interrupt_handle())
    }

    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// Says how far the query is that runs, to any thread.
#[derive(Clone)]
pub struct Gauge(ProgressHandle);

impl Gauge {
    pub(crate) fn of(connection: &Connection) -> Gauge {
        Gauge(connection.progress_handle())
    }

    /// From 0 to 1; None where nothing runs or DuckDB cannot tell.
    pub fn share(&self) -> Option<f64> {
        self.0.query_progress().percentage().map(|percent| percent / 100.0)
    }
}

impl Engine {
    pub fn open(options: &Options) -> Result<Engine> {
        let failed = |error| EngineError::of(&error, "/");
        let connection = Connection::open_in_memory_with_flags(config(options).map_err(failed)?)
            .map_err(failed)?;
        Ok(Engine { connection, spills: options.spill.is_some(), drafts: None })
    }

    /// Lets [`Mounted::write_parquet`] and [`Mounted::write_database`] make files in this
    /// directory, which nobody else uses. No statement of a user's can.
    pub fn drafts_in(mut self, dir: &Path) -> Result<Engine> {
        self.drafts = Some(text(dir)?);
        Ok(self)
    }

    pub fn interrupt(&self) -> Interrupt {
        Interrupt::of(&self.connection)
    }

    /// Makes the snapshot's tables visible; its lease is held as long as the result
    /// lives. `root` is the lake's directory.
    pub fn mount(self, snapshot: Snapshot, root: &Path) -> Result<Mounted> {
        let state = snapshot.state().clone();
        let root = text(root)?;
        self.lock(&root)?;
        Mounted::new(self.connection, state, Some(snapshot), root)
    }

    #[cfg(test)]
    pub(crate) fn mount_state(
        self,
        state: Arc<lake_core::state::State>,
        root: &Path,
    ) -> Result<Mounted> {
        let root = text(root)?;
        self.lock(&root)?;
        Mounted::new(self.connection, state, None, root)
    }

    /// From here on no file can be reached but those that are attached.
    pub(crate) fn shut(&self) -> Result<()> {
        let spill = if self.spills { "" } else { "SET temp_directory = '';" };
        let sql =
            format!("{spill} SET enable_external_access = false; SET lock_configuration = true;");
        self.connection.execute_batch(&sql).map_err(|error| EngineError::of(&error, "/"))
    }

    /// From here on nothing but the lake's segments can be reached, and no setting
    /// can be changed.
    fn lock(&self, root: &str) -> Result<()> {
        let top = root.trim_end_matches('/');
        let warehouse = literal(&format!("{top}/{}/", layout::WAREHOUSE));
        let archive = literal(&format!("{top}/archive/"));
        let drafts = self.drafts.as_ref().map_or_else(String::new, |dir| {
            format!(", {}", literal(&format!("{}/", dir.trim_end_matches('/'))))
        });
        let spill = if self.spills { "" } else { "SET temp_directory = '';" };
        let sql = format!(
            "SET parquet_metadata_cache = true; SET enable_progress_bar = true; SET enable_progress_bar_print = false; \
             {spill} SET allowed_directories = [{warehouse}, {archive}{drafts}]; \
             SET enable_external_access = false; SET lock_configuration = true;"
        );
        self.connection.execute_batch(&sql).map_err(|error| EngineError::of(&error, root))
    }
}

pub(crate) fn config(options: &Options) -> duckdb::Result<Config> {
    let mut config = Config::default()
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")?
        .with("allow_community_extensions", "false")?;
    if let Some(threads) = options.threads {
        config = config.with("threads", threads.max(1).to_string())?;
    }
    if let Some(bytes) = options.memory {
        config = config.with("memory_limit", format!("{bytes}B"))?;
    }
    if let Some(Some(spill)) = options.spill.as_ref().map(|p| p.to_str()) {
        config = config.with("temp_directory", spill)?;
    }
    Ok(config)
}

/// A path, such as the lake's directory, as SQL can say it.
pub(crate) fn text(root: &Path) -> Result<String> {
    let absolute = std::path::absolute(root).ok();
    let text = absolute.as_ref().and_then(|path| path.to_str());
    text.map(str::to_owned).ok_or_else(|| EngineError::Path(root.into()))
}
