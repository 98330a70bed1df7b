use std::io::IsTerminal;
use std::path::Path;

use lake_cli::{Console, Failure, Form, Outcome, env};

use crate::ask::{Ask, Attach};
use crate::form::FileForm;
use crate::open::AtVersion;
use crate::shell;

/// Ask one statement after another, over the newest version each time
///
/// At a terminal: line editing, completion of tables, columns and SQL by Tab, a history
/// in $LAKE_HISTORY (by default ~/.local/state/parquet-lake/history; none where it is
/// empty), and Ctrl-C that ends a query and not the shell. Statements end with ; and
/// commands begin with a dot: .help lists them.
///
/// Otherwise the statements and commands are read from stdin and run as they come. One
/// that fails does not end the shell (see --bail); the exit code is that of the first.
///
/// Every statement reads one version, the newest there is when it begins. .at and --at
/// keep to one.
#[derive(Debug, clap::Args)]
pub(crate) struct Shell {
    #[command(flatten)]
    at: AtVersion,
    #[command(flatten)]
    ask: Ask,
    #[command(flatten)]
    attach: Attach,
    /// Stop at the first statement that fails
    #[arg(long)]
    bail: bool,
    /// Form of the results; .mode changes it
    #[arg(id = "format", long, value_name = "FORMAT", help_heading = "Global options")]
    #[arg(env = env::LAKE_FORMAT, hide_env_values = true)]
    #[arg(value_parser = Form::text_parser(), default_value = "table")]
    form: Form,
}

impl Shell {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let typed = std::io::stdin().is_terminal();
        let opened = self.attach.to(self.ask.clone().open(lake, &self.at)?);
        let root = opened.root().to_owned();
        let stay = opened.stay(typed)?;
        let live = shell::Live::new(stay.mounted, stay.lake, self.at.is_given());
        let settings = shell::Settings {
            ask: self.ask,
            bail: self.bail,
            form: FileForm::in_file(self.form),
            root,
            typed,
        };
        shell::Shell::new(live, stay.turns, settings, console).run()
    }
}
