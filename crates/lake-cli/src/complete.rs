//! Completions and manual pages, from the same definition as the parser.

use clap::{Command, CommandFactory};

use crate::{Console, Failure, Outcome};

/// Print the completions of a shell
#[derive(Clone, Debug, clap::Args)]
pub struct Completions {
    /// The shell to complete in
    shell: clap_complete::Shell,
}

impl Completions {
    pub fn run<P: CommandFactory>(&self, console: &mut Console) -> Result<Outcome, Failure> {
        let mut command = P::command();
        let name = command.get_name().to_string();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        console.out.bytes(&script)?;
        Ok(Outcome::Done)
    }
}

/// Print the manual page of the program or of one command
#[derive(Clone, Debug, clap::Args)]
pub struct Man {
    /// The command, with its own subcommands where it has some
    command: Vec<String>,
}

impl Man {
    pub fn run<P: CommandFactory>(&self, console: &mut Console) -> Result<Outcome, Failure> {
        let page = page(P::command(), &self.command)?;
        console.out.bytes(&page)?;
        Ok(Outcome::Done)
    }
}

fn page(mut program: Command, path: &[String]) -> Result<Vec<u8>, Failure> {
    program.build();
    let mut command = &program;
    for name in path {
        command = command.find_subcommand(name).ok_or_else(|| {
            let known = command.get_subcommands().map(Command::get_name).collect::<Vec<_>>();
            Failure::not_found(format!("{} has no command {name:?}", command.get_name()))
                .hint(format!("it has: {}", known.join(", ")))
        })?;
    }
    let title = command.get_display_name().unwrap_or(command.get_name()).to_string();
    let mut bytes = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(title)
        .render(&mut bytes)
        .map_err(|e| Failure::bug("cannot render the manual page").because(&e))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::Global;

    #[derive(Debug, Parser)]
    #[command(name = "lake-sample", about = "A sample")]
    struct Program {
        #[command(flatten)]
        global: Global,
        #[command(subcommand)]
        command: Sub,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Sub {
        /// Print the names of things
        Names,
    }

    #[test]
    fn a_page_for_the_program_and_for_each_command() {
        let all = String::from_utf8(page(Program::command(), &[]).unwrap()).unwrap();
        assert!(all.contains("LAKE_DIR") && all.contains("names"), "{all}");
        assert!(all.contains("A sample"), "a flattened struct replaced the description: {all}");
        let one = page(Program::command(), &["names".into()]).unwrap();
        let one = String::from_utf8(one).unwrap();
        assert!(one.contains("Print the names of things"), "{one}");
        let failure = page(Program::command(), &["nams".into()]).unwrap_err();
        assert_eq!(failure.kind.exit_code(), 2);
        assert!(failure.hint.unwrap().contains("names"));
    }
}
