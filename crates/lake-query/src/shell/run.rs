//! What a statement and each command does.

use std::path::Path;

use lake_cli::render::{Cell, Rows};
use lake_cli::{Failure, human};
use lake_core::state::Table;
use lake_log::At;
use lake_store::Stopwatch;

use super::dot::{self, Command};
use super::target::Target;
use super::{Flow, Shell, plot};
use crate::answer::{self, SHOWN, Told};
use crate::commands::{describe, files, tables};
use crate::form::FileForm;
use crate::open::table;
use crate::sink;
use crate::turn::Running;

const MODES: [FileForm; 6] = [
    FileForm::Table,
    FileForm::Csv,
    FileForm::Tsv,
    FileForm::Json,
    FileForm::Jsonl,
    FileForm::Markdown,
];

pub(super) fn modes() -> impl Iterator<Item = String> {
    MODES.into_iter().map(FileForm::name)
}

impl Shell<'_> {
    pub(super) fn statement(&mut self, sql: &str) -> Result<(), Failure> {
        let sql = self.settings.ask.spell(sql);
        let live = self.live.clone();
        let mut live = live.borrow_mut();
        let (before, watch) = (live.mounted.version(), Stopwatch::start());
        live.refresh()?;
        let refreshed = watch.elapsed();
        self.last = Some(sql.clone());
        let watch = Stopwatch::start();
        let form = self.settings.form;
        let told = self.target.answer(&mut live.mounted, &sql, form, self.console)?;
        if self.timer {
            let Told { read, total, planned } = told;
            let version = live.mounted.version();
            let was = if before == version { "".into() } else { format!(" (was {before})") };
            let ran = watch.elapsed().saturating_sub(planned);
            self.console.note(format!(
                "version {version}{was}, {read} of {total} files, refresh {}, plan {}, run {}",
                human::duration(refreshed),
                human::duration(planned),
                human::duration(ran)
            ));
        }
        Ok(())
    }

    pub(super) fn command(&mut self, line: &str, running: &Running) -> Result<Flow, Failure> {
        let (command, rest) = dot::parse(line)?;
        let refuse = |message: String, name: &str| {
            Err(Failure::bad_input(message).hint(format!(".help {name} tells more")))
        };
        match command {
            Command::Exit => return Ok(Flow::End),
            Command::Read if rest.is_empty() => {
                return refuse(".read needs the name of a file".into(), "read");
            }
            Command::Read => return self.read(unquoted(rest), running),
            Command::Help => self.console.out.text(&dot::help(rest)?)?,
            Command::At => self.at(rest)?,
            Command::Tables if !rest.is_empty() => {
                return refuse(format!(".tables takes nothing, not {rest:?}"), "tables");
            }
            Command::Tables => self.list(|live| Ok(tables::rows(live)))?,
            Command::Schema => self.list(|state| match rest {
                "" => Ok(describe::rows(state)),
                name => Ok(describe::of(&table(state, unquoted(name))?.def)),
            })?,
            Command::Files => self.list(|state| {
                let tables: Vec<&Table> = match rest {
                    "" => state.tables().collect(),
                    name => vec![table(state, unquoted(name))?],
                };
                Ok(files::rows(tables))
            })?,
            Command::Mode => match MODES.into_iter().find(|form| form.name() == rest) {
                Some(form) => self.settings.form = form,
                None if rest.is_empty() => self.console.out.line(&self.settings.form.name())?,
                None => {
                    let modes: Vec<String> = modes().collect();
                    return refuse(format!(".mode takes {}", modes.join(", ")), "mode");
                }
            },
            Command::Timer => match rest {
                "on" => self.timer = true,
                "off" => self.timer = false,
                "" => self.console.out.line(if self.timer { "on" } else { "off" })?,
                _ => return refuse(format!(".timer is on or off, not {rest:?}"), "timer"),
            },
            Command::Output => self.output(unquoted(rest))?,
            Command::Plot => self.plot(rest)?,
        }
        self.console.out.flush()?;
        Ok(Flow::On)
    }

    fn at(&mut self, rest: &str) -> Result<(), Failure> {
        let mut live = self.live.borrow_mut();
        match rest {
            "" => {}
            "latest" => drop(live.unpin()?),
            at => live.pin(at.parse::<At>().map_err(|e| Failure::bad_input(e.to_string()))?)?,
        }
        if rest.is_empty() {
            live.refresh()?;
        }
        let pinned = if live.is_pinned() { "stays" } else { "newest" };
        let told = format!("version {}, {pinned}", live.mounted.version());
        match rest {
            "" => self.console.out.line(&told)?,
            _ => self.console.summary(told),
        }
        Ok(())
    }

    fn output(&mut self, rest: &str) -> Result<(), Failure> {
        if rest.is_empty() {
            let told = self.target.told();
            return self.console.out.line(&told);
        }
        self.target.close(self.console)?;
        if rest != "off" {
            self.target = Target::file(Path::new(rest), &self.settings.root)?;
        }
        Ok(())
    }

    /// Draws the result, whatever its form or its way else would be.
    fn plot(&mut self, rest: &str) -> Result<(), Failure> {
        let request = plot::Request::parse(rest)?;
        let sql = match (&request.sql, &self.last) {
            (Some(sql), _) => self.settings.ask.spell(sql),
            (None, Some(last)) => last.clone(),
            (None, None) => {
                return Err(Failure::bad_input("there is no result to draw yet")
                    .hint(".plot SELECT date, close FROM ... draws one"));
            }
        };
        let live = self.live.clone();
        let mut live = live.borrow_mut();
        live.refresh()?;
        let chart = plot::chart(&mut live.mounted, &sql, &request, self.console)?;
        self.last = Some(sql);
        let coloured = self.console.out.is_terminal() && lake_cli::env::wants_colour();
        let drawn = chart.draw(self.console.width(), coloured);
        self.console.out.text(&drawn)
    }

    /// Prints what is known of the version that the next statement would read.
    fn list(
        &mut self,
        rows: impl FnOnce(&lake_core::state::State) -> Result<Rows, Failure>,
    ) -> Result<(), Failure> {
        let rows = {
            let mut live = self.live.borrow_mut();
            live.refresh()?;
            rows(live.mounted.state())?
        };
        let form = self.settings.form;
        let cut = form == FileForm::Table && self.console.out.is_terminal();
        let most = if cut { SHOWN as usize } else { usize::MAX };
        let (mut renderer, mut text) = (sink::renderer_of(form, &rows.columns), String::new());
        for row in rows.rows.iter().take(most) {
            let cells: Vec<Cell<'_>> = row.iter().map(Cell::from).collect();
            renderer.row(&cells, &mut text);
        }
        renderer.finish(&mut text);
        self.console.out.text(&text)?;
        if rows.rows.len() > most {
            let all = answer::count(rows.rows.len() as u64);
            self.console.note(format!("the first {most} of {all}; a pipe gets all"));
        }
        Ok(())
    }
}

/// A name may stand in quotes, as SQL and shells have it.
fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
            return inner;
        }
    }
    text
}
