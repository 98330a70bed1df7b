//! One process after the other, each with a fault of its own or none.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

use lake_core::kind::Kind;
use lake_log::{Access, At, Lake};
use lake_testkit::Broken;
use lake_tests::rows::{self, Contents, Row};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::Value;

use super::deed::{Deed, Mode};
use super::die::Die;
use super::judge::{End, Sight};
use super::site::Site;

/// What a process left.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// What goes wrong with it.
enum Fault {
    None,
    /// Something that leaves it to say what became of it.
    Fails(String),
    /// It dies, or is as if it had: nobody hears what it says.
    Dies(String),
    /// It sleeps while others do something.
    Sleeps(String),
}

impl Fault {
    fn any(die: &mut Die) -> Fault {
        // Early operations and late ones: of some there are few, of others hundreds.
        let most = *die.pick(&[12, 60, 150, 400]);
        let at = 1 + die.below(most);
        match die.below(20) {
            0..6 => Fault::Dies(format!("kill@{at}")),
            6 => Fault::Dies(format!("tear@{at}:write")),
            7 => Fault::Fails(format!("fail:EIO@{at}")),
            8 => Fault::Fails(format!("fail:ENOSPC@{at}")),
            9 => Fault::Fails(format!("fail_after:EIO@{at}")),
            10 => Fault::Sleeps(format!("pause@{at}")),
            _ => Fault::None,
        }
    }

    fn plan(&self) -> Option<&str> {
        match self {
            Fault::None => None,
            Fault::Fails(plan) | Fault::Dies(plan) | Fault::Sleeps(plan) => Some(plan),
        }
    }
}

fn spawn(site: &Site, deed_is_query: bool, args: &[String], fault: &Fault) -> Child {
    let program = match deed_is_query {
        true => env!("CARGO_BIN_EXE_twin-query"),
        false => env!("CARGO_BIN_EXE_twin-writer"),
    };
    let mut command = Command::new(program);
    command.env_clear().env("LAKE_DIR", &site.lake).current_dir(site.dir(""));
    if let Some(plan) = fault.plan() {
        command.env("LAKE_FAULT", plan);
    }
    if let Some(mutant) = std::env::var_os("LAKE_MUTANT") {
        command.env("LAKE_MUTANT", mutant);
    }
    command.args(args).args(["--format", "json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for its end; while it sleeps, until others have done something.
fn end_of(site: &Site, child: Child, die: &mut Die) -> Said {
    let doze = || {
        site.asleep.fetch_add(1, Ordering::AcqRel);
        site.events.tick();
        site.wait_for(1 + die.below(6));
        site.asleep.fetch_sub(1, Ordering::AcqRel);
    };
    end_with(child, doze)
}

/// The same, when `meanwhile` happens while it sleeps.
fn end_with(child: Child, mut meanwhile: impl FnMut()) -> Said {
    let pid = Pid::from_raw(child.id() as i32).unwrap();
    let states = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
    loop {
        let status = waitid(WaitId::Pid(pid), states).unwrap().unwrap();
        if !status.stopped() {
            break;
        }
        meanwhile();
        // Taken, so that it is not seen again, and only then woken up.
        waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED).unwrap();
        kill_process(pid, Signal::CONT).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// One that nothing happens to and that must do its work. Returns what it says.
pub(crate) fn plain(site: &Site, args: &[String]) -> String {
    let child = spawn(site, false, args, &Fault::None);
    let said = end_of(site, child, &mut Die::new(0, 0));
    assert_eq!(said.code, Some(0), "{args:?}: {}{}", said.out, said.err);
    said.err + &said.out
}

/// One that sleeps at a point, and what others do then. Returns its exit code, and what it
/// says to people.
pub(crate) fn asleep(
    site: &Site,
    args: &[String],
    point: &str,
    meanwhile: impl FnOnce(),
) -> (Option<i32>, String) {
    let child = spawn(site, false, args, &Fault::Sleeps(point.to_owned()));
    let mut meanwhile = Some(meanwhile);
    let said = end_with(child, || meanwhile.take().into_iter().for_each(|act| act()));
    assert!(meanwhile.is_none(), "{args:?} never came to {point}");
    (said.code, said.err)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Writer(u64),
    Keeper,
    Owner,
    Reader,
}

/// Somebody who does one thing after the other.
pub(crate) struct Hand<'s> {
    site: &'s Site,
    name: String,
    role: Role,
    die: Die,
    reader: Lake,
    /// Whether there is a backup for good.
    backed_up: bool,
}

impl<'s> Hand<'s> {
    pub(crate) fn new(site: &'s Site, name: &str, role: Role, seed: u64) -> Hand<'s> {
        let who = name.bytes().fold(7, |sum: u64, b| sum.wrapping_mul(31) + u64::from(b));
        std::fs::create_dir(site.dir(name)).unwrap();
        let reader = Lake::open(&site.lake, Access::Read).unwrap();
        Hand { site, name: name.into(), role, die: Die::new(seed, who), reader, backed_up: false }
    }

    /// The n-th thing.
    pub(crate) fn act(&mut self, n: u64) {
        let newest = self.site.newest.load(Ordering::Acquire);
        match self.role {
            Role::Writer(which) => {
                let deed = Deed::of_writer(&mut self.die, ((n * 8 + which) * 1000) as i64);
                self.until_known(&deed, n);
            }
            Role::Keeper => {
                let deed = Deed::of_keeper(&mut self.die, newest);
                self.once(&deed);
            }
            Role::Owner => match Deed::of_owner(&mut self.die) {
                Deed::Again if !self.backed_up => {}
                deed => {
                    self.once(&deed);
                }
            },
            Role::Reader => self.read(),
        }
    }

    fn once(&mut self, deed: &Deed) -> End {
        let at = self.site.book().open(&self.name, deed, None);
        let fault = Fault::any(&mut self.die);
        self.attempt(deed, at, &[], &fault)
    }

    /// A batch with a number is sent again, mostly, until somebody says what became of it.
    fn until_known(&mut self, deed: &Deed, n: u64) {
        if !deed.is_ingest() {
            self.once(deed);
            return;
        }
        let at = self.site.book().open(&self.name, deed, Some(n));
        let seq = ["--producer".to_owned(), self.name.clone(), "--seq".into(), n.to_string()];
        for tries in 1.. {
            let fault = if tries > 4 { Fault::None } else { Fault::any(&mut self.die) };
            let end = self.attempt(deed, at, &seq, &fault);
            if end != End::Open || self.die.below(4) == 0 {
                return;
            }
        }
    }

    /// Runs it. An earlier attempt of which nothing is known may be committed yet, so then
    /// nothing is known of all.
    fn attempt(&mut self, deed: &Deed, at: usize, more: &[String], fault: &Fault) -> End {
        let site = self.site;
        let args = [deed.args(&site.dir(&self.name)), more.to_vec()].concat();
        let child = {
            let mut book = site.book();
            let child = spawn(site, matches!(deed, Deed::Query), &args, fault);
            book.is(child.id(), at);
            child
        };
        let said = end_of(site, child, &mut self.die);
        let end = judge(deed, fault, &said);
        if end != End::Nothing || more.is_empty() {
            site.book().ended(at, end);
        }
        self.aftermath(deed, end, fault, &said);
        site.events.tick();
        end
    }

    fn aftermath(&mut self, deed: &Deed, end: End, fault: &Fault, said: &Said) {
        match deed {
            Deed::Query if end != End::Open && end != End::Nothing => self.saw(&said.out),
            Deed::Verify { .. } if said.code == Some(0) => {
                assert_eq!(said.out.trim(), "[]", "{}", said.err);
            }
            Deed::Backup => self.look_at_backup(end),
            Deed::Again => self.look_at_copy(end, fault),
            _ => {}
        }
    }

    fn saw(&self, out: &str) {
        let answer: Value = serde_json::from_str(out).unwrap();
        let (mut contents, rows) = (Contents::default(), answer["rows"].as_array().unwrap());
        for row in rows {
            let number = |n: usize| row[n].as_i64().unwrap();
            let own: Row = (row[1].as_str().unwrap().to_owned(), number(2), number(3));
            match row[0].as_bool().unwrap() {
                true => contents.bars.push(own),
                false => contents.ticks.push(own),
            }
        }
        contents.bars.sort();
        contents.ticks.sort();
        let version = answer["version"].as_u64().unwrap();
        self.site.see(Sight { who: "a query".into(), version, contents, archived: false });
    }

    /// Whatever became of it, what is there is a version of the lake, whole.
    fn look_at_backup(&mut self, end: End) {
        match rows::of_quiet(&self.site.dir("backup")) {
            Ok((version, contents)) => {
                self.backed_up = true;
                assert!(!matches!(end, End::Done(v) if v != version), "{end:?}, is {version}");
                let who = "the backup".to_owned();
                self.site.see(Sight { who, version, contents, archived: true });
            }
            Err(Broken::Log(error)) if error.kind() == Kind::NotFound => {
                assert!(!self.backed_up && !matches!(end, End::Done(_)), "{end:?}: {error}");
            }
            Err(error) => panic!("the backup after {end:?}: {error}"),
        }
    }

    /// A restore that was cut off goes on when it is run again.
    fn look_at_copy(&mut self, end: End, fault: &Fault) {
        let again = self.site.dir("again");
        if !matches!(end, End::Done(_)) {
            let args = Deed::Again.args(&again);
            let child = spawn(self.site, false, &args, &Fault::None);
            let said = end_of(self.site, child, &mut self.die);
            let there = said.code == Some(2) && said.err.contains("a lake with something in it");
            let after = fault.plan();
            assert!(said.code == Some(0) || there, "after {after:?}: {:?} {}", said.code, said.err);
        }
        let copy = rows::of_quiet(&again).unwrap_or_else(|e| panic!("the copy: {e}"));
        let backup = rows::of_quiet(&self.site.dir("backup")).unwrap();
        assert_eq!(copy, backup, "the copy and the backup");
        let verify = ["--lake", "again", "verify", "--deep"].map(str::to_owned);
        plain(self.site, &verify);
        std::fs::remove_dir_all(&again).unwrap();
    }

    /// Reads a version twice, with others at work in between.
    fn read(&mut self) {
        let newest = self.reader.snapshot(At::Newest).unwrap_or_else(|e| panic!("a reader: {e:?}"));
        let look = || {
            let seen = rows::tables(self.reader.root(), newest.state());
            seen.unwrap_or_else(|e| panic!("a reader of version {}: {e}", newest.version()))
        };
        let first = look();
        self.site.events.tick();
        if self.site.asleep.load(Ordering::Acquire) == 0 {
            self.site.wait_for(1);
        }
        assert!(first == look(), "version {} is not what it was", newest.version());
        let (version, (bars, ticks)) = (newest.version(), first);
        let contents = Contents { bars, ticks, archived: Vec::new() };
        self.site.see(Sight { who: "a reader".into(), version, contents, archived: false });
    }
}

/// What is known of its commit.
fn judge(deed: &Deed, fault: &Fault, said: &Said) -> End {
    let what = || format!("{deed:?} with {:?}: {:?} {}", fault.plan(), said.code, said.err);
    let Some(code) = said.code else {
        assert!(matches!(fault, Fault::Dies(_)), "killed by nobody: {}", what());
        return End::Open;
    };
    assert!(![70, 101, 99].contains(&code), "a defect: {}", what());
    match (fault, code) {
        (Fault::Dies(plan), _) if plan.starts_with("tear") => End::Open,
        (_, 0) => match serde_json::from_str::<Value>(&said.out) {
            Ok(told) => {
                let told = if told.is_array() { &told[0] } else { &told };
                told["version"].as_u64().map_or(End::Open, End::Done)
            }
            Err(error) => panic!("{error}: {}: {}", what(), said.out),
        },
        (_, 6 | 7) => End::Open,
        (Fault::Fails(_), _) => End::Nothing,
        (_, 3) => End::Nothing,
        (_, 2) if may_be_refused(deed) => End::Nothing,
        _ => panic!("{}", what()),
    }
}

fn may_be_refused(deed: &Deed) -> bool {
    match deed {
        Deed::Ingest(mode, _) => *mode == Mode::Append,
        // No tag of that name, or one of that name at another version.
        Deed::Tag { .. } => true,
        _ => false,
    }
}
