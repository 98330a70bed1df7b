//! How far some work is, while it lasts: one line at a terminal that is drawn anew, or
//! now and then a line of the log.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::human;
use crate::stderr::Stderr;

/// What the work has done up to a moment. What is zero or unknown is not shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Since the work began.
    pub elapsed: Duration,
    pub rows: u64,
    /// Of the rows, those left out.
    pub rejected: u64,
    /// Bytes of the input that are read.
    pub bytes: u64,
    /// The part of the work that is done, from 0 to 1.
    pub share: Option<f64>,
    /// What remains to be done when nobody can say how long it takes.
    pub stage: Option<&'static str>,
}

/// Before so much time, and before so much of the work, an ETA is a guess.
const ETA_AFTER: Duration = Duration::from_secs(1);
const ETA_SHARE: f64 = 0.01;

impl Tally {
    fn share(&self) -> Option<f64> {
        self.share.map(|share| share.clamp(0.0, 1.0)).filter(|share| !share.is_nan())
    }

    /// Rounded down: 100 is when all is done.
    fn percent(&self) -> Option<u64> {
        self.share().map(|share| (share * 100.0) as u64)
    }

    fn eta(&self) -> Option<Duration> {
        let share = self.share()?;
        if self.stage.is_some() || self.elapsed < ETA_AFTER || share < ETA_SHARE {
            return None;
        }
        Duration::try_from_secs_f64(self.elapsed.as_secs_f64() * (1.0 - share) / share).ok()
    }

    /// How fast the input is read, while it is.
    fn rate(&self) -> Option<f64> {
        human::rate(self.bytes, self.elapsed).filter(|_| self.stage.is_none())
    }

    fn parts(&self) -> Vec<String> {
        let counted = |n: u64, what: &str| (n > 0).then(|| format!("{} {what}", human::rough(n)));
        let rows = if self.rows == 1 { "row" } else { "rows" };
        let parts = [
            counted(self.rows, rows),
            self.percent().map(|percent| format!("{percent} %")),
            self.rate().map(|rate| human::decimal_bytes(rate) + "/s"),
            self.eta().map(|eta| format!("ETA {}", human::countdown(eta))),
            self.stage.map(str::to_owned),
            counted(self.rejected, "rejected"),
        ];
        parts.into_iter().flatten().collect()
    }

    /// As much as fits between two blanks and the edge of the screen.
    pub(crate) fn line(&self, width: usize) -> String {
        let mut line = String::new();
        for part in self.parts() {
            // The last place stays free: some terminals would go on to the next line.
            if line.len() + 2 + part.len() >= width {
                break;
            }
            line.push_str("  ");
            line.push_str(&part);
        }
        line
    }

    pub(crate) fn json_fields(&self) -> String {
        let number = |n: Option<u128>| n.map_or("null".to_owned(), |n| n.to_string());
        format!(
            "\"rows\":{},\"rejected\":{},\"bytes\":{},\"percent\":{},\"elapsed_ms\":{},\"eta_ms\":{}",
            self.rows,
            self.rejected,
            self.bytes,
            number(self.percent().map(u128::from)),
            self.elapsed.as_millis(),
            number(self.eta().map(|eta| eta.as_millis())),
        )
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().join("  "))
    }
}

/// When something is shown. Work that is done before the first time shows nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    pub(crate) first: Duration,
    pub(crate) then: Duration,
}

/// Shows how far the work is for as long as it lives, and leaves no trace of it on a
/// terminal. Notes and warnings may be said meanwhile; what goes to stdout should wait.
#[must_use]
#[derive(Default)]
pub struct Progress(Option<Shown>);

struct Shown {
    stop: Sender<()>,
    thread: JoinHandle<()>,
    err: Stderr,
}

impl Progress {
    /// Where no thread is to be had, nothing is shown.
    pub(crate) fn start(
        rhythm: Rhythm,
        err: Stderr,
        mut show: impl FnMut(&Stderr) + Send + 'static,
    ) -> Progress {
        let (stop, stopped) = channel::<()>();
        let to = err.clone();
        let run = move || {
            let mut wait = rhythm.first;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                show(&to);
                wait = rhythm.then;
            }
        };
        let thread = thread::Builder::new().name("progress".into()).spawn(run);
        Progress(thread.ok().map(|thread| Shown { stop, thread, err }))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let Some(Shown { stop, thread, err }) = self.0.take() else { return };
        drop(stop);
        let _ = thread.join();
        err.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::Sender;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Sink {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a terminal shows in the end. Lines are only drawn over by whole ones.
    fn seen(text: &str) -> String {
        let last = |line: &str| line.rsplit('\r').next().map(|drawn| drawn.replace("\x1b[K", ""));
        text.split('\n').filter_map(last).collect::<Vec<_>>().join("\n")
    }

    fn drawing(rhythm: Rhythm, err: &Stderr, drawn: Sender<()>) -> Progress {
        Progress::start(rhythm, err.clone(), move |err| {
            err.draw("  1 row");
            let _ = drawn.send(());
        })
    }

    #[test]
    fn a_drawn_line_gives_way_and_leaves_no_trace() {
        let sink = Sink::default();
        let err = Stderr::new(Box::new(sink.clone()));
        let (drawn, told) = channel();
        let often = Rhythm { first: Duration::ZERO, then: Duration::from_millis(1) };
        let progress = drawing(often, &err, drawn);
        told.recv().unwrap();
        err.put("a note\n");
        while told.try_recv().is_ok() {}
        // The first of these may still be of before.
        told.iter().nth(1).unwrap();
        drop(progress);
        let text = sink.text();
        assert!(text.contains("\r  1 row\x1b[K\r\x1b[Ka note\n"), "{text:?}");
        assert!(text.ends_with("\r  1 row\x1b[K\r\x1b[K"), "{text:?}");
        assert_eq!(seen(&text), "a note\n");
        err.put("the end\n");
        assert_eq!(sink.text(), text + "the end\n");
    }

    #[test]
    fn short_work_shows_nothing_and_ends_at_once() {
        let sink = Sink::default();
        let (drawn, told) = channel();
        let never = Rhythm { first: Duration::MAX, then: Duration::MAX };
        drop(drawing(never, &Stderr::new(Box::new(sink.clone())), drawn));
        assert_eq!((told.recv().ok(), sink.text().as_str()), (None, ""));
    }

    fn tally() -> Tally {
        Tally {
            elapsed: Duration::from_secs(10),
            rows: 3_200_000,
            rejected: 12,
            bytes: 1_180_000_000,
            share: Some(0.6),
            stage: None,
        }
    }

    #[test]
    fn a_line_has_what_is_known() {
        let table = [
            (tally(), "  3.2 M rows  60 %  118 MB/s  ETA 0:07  12 rejected"),
            (Tally { rejected: 0, ..tally() }, "  3.2 M rows  60 %  118 MB/s  ETA 0:07"),
            (Tally { share: None, ..tally() }, "  3.2 M rows  118 MB/s  12 rejected"),
            (
                Tally { share: Some(1.0), stage: Some("committing"), ..tally() },
                "  3.2 M rows  100 %  committing  12 rejected",
            ),
            (
                Tally { rows: 1, rejected: 1, bytes: 0, share: None, ..tally() },
                "  1 row  1 rejected",
            ),
            (Tally { share: Some(0.999), ..Tally::default() }, "  99 %"),
            (Tally::default(), ""),
        ];
        for (tally, line) in table {
            assert_eq!(tally.line(80), line, "{tally:?}");
        }
        assert_eq!(tally().to_string(), tally().line(80).trim_start());
    }

    #[test]
    fn a_narrow_screen_gets_the_first_parts_whole() {
        let whole = tally().line(200);
        assert_eq!(tally().line(whole.len() + 1), whole);
        assert_eq!(tally().line(whole.len()), "  3.2 M rows  60 %  118 MB/s  ETA 0:07");
        assert_eq!(tally().line(12), "");
        assert_eq!(tally().line(0), "");
    }

    #[test]
    fn an_eta_needs_a_beginning_and_an_end() {
        let eta = |share, elapsed_ms| {
            let elapsed = Duration::from_millis(elapsed_ms);
            Tally { share, elapsed, ..Tally::default() }.eta()
        };
        assert_eq!(eta(Some(0.25), 1_000), Some(Duration::from_secs(3)));
        assert_eq!(eta(Some(7.0), 1_000), Some(Duration::ZERO));
        assert_eq!(eta(Some(0.25), 999), None);
        assert_eq!(eta(Some(0.009), 60_000), None);
        assert_eq!(eta(Some(-1.0), 60_000), None);
        assert_eq!(eta(Some(f64::NAN), 60_000), None);
        assert_eq!(eta(None, 60_000), None);
        assert_eq!(Tally { share: Some(f64::NAN), ..Tally::default() }.to_string(), "");
    }
}
