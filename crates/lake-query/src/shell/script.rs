//! Statements from stdin and from files, run as they come.

use std::io::{BufRead, Read};
use std::path::Path;

use lake_cli::Failure;
use lake_core::kind::Kind;

use super::statement::Splitter;
use super::{Flow, Shell};
use crate::commands::sql;
use crate::turn::Running;

/// No statement is so long; a file that is none ends here.
const LONGEST: usize = 64 << 20;
/// Files that read files, in case one reads itself.
const DEEPEST: usize = 16;

impl Shell<'_> {
    /// To the end of stdin.
    pub(super) fn listen(&mut self) -> Result<(), Failure> {
        let (mut splitter, mut number) = (Splitter::default(), 0);
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let left = LONGEST.saturating_sub(splitter.waiting()) as u64 + 1;
            let read = stdin.by_ref().take(left).read_until(b'\n', &mut line);
            let read = read.map_err(|e| Failure::bad_input("cannot read stdin").because(&e))?;
            number += 1;
            if read as u64 == left {
                let longest = lake_cli::human::bytes(LONGEST as u64);
                let message = format!("stdin, line {number}: a statement of more than {longest}");
                return Err(Failure::bad_input(message));
            }
            let Ok(line) = String::from_utf8(line) else {
                let message = format!("stdin, line {number}: it is not UTF-8");
                return Err(Failure::bad_input(message));
            };
            splitter.push(&line);
            let running = self.turns.begin();
            while let Some(item) = splitter.next() {
                if self.one(&item, Some("stdin"), &running)? == Flow::End {
                    return Ok(());
                }
            }
            if read == 0 {
                return self.all(splitter, Some("stdin"), &running).map(drop);
            }
        }
    }

    /// `.read FILE`.
    pub(super) fn read(&mut self, file: &str, running: &Running) -> Result<Flow, Failure> {
        if self.reading >= DEEPEST {
            let message = format!("{file} is the {DEEPEST}th file that is read by a file");
            return Err(Failure::new(Kind::BadInput, message).hint("does it read itself?"));
        }
        let text = sql::file(Path::new(file))?;
        self.reading += 1;
        let flow = self.lines(&text, file, running);
        self.reading -= 1;
        flow
    }

    fn lines(&mut self, text: &str, file: &str, running: &Running) -> Result<Flow, Failure> {
        let mut splitter = Splitter::default();
        for line in text.split_inclusive('\n') {
            splitter.push(line);
            while let Some(item) = splitter.next() {
                if self.one(&item, Some(file), running)? == Flow::End {
                    return Ok(Flow::End);
                }
                if running.is_over() {
                    return Ok(Flow::On);
                }
            }
        }
        self.all(splitter, Some(file), running)
    }
}
