//! Everything at once, killed anywhere: writers, compaction, retention, archive, vacuum,
//! restores and backups as processes of their own, of which many are killed, fail or sleep
//! at a random operation. A model judges every version of the log, what each process said,
//! and what readers saw all the while.
//!
//! LAKE_SEED repeats the throws of a run, as far as processes let it; LAKE_SOAK_SECONDS
//! says how long to go on; LAKE_MUTANT breaks a rule in all of them, which must not go well.

mod crew;
mod deed;
mod die;
mod judge;
mod site;
mod world;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use lake_core::layout;
use lake_log::{Access, At, Lake};
use lake_store::{Deadline, random};
use lake_tests::rows;

use crew::{Hand, Role};
use judge::{Judge, Sight, Tally};
use site::{Closing, Site};

/// Deeds of each, unless a time is given.
const DEEDS: u64 = 60;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Each does so many things, or as many as there is time for.
struct Patience(Option<Deadline>);

impl Patience {
    fn given() -> Patience {
        let seconds = number("LAKE_SOAK_SECONDS");
        Patience(seconds.map(|s| Deadline::after(Duration::from_secs(s))))
    }

    fn lasts(&self, done: u64) -> bool {
        self.0.as_ref().map_or(done <= DEEDS, |end| !end.passed())
    }
}

const ROLES: [(&str, Role); 9] = [
    ("w0", Role::Writer(0)),
    ("w1", Role::Writer(1)),
    ("w2", Role::Writer(2)),
    ("w3", Role::Writer(3)),
    ("k0", Role::Keeper),
    ("k1", Role::Keeper),
    ("k2", Role::Keeper),
    ("o", Role::Owner),
    ("r", Role::Reader),
];

fn at_work(site: &Site, sights: Receiver<Sight>, seed: u64) -> Tally {
    let patience = &Patience::given();
    let mut judge = Judge::new(site, sights);
    std::thread::scope(|scope| {
        let (mut hands, mut readers) = (Vec::new(), Vec::new());
        for (name, role) in ROLES {
            let mut hand = Hand::new(site, name, role, seed);
            let lasts = move |n| role == Role::Reader || patience.lasts(n);
            let thread = scope.spawn(move || {
                let _closing = Closing(site);
                (1..).take_while(|n| lasts(*n) && !site.is_over()).for_each(|n| hand.act(n));
            });
            if role == Role::Reader { readers.push(thread) } else { hands.push(thread) }
        }
        let bench = scope.spawn(|| {
            let _closing = Closing(site);
            judge.sit()
        });
        let mut ends: Vec<_> = hands.into_iter().map(ScopedJoinHandle::join).collect();
        site.close();
        ends.extend(readers.into_iter().map(ScopedJoinHandle::join));
        let judged = bench.join();
        let failed = ends.iter().filter(|end| end.is_err()).count();
        assert!(failed == 0, "{failed} of them have failed, see above");
        judged.unwrap().unwrap_or_else(|why| panic!("{why}"));
    });
    in_the_end(site);
    judge.sit().unwrap_or_else(|why| panic!("{why}"))
}

fn plain(site: &Site, args: &str) -> String {
    crew::plain(site, &args.split(' ').map(str::to_owned).collect::<Vec<_>>())
}

/// Nobody is at work any more: nothing is wrong, and nothing is left that is not needed.
fn in_the_end(site: &Site) {
    plain(site, "drain");
    let (version, contents) = rows::of_quiet(&site.lake).unwrap();
    site.see(Sight { who: "the end".into(), version, contents, archived: true });
    assert!(plain(site, "verify --deep").contains("[]"), "findings");
    for name in ["t0", "t1", "t2"] {
        let tags = Lake::open(&site.lake, Access::Read).unwrap().state().tags.clone();
        if tags.contains_key(name) {
            plain(site, &format!("tag --delete {name}"));
        }
    }
    for _ in 0..2 {
        plain(site, "vacuum --grace 0s --max-share 1000000");
    }
    let said = plain(site, "verify --deep");
    assert!(said.contains("[]") && !said.contains("vacuum takes"), "{said}");
    let (version, contents) = rows::of_quiet(&site.lake).unwrap();
    site.see(Sight { who: "after a vacuum".into(), version, contents, archived: true });

    let mut lake = Lake::open(&site.lake, Access::Read).unwrap();
    let newest = lake.snapshot(At::Newest).unwrap();
    let tables = newest.state().tables();
    let live: BTreeSet<String> = tables
        .flat_map(|t| t.segments().map(|(part, s)| t.path(part, s)).collect::<Vec<_>>())
        .collect();
    assert_eq!(files(&site.lake, layout::WAREHOUSE), live, "left over or lost");
    for dir in [layout::SPOOL, layout::STAGING, layout::TRASH] {
        assert_eq!(files(&site.lake, dir), BTreeSet::new(), "left in {dir}");
    }
}

fn files(root: &Path, rel: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let Ok(entries) = std::fs::read_dir(root.join(rel)) else { return found };
    for entry in entries {
        let entry = entry.unwrap();
        let rel = format!("{rel}/{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(root, &rel)),
            false => drop(found.insert(rel)),
        }
    }
    found
}

#[test]
fn everything_at_once_killed_anywhere() {
    let seed = number("LAKE_SEED").unwrap_or_else(|| random::session().unwrap());
    println!("LAKE_SEED={seed}");
    let (site, sights) = Site::new();
    let tally = at_work(&site, sights, seed);
    println!("{tally:?}");
    for cause in ["ingest", "delete", "retain", "compact", "vacuum"] {
        assert!(tally.causes.contains_key(cause), "no {cause}: {tally:?}");
    }
    assert!(tally.sights > 20 && tally.versions > 100, "{tally:?}");
}

#[test]
fn who_finds_archived_rows_brought_back_by_another_is_told_so() {
    let (site, _sights) = Site::new();
    let file = site.dir("in.csv");
    std::fs::write(&file, "symbol,day,stamp\nA,1,1\nA,9,2\nB,2,3\n").unwrap();
    plain(&site, "ingest bars in.csv");
    let before = rows::of_quiet(&site.lake).unwrap().1;
    plain(&site, "retain bars --before 5 --archive");
    let args = ["unarchive", "bars"].map(str::to_owned);
    let another = || drop(plain(&site, "unarchive bars"));
    let (code, said) = crew::asleep(&site, &args, "pause@1:open_read~archive/bars/symbol", another);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(rows::of_quiet(&site.lake).unwrap().1, before);
}
