//! A mount for DuckDB's clients that follows the commits: a setting names the file, and
//! after each commit `lake-query mount` is started to replace it. Nobody waits for it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lake_cli::{Console, env};

use crate::settings;
use crate::stop::spawn;

/// Has the console start it at each commit, if that is what lake.toml says.
pub(crate) fn follow(lake: &Path, console: &mut Console) {
    // Settings that cannot be read are told by the commands that need them.
    let Ok(Some(to)) = settings::mount_after_commit(lake) else { return };
    let beside = || env::beside("lake-query").filter(|path| path.is_file());
    let program = env::read(env::LAKE_QUERY).map(PathBuf::from).or_else(beside);
    let mut mounting = Mounting {
        program: program.unwrap_or_else(|| "lake-query".into()),
        lake: lake.to_owned(),
        to,
        running: Vec::new(),
    };
    console.out.after_commit(Box::new(move || mounting.start()));
}

struct Mounting {
    program: PathBuf,
    lake: PathBuf,
    to: PathBuf,
    running: Vec<Child>,
}

impl Mounting {
    fn start(&mut self) {
        self.running.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let mut command = Command::new(&self.program);
        command.arg("--lake").arg(&self.lake).arg("mount").arg("--to").arg(&self.to);
        command.arg("--unless-awaited").arg("--quiet");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C is not meant for it. A commit does not fail because of it either: the
        // next one tries again, and `lake-query mount` by hand says what is wrong.
        command.process_group(0);
        self.running.extend(spawn(&mut command));
    }
}
