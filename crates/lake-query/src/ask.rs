//! What every query may say of how it is run, and the way from there to a mounted lake.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lake_cli::{Failure, parse};
use lake_engine::{Engine, Mounted, Options, spell_parameters};
use lake_log::{Lake, Snapshot};
use lake_store::Stopwatch;

use crate::failure::of_engine;
use crate::open::AtVersion;
use crate::session;
use crate::stop::{CtrlC, Stop};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Ask {
    /// Set what the SQL reads as $NAME, a text: --param symbol=600519
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    params: Vec<(String, String)>,
    /// Interrupt the query after this time: 30s, 5m
    #[arg(long, value_name = "D", value_parser = parse::duration)]
    timeout: Option<Duration>,
    /// Memory the query may use; by default four fifths of the machine's
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    max_memory: Option<u64>,
    /// Threads the query may use; by default one a core
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// Directory in which a query larger than its memory may spill
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    temp_dir: Option<PathBuf>,
}

/// A file beside the lake.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Attach {
    /// Let SQL read the tables of this DuckDB file, too, as NAME.TABLE: of old.duckdb as
    /// old.bars
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    attach: Option<PathBuf>,
}

impl Attach {
    pub(crate) fn to(&self, opened: Opened) -> Opened {
        match &self.attach {
            Some(file) => opened.attach(file),
            None => opened,
        }
    }
}

fn param(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A lake opened at a version; from here on Ctrl-C waits for the query.
pub(crate) struct Opened {
    ask: Ask,
    ctrl_c: CtrlC,
    pub(crate) lake: Lake,
    pub(crate) snapshot: Snapshot,
    pub(crate) watch: Stopwatch,
    attach: Option<PathBuf>,
}

/// A lake that answers.
pub(crate) struct Session {
    /// What the tables of the attached file are called by.
    pub(crate) attached: Option<String>,
    pub(crate) mounted: Mounted,
    pub(crate) stop: Stop,
    pub(crate) watch: Stopwatch,
}

impl Ask {
    pub(crate) fn open(self, lake: &Path, at: &AtVersion) -> Result<Opened, Failure> {
        let watch = Stopwatch::start();
        let mut names = BTreeSet::new();
        // DuckDB's variables have no case.
        if let Some((twice, _)) = self.params.iter().find(|(n, _)| !names.insert(n.to_lowercase()))
        {
            return Err(Failure::bad_input(format!("--param sets {twice} twice")));
        }
        let ctrl_c = CtrlC::hold();
        let (lake, snapshot) = at.open(lake)?;
        Ok(Opened { ask: self, ctrl_c, lake, snapshot, watch, attach: None })
    }

    /// The statement with its parameters.
    pub(crate) fn spell(&self, sql: &str) -> String {
        let names: Vec<&str> = self.params.iter().map(|(name, _)| name.as_str()).collect();
        spell_parameters(sql, &names)
    }

    pub(crate) fn params(&self) -> &[(String, String)] {
        &self.params
    }
}

impl Opened {
    /// The lake's directory.
    pub(crate) fn root(&self) -> &Path {
        self.lake.root().path()
    }

    /// Lets SQL read the tables of a DuckDB file, too.
    pub(crate) fn attach(mut self, file: &Path) -> Opened {
        self.attach = Some(file.to_owned());
        self
    }

    /// `drafts` is a directory in which DuckDB may write.
    pub(crate) fn mount(self, drafts: Option<&Path>) -> Result<Session, Failure> {
        let Opened { ask, ctrl_c, lake, snapshot, watch, attach } = self;
        lake_store::process::raise_file_limit();
        let options = Options { threads: ask.threads, memory: ask.max_memory, spill: ask.temp_dir };
        let mut engine = Engine::open(&options).map_err(of_engine)?;
        let attached = attach.map(|file| engine.attach(&file)).transpose().map_err(of_engine)?;
        if let Some(drafts) = drafts {
            engine = engine.drafts_in(drafts).map_err(of_engine)?;
        }
        let stop = ctrl_c.watch(engine.interrupt(), ask.timeout);
        let mut mounted = session::mount(engine, lake, snapshot)?;
        for (name, value) in &ask.params {
            mounted.set(name, value).map_err(of_engine)?;
        }
        Ok(Session { attached, mounted, stop, watch })
    }
}
