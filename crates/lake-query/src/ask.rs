//! What every query may say of how it is run, and the way from there to a mounted lake.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lake_cli::Failure;
use lake_engine::{Engine, Mounted, spell_parameters};
use lake_log::{Lake, Snapshot};
use lake_store::Stopwatch;

use crate::failure::of_engine;
use crate::limits::Limits;
use crate::open::AtVersion;
use crate::session::{self, Shared};
use crate::stop::{CtrlC, Stop};
use crate::turn::Turns;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Ask {
    /// Set what the SQL reads as $NAME, a text: --param symbol=600519
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    params: Vec<(String, String)>,
    #[command(flatten)]
    limits: Limits,
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

/// A lake that goes on answering.
pub(crate) struct Stay {
    pub(crate) mounted: Mounted,
    pub(crate) lake: Shared,
    pub(crate) turns: Turns,
}

impl From<Limits> for Ask {
    /// Of what is no SQL of the user's.
    fn from(limits: Limits) -> Ask {
        Ask { params: Vec::new(), limits }
    }
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

    fn engine(&self) -> Result<Engine, Failure> {
        lake_store::process::raise_file_limit();
        Engine::open(&self.limits.options()).map_err(of_engine)
    }

    fn mount(&self, engine: Engine, lake: Shared, snapshot: Snapshot) -> Result<Mounted, Failure> {
        let mut mounted = session::mount(engine, lake, snapshot)?;
        for (name, value) in &self.params {
            mounted.set(name, value).map_err(of_engine)?;
        }
        Ok(mounted)
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
        let mut engine = ask.engine()?;
        let attached = attach.map(|file| engine.attach(&file)).transpose().map_err(of_engine)?;
        if let Some(drafts) = drafts {
            engine = engine.drafts_in(drafts).map_err(of_engine)?;
        }
        let stop = ctrl_c.watch(engine.interrupt(), ask.limits.timeout);
        let mounted = ask.mount(engine, Arc::new(Mutex::new(lake)), snapshot)?;
        Ok(Session { attached, mounted, stop, watch })
    }

    /// For one statement after another, over one version after another. `person` says
    /// that somebody types them.
    pub(crate) fn stay(self, person: bool) -> Result<Stay, Failure> {
        let Opened { ask, ctrl_c, lake, snapshot, attach, .. } = self;
        let lake = Arc::new(Mutex::new(lake));
        let mut engine = ask.engine()?;
        if let Some(file) = attach {
            engine.attach(&file).map_err(of_engine)?;
        }
        let turns = Turns::new(ctrl_c, engine.interrupt(), ask.limits.timeout, person);
        let mounted = ask.mount(engine, lake.clone(), snapshot)?;
        Ok(Stay { mounted, lake, turns })
    }
}
