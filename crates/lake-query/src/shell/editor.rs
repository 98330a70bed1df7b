//! The line at which a person types, by rustyline: many lines, a history, completion.

use std::cell::{OnceCell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

use lake_cli::{Console, Failure, env};
use lake_core::kind::Kind;
use lake_store::Root;
use rustyline::completion::{Completer, FilenameCompleter};
use rustyline::config::{Behavior, CompletionType, Config};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::Live;
use super::complete::{Found, Known, complete};
use super::statement::Splitter;
use super::words::Words;

const REMEMBERED: usize = 10_000;

pub(super) struct Editor {
    line: rustyline::Editor<Help, DefaultHistory>,
    history: Option<PathBuf>,
}

pub(super) enum Input {
    /// Statements and commands, whole.
    Text(String),
    /// It was left.
    Nothing,
    End,
}

impl Editor {
    pub(super) fn open(live: Rc<RefCell<Live>>, console: &mut Console) -> Result<Editor, Failure> {
        // Where stdout is a file, the terminal is still there to type at.
        let behavior = match console.out.is_terminal() {
            true => Behavior::Stdio,
            false => Behavior::PreferTerm,
        };
        let config = Config::builder()
            .behavior(behavior)
            .completion_type(CompletionType::List)
            .history_ignore_space(true)
            .max_history_size(REMEMBERED)
            .and_then(|config| config.history_ignore_dups(true))
            .map(|config| config.build());
        let line = config.and_then(rustyline::Editor::with_config).map_err(of_readline)?;
        let mut editor = Editor { line, history: env::history_file() };
        let (words, files) = (OnceCell::new(), FilenameCompleter::new());
        editor.line.set_helper(Some(Help { live, words, files }));
        editor.recall(console);
        Ok(editor)
    }

    /// What was typed in other shells. A history that cannot be kept is no reason to stop.
    fn recall(&mut self, console: &mut Console) {
        let Some(file) = &self.history else { return };
        if let Err(ReadlineError::Io(error)) = self.line.load_history(file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            console.warn(format!("cannot read the history in {}: {error}", file.display()));
            self.history = None;
        }
    }

    pub(super) fn read(&mut self, prompt: &str, console: &mut Console) -> Result<Input, Failure> {
        let text = match self.line.readline(prompt) {
            Ok(text) => text,
            Err(ReadlineError::Eof) => return Ok(Input::End),
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => {
                return Ok(Input::Nothing);
            }
            Err(error) => return Err(of_readline(error)),
        };
        match text.trim() {
            "" => return Ok(Input::Nothing),
            word if ends(word) => return Ok(Input::End),
            whole => self.remember(whole, console),
        }
        Ok(Input::Text(text))
    }

    fn remember(&mut self, text: &str, console: &mut Console) {
        let added = self.line.add_history_entry(text).unwrap_or(false);
        let Some(file) = self.history.clone().filter(|_| added) else { return };
        let made = file.parent().map_or(Ok(()), |dir| match dir.as_os_str().is_empty() {
            true => Ok(()),
            false => Root::create(dir).map(drop).map_err(|error| error.to_string()),
        });
        let kept =
            made.and_then(|()| self.line.append_history(&file).map_err(|error| error.to_string()));
        if let Err(error) = kept {
            console.warn(format!("cannot keep the history in {}: {error}", file.display()));
            self.history = None;
        }
    }
}

/// Words that people type to leave.
fn ends(text: &str) -> bool {
    matches!(text.trim_end_matches(';').to_lowercase().as_str(), "exit" | "quit" | "\\q")
}

fn of_readline(error: ReadlineError) -> Failure {
    Failure::new(Kind::Denied, "cannot read from the terminal").because(&error)
}

struct Help {
    live: Rc<RefCell<Live>>,
    /// Asked when they are first wanted.
    words: OnceCell<Words>,
    files: FilenameCompleter,
}

impl Helper for Help {}
impl Highlighter for Help {}
impl Hinter for Help {
    type Hint = String;
}

impl Validator for Help {
    /// What has no end yet goes on in another line.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_whole(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

fn is_whole(text: &str) -> bool {
    if ends(text.trim()) {
        return true;
    }
    let mut splitter = Splitter::default();
    splitter.push(text);
    splitter.push("\n");
    while splitter.next().is_some() {}
    splitter.open().is_none() && !splitter.is_mute()
}

impl Completer for Help {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        match complete(line, at, &self.known()) {
            Found::Texts(start, texts) => Ok((start, texts)),
            Found::File => {
                let (start, files) = self.files.complete_path(line, at)?;
                Ok((start, files.into_iter().map(|pair| pair.replacement).collect()))
            }
        }
    }
}

impl Help {
    fn known(&self) -> Known {
        let Ok(mut live) = self.live.try_borrow_mut() else { return Known::default() };
        // Without them there are still the names.
        let words = self.words.get_or_init(|| Words::ask(&mut live.mounted).unwrap_or_default());
        let state = live.mounted.state();
        let columns = |table: &lake_core::state::Table| {
            table.schema().fields.iter().map(|field| field.name.clone()).collect()
        };
        Known {
            tables: state.tables().map(|t| (t.def.name.clone(), columns(t))).collect(),
            tags: state.tags.keys().map(|tag| tag.to_string()).collect(),
            words: words.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_an_end_is_run() {
        for whole in ["", "SELECT 1;", ".tables", "SELECT 1; .at 3", "-- x", "exit", " QUIT; "] {
            assert!(is_whole(whole), "{whole:?}");
        }
        for open in ["SELECT 1", "SELECT ';", "/* x", "SELECT 1; FROM", "FROM bars -- x;", "$$;"] {
            assert!(!is_whole(open), "{open:?}");
        }
    }
}
