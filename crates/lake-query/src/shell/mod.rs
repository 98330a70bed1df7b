//! The shell: one statement after another, over one version after another.
//!
//! `text -> statement -> (refresh, query, answer) | command`. A person's text comes from
//! the `editor`, a script's from stdin or a file, line by line.

mod complete;
mod dot;
mod editor;
mod live;
mod plot;
mod run;
mod script;
mod statement;
mod target;
mod words;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use lake_cli::{Console, Failure, Outcome};
use lake_core::kind::Kind;

use crate::ask::Ask;
use crate::form::FileForm;
use crate::turn::{Running, Turns};
use editor::{Editor, Input};
pub(crate) use live::Live;
use statement::{Item, Splitter};
use target::Target;

pub(crate) struct Settings {
    pub(crate) ask: Ask,
    pub(crate) bail: bool,
    pub(crate) form: FileForm,
    /// The lake's directory.
    pub(crate) root: PathBuf,
    /// Whether a person types.
    pub(crate) typed: bool,
}

pub(crate) struct Shell<'c> {
    /// The editor asks it, too, for what completes a word.
    live: Rc<RefCell<Live>>,
    turns: Turns,
    settings: Settings,
    console: &'c mut Console,
    target: Target,
    timer: bool,
    /// The last statement that was asked, for `.plot`.
    last: Option<String>,
    /// What the first failure was.
    failed: Option<Kind>,
    /// Files that are read within each other.
    reading: usize,
}

/// Whether the shell goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

impl<'c> Shell<'c> {
    pub(crate) fn new(
        live: Live,
        turns: Turns,
        settings: Settings,
        console: &'c mut Console,
    ) -> Shell<'c> {
        Shell {
            live: Rc::new(RefCell::new(live)),
            turns,
            settings,
            console,
            target: Target::default(),
            timer: false,
            last: None,
            failed: None,
            reading: 0,
        }
    }

    pub(crate) fn run(mut self) -> Result<Outcome, Failure> {
        let ended = if self.settings.typed { self.talk() } else { self.listen() };
        let closed = self.target.close(self.console);
        ended?;
        closed?;
        match self.failed.filter(|_| !self.settings.typed) {
            Some(kind) => Ok(Outcome::Failed(kind)),
            None => Ok(Outcome::Done),
        }
    }

    /// With a person.
    fn talk(&mut self) -> Result<(), Failure> {
        self.greet();
        let mut editor = Editor::open(self.live.clone(), self.console)?;
        loop {
            self.console.out.flush()?;
            match editor.read(&self.prompt(), self.console)? {
                Input::End => return Ok(()),
                Input::Nothing => {}
                Input::Text(text) => {
                    let mut splitter = Splitter::default();
                    splitter.push(&text);
                    let running = self.turns.begin();
                    if self.all(splitter, None, &running)? == Flow::End {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn greet(&mut self) {
        let live = self.live.borrow();
        let (state, root) = (live.mounted.state(), self.settings.root.display());
        let tables = match state.tables().count() {
            1 => "1 table".to_owned(),
            n => format!("{n} tables"),
        };
        self.console.note(format!("{root}: version {}, {tables}; .help helps", state.version));
    }

    fn prompt(&self) -> String {
        let live = self.live.borrow();
        match live.is_pinned() {
            true => format!("lake@{}> ", live.mounted.version()),
            false => "lake> ".into(),
        }
    }

    /// All of a text that is whole.
    fn all(
        &mut self,
        mut splitter: Splitter,
        place: Option<&str>,
        running: &Running,
    ) -> Result<Flow, Failure> {
        while let Some(item) = splitter.next() {
            if self.one(&item, place, running)? == Flow::End {
                return Ok(Flow::End);
            }
            if running.is_over() {
                return Ok(Flow::On);
            }
        }
        match splitter.rest() {
            Some(item) => self.one(&item, place, running),
            None => Ok(Flow::On),
        }
    }

    /// One statement or command. A failure is told with its place and the shell goes on,
    /// but where nobody reads on, or it should not.
    fn one(
        &mut self,
        item: &Item,
        place: Option<&str>,
        running: &Running,
    ) -> Result<Flow, Failure> {
        running.start();
        let (done, line) = match item {
            Item::Sql { text, line } => (self.statement(text).map(|()| Flow::On), line),
            Item::Command { text, line } => (self.command(text, running), line),
        };
        let failure = match done {
            Ok(_) if running.is_over() && !self.settings.typed => {
                Failure::new(Kind::Interrupted, "the shell was interrupted")
            }
            Ok(flow) => return Ok(flow),
            Err(failure) => running.explain(failure),
        };
        if failure.kind == Kind::ClosedPipe {
            return Err(failure);
        }
        self.console.out.flush()?;
        let stopped = running.is_over() && failure.kind == Kind::Interrupted;
        let mut told = failure;
        if let Some(place) = place.filter(|_| !stopped) {
            told.message = format!("{place}, line {line}: {}", told.message);
        }
        self.console.fail(&told);
        self.failed.get_or_insert(told.kind);
        match self.settings.bail || (stopped && !self.settings.typed) {
            true => Ok(Flow::End),
            false => Ok(Flow::On),
        }
    }
}
