//! What takes a second process: this test binary runs itself.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::lake;
use crate::{Kind, LockFile, Root};

const ROLE: &str = "LAKE_STORE_TEST_ROLE";
const PLACE: &str = "LAKE_STORE_TEST_PLACE";

/// Not a test: what the other process does. It says a line when it is ready.
#[test]
#[ignore = "run by the tests that need a second process"]
fn role() {
    let root = Root::open(Path::new(&std::env::var(PLACE).unwrap())).unwrap();
    match std::env::var(ROLE).unwrap().as_str() {
        "hold" => {
            let dir = root.dir("locks").unwrap();
            let file = LockFile::new(&dir, "file").unwrap();
            let _held = file.try_exclusive(5).unwrap().unwrap();
            println!("ready");
            std::thread::park();
        }
        "few files" => {
            let most = Rlimit { current: Some(30), maximum: Some(30) };
            setrlimit(Resource::Nofile, most).unwrap();
            let e = (0..100).map(|_| root.top()).collect::<Result<Vec<_>, _>>().unwrap_err();
            assert_eq!(e.kind, Kind::TooManyFiles);
            println!("ready");
        }
        "raise" => {
            let less = Rlimit { current: Some(30), maximum: Some(200) };
            setrlimit(Resource::Nofile, less).unwrap();
            assert_eq!(crate::process::raise_file_limit(), 200);
            let dirs = (0..100).map(|_| root.top()).collect::<Result<Vec<_>, _>>().unwrap();
            assert_eq!(dirs.len(), 100);
            println!("ready");
        }
        #[cfg(feature = "fault")]
        role => crate::fault::child_role(role, &root),
        #[cfg(not(feature = "fault"))]
        role => panic!("no such role: {role}"),
    }
}

pub(crate) fn spawn(role: &str, root: &Root) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::child::role", "--ignored", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(PLACE, root.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The pipe is handed back because the child fails when it is closed.
#[must_use]
pub(crate) fn wait_ready(child: &mut Child) -> impl Sized + use<> {
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    // The harness prints the start of a line of its own first.
    assert!(out.any(|line| line.unwrap().ends_with("ready")), "the child failed");
    out
}

#[test]
fn a_lock_is_seen_by_others_and_freed_by_the_death_of_its_holder() {
    let (_temp, root) = lake();
    let dir = root.make_dir("locks").unwrap();
    LockFile::create(&dir, "file").unwrap();
    let file = LockFile::new(&dir, "file").unwrap();
    let mut child = spawn("hold", &root);
    let _pipe = wait_ready(&mut child);
    assert!(file.try_exclusive(5).unwrap().is_none());
    assert_eq!(file.lowest_locked_below(100).unwrap(), Some(5));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(file.try_exclusive(5).unwrap().is_some());
}

#[test]
fn running_out_of_files_is_told_by_name() {
    let (_temp, root) = lake();
    let mut child = spawn("few files", &root);
    let _pipe = wait_ready(&mut child);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_limit_of_open_files_is_raised_to_the_hard_one() {
    let (_temp, root) = lake();
    let mut child = spawn("raise", &root);
    let _pipe = wait_ready(&mut child);
    assert!(child.wait().unwrap().success());
}
