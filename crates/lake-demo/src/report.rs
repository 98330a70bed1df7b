//! The table of timings.

use std::time::Duration;

pub(crate) struct Writes {
    name: String,
    took: Vec<Duration>,
    rows: u64,
}

#[derive(Default)]
pub(crate) struct Reads {
    took: Vec<Duration>,
}

impl Writes {
    pub(crate) fn new(name: &str) -> Writes {
        Writes { name: name.to_owned(), took: Vec::new(), rows: 0 }
    }

    pub(crate) fn add(&mut self, took: Duration, rows: u64) {
        self.took.push(took);
        self.rows += rows;
    }
}

impl Reads {
    pub(crate) fn add(&mut self, took: Duration) {
        self.took.push(took);
    }
}

pub(crate) fn table(writes: &[Writes], reads: &Reads, took: Duration) {
    println!("  process   what it did                      median      slowest");
    for one in writes {
        let what = format!("{} commits, {} rows", one.took.len(), one.rows);
        line(&one.name, &what, &one.took);
    }
    line("reader", &format!("{} queries, each right", reads.took.len()), &reads.took);
    let commits: usize = writes.iter().map(|w| w.took.len()).sum();
    println!(
        "\nAll at once, a process of its own for each commit and query: {commits} commits and \
         {} queries in {:.1} s. Nobody waited for anybody.",
        reads.took.len(),
        took.as_secs_f64()
    );
}

fn line(name: &str, what: &str, took: &[Duration]) {
    let mut took = took.to_vec();
    took.sort();
    let ms = |at: Option<&Duration>| at.map_or(0.0, |d| d.as_secs_f64() * 1e3);
    let (median, slowest) = (ms(took.get(took.len() / 2)), ms(took.last()));
    println!("  {name:<9} {what:<30} {median:>6.1} ms  {slowest:>8.1} ms");
}
