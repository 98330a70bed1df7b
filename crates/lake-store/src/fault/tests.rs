use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::*;
use crate::tests::child::{spawn, wait_ready};
use crate::tests::lake;
use crate::{Dir, HINT_LEN, Hint, Kind, Link, LockFile, Root, overwrite, publish_new};

fn dirs(root: &Root) -> (Dir, Dir) {
    (root.make_dir("staging").unwrap(), root.make_dir("log").unwrap())
}

fn raw(errno: Errno) -> i32 {
    errno.raw_os_error()
}

/// Fsync reports an error once; the next call would succeed with the bytes lost.
#[test]
fn a_file_whose_sync_failed_is_never_synced_again() {
    for (op, errno, kind) in
        [("sync_file", Errno::IO, Kind::Io), ("write", Errno::NOSPC, Kind::DiskFull)]
    {
        let (_temp, root) = lake();
        let (staging, _) = dirs(&root);
        let mut file = staging.create("file").unwrap();
        file.write_all(b"before").unwrap();
        let armed = arm_at(root.path(), Plan::nth(1, Mode::Fail(raw(errno))).only(&[op]));
        let first = file.write_all(b"bytes").map_err(|_| ()).and(file.sync().map_err(|_| ()));
        assert!(first.is_err() && armed.fired());
        drop(armed);
        assert_eq!(file.sync().unwrap_err().kind, kind);
        assert_eq!(file.write_all_at_once(b"more").unwrap_err().kind, kind);
        assert_eq!(file.allocate(10).unwrap_err().kind, kind);
        assert!(file.flush().is_err());
        assert_eq!(file.close().unwrap_err().kind, kind);
    }
}

#[test]
fn every_errno_has_its_kind() {
    let kinds = [
        (Errno::NOENT, Kind::NotFound),
        (Errno::EXIST, Kind::AlreadyExists),
        (Errno::NOSPC, Kind::DiskFull),
        (Errno::DQUOT, Kind::DiskFull),
        (Errno::MFILE, Kind::TooManyFiles),
        (Errno::NFILE, Kind::TooManyFiles),
        (Errno::ACCESS, Kind::Permission),
        (Errno::PERM, Kind::Permission),
        (Errno::ROFS, Kind::ReadOnly),
        (Errno::LOOP, Kind::Escape),
        (Errno::XDEV, Kind::Escape),
        (Errno::STALE, Kind::Stale),
        (Errno::IO, Kind::Io),
        (Errno::NOLCK, Kind::Other),
    ];
    let (_temp, root) = lake();
    for (errno, kind) in kinds {
        let _armed = arm_at(root.path(), Plan::nth(1, Mode::Fail(raw(errno))).only(&["open_dir"]));
        let e = root.dir("d").unwrap_err();
        assert_eq!((e.kind, e.errno()), (kind, Some(raw(errno))));
    }
    // A move between file systems is not an escape.
    let (staging, log) = dirs(&root);
    let _armed = arm_at(root.path(), Plan::nth(1, Mode::Fail(raw(Errno::XDEV))).only(&["rename"]));
    assert_eq!(staging.rename("a", &log, "a").unwrap_err().kind, Kind::Other);
}

#[test]
fn a_kernel_without_openat2_is_told_clearly() {
    let (_temp, root) = lake();
    let _armed = arm_at(root.path(), Plan::nth(1, Mode::Fail(raw(Errno::NOSYS))));
    let e = root.dir("d").unwrap_err();
    assert!(e.to_string().contains("Linux 5.6"), "{e}");
}

#[test]
fn an_interrupted_operation_is_done_again() {
    let (_temp, root) = lake();
    let (staging, log) = dirs(&root);
    LockFile::create(&staging, "lock").unwrap();
    let mut names = 0;
    loop {
        names += 1;
        let plan = Plan::nth(names, Mode::Fail(raw(Errno::INTR)));
        let armed = arm_at(root.path(), plan);
        let name = format!("{names}.e");
        assert_eq!(publish_new(&staging, "tmp", &log, &name, b"bytes").unwrap(), Link::Done);
        let lock = LockFile::new(&staging, "lock").unwrap();
        assert!(lock.try_exclusive(1).unwrap().is_some());
        assert_eq!(lock.lowest_locked_below(9).unwrap(), None);
        assert_eq!(log.read(&name).unwrap(), b"bytes");
        if !armed.fired() {
            break;
        }
    }
    assert!(names > 10, "only {names} operations were interrupted");
}

/// The sweep of the crash tests, in small: whatever fails, the name is absent or
/// the file under it is whole, and doing it again ends with exactly one.
#[test]
fn publishing_is_all_or_nothing_at_every_operation() {
    let modes = [
        Mode::Stop,
        Mode::Tear,
        Mode::Fail(raw(Errno::IO)),
        Mode::Fail(raw(Errno::NOSPC)),
        Mode::FailAfter(raw(Errno::IO)),
    ];
    for mode in modes {
        let (_temp, root) = lake();
        let (staging, log) = dirs(&root);
        for n in 1.. {
            let (tmp, name) = (format!("{n}.tmp"), format!("{n}.e"));
            let armed = arm_at(root.path(), Plan::nth(n, mode));
            let outcome = publish_new(&staging, &tmp, &log, &name, b"whole");
            let fired = armed.fired();
            drop(armed);
            let found = log.read_opt(&name).unwrap();
            assert!(found.as_deref().is_none_or(|bytes| bytes == b"whole"), "{mode:?} at {n}");
            match &outcome {
                Ok(link) => assert!(*link == Link::Done && found.is_some()),
                Err(e) if e.op == "link" || e.op == "sync_dir" => {}
                Err(_) => assert!(found.is_none(), "{mode:?} at {n}"),
            }
            if matches!(mode, Mode::Fail(_)) && outcome.as_ref().is_err_and(|e| e.op != "create") {
                assert!(!staging.exists(&tmp).unwrap(), "{mode:?} at {n} left its file");
            }
            let again = publish_new(&staging, &format!("{n}.again"), &log, &name, b"whole");
            assert_eq!(again.unwrap() == Link::Exists, found.is_some());
            if !fired {
                assert!(outcome.is_ok() && n > 6);
                break;
            }
        }
    }
}

#[test]
fn a_link_that_happened_although_it_failed_can_be_read() {
    let (_temp, root) = lake();
    let (staging, log) = dirs(&root);
    let plan = Plan::nth(1, Mode::FailAfter(raw(Errno::IO))).only(&["link"]);
    let _armed = arm_at(root.path(), plan);
    let e = publish_new(&staging, "tmp", &log, "1.e", b"mine").unwrap_err();
    assert_eq!((e.op, e.kind), ("link", Kind::Io));
    assert_eq!(log.read("1.e").unwrap(), b"mine");
}

#[test]
fn a_torn_write_leaves_half_and_a_dead_process() {
    let (_temp, root) = lake();
    let (staging, _) = dirs(&root);
    let armed = arm_at(root.path(), Plan::nth(2, Mode::Tear).only(&["write"]));
    let mut file = staging.create("file").unwrap();
    file.write_all_at_once(b"whole ").unwrap();
    assert_eq!(file.write_all_at_once(b"12345678").unwrap_err().kind, Kind::Stopped);
    assert_eq!(staging.read("file").unwrap_err().kind, Kind::Stopped);
    assert_eq!(root.sync_fs().unwrap_err().kind, Kind::Stopped);
    drop(armed);
    assert_eq!(staging.read("file").unwrap(), b"whole 1234");
}

#[test]
fn a_plan_counts_filters_and_stays_in_its_scope() {
    let (_temp, root) = lake();
    let (_other_temp, other) = lake();
    let (staging, log) = dirs(&root);
    let io = Mode::Fail(raw(Errno::IO));

    let plan = Plan::nth(2, io).only(&["sync_dir"]).beneath("log");
    let armed = arm_at(root.path(), plan);
    staging.sync().unwrap();
    log.sync().unwrap();
    other.top().unwrap().sync().unwrap();
    assert!(!armed.fired());
    assert_eq!(log.sync().unwrap_err().kind, Kind::Io);
    log.sync().unwrap();
    assert_eq!(armed.count(), 3);
    drop(armed);

    let sticky = Plan { sticky: true, ..Plan::nth(2, io).only(&["sync_dir"]) };
    let armed = arm_here(sticky);
    log.sync().unwrap();
    assert!(log.sync().is_err() && log.sync().is_err());
    std::thread::scope(|scope| {
        scope.spawn(|| log.sync().unwrap());
    });
    drop(armed);
    log.sync().unwrap();
}

#[test]
fn the_recording_is_what_was_done_in_order() {
    let (_temp, root) = lake();
    record_start(root.path());
    let staging = root.make_dir("staging").unwrap();
    let log = root.make_dir("log/0").unwrap();
    assert_eq!(publish_new(&staging, "tmp", &log, "1.e", b"one").unwrap(), Link::Done);
    assert_eq!(publish_new(&staging, "tmp", &log, "1.e", b"two").unwrap(), Link::Exists);
    let head = Hint::create(&log, "HEAD").unwrap();
    head.write(&[1; HINT_LEN]).unwrap();
    overwrite(&log, "HEAD", 3, b"x").unwrap();
    root.sync_fs().unwrap();
    let ops = record_stop(root.path());
    root.make_dir("unheard").unwrap();

    let p = PathBuf::from;
    let inos: Vec<u64> = ops
        .iter()
        .filter_map(|op| match op {
            Op::Create { ino, .. } => Some(*ino),
            _ => None,
        })
        .collect();
    let [one, two, three] = inos[..] else { panic!("{ops:?}") };
    assert!(one != two && two != three);
    let expected = [
        Op::Mkdir { path: p("staging") },
        Op::SyncDir { path: p("") },
        Op::Mkdir { path: p("log") },
        Op::SyncDir { path: p("") },
        Op::Mkdir { path: p("log/0") },
        Op::SyncDir { path: p("log") },
        Op::Create { path: p("staging/tmp"), ino: one },
        Op::Write { ino: one, offset: 0, bytes: b"one".to_vec() },
        Op::SyncFile { ino: one },
        Op::Link { from: p("staging/tmp"), to: p("log/0/1.e") },
        Op::SyncDir { path: p("log/0") },
        Op::Unlink { path: p("staging/tmp") },
        Op::Create { path: p("staging/tmp"), ino: two },
        Op::Write { ino: two, offset: 0, bytes: b"two".to_vec() },
        Op::SyncFile { ino: two },
        Op::Unlink { path: p("staging/tmp") },
        Op::Create { path: p("log/0/HEAD"), ino: three },
        Op::Overwrite { path: p("log/0/HEAD"), offset: 0, bytes: vec![1; HINT_LEN] },
        Op::Overwrite { path: p("log/0/HEAD"), offset: 3, bytes: b"x".to_vec() },
        Op::SyncPath { path: p("log/0/HEAD") },
        Op::SyncFs,
    ];
    assert_eq!(ops, expected);
    assert_eq!(record_stop(root.path()), []);
}

/// The order on the tape is the order on the disk, whatever threads do: of one
/// name, fought for by all, making and removing must alternate.
#[test]
fn a_recording_of_many_threads_can_be_replayed() {
    let (_temp, root) = lake();
    let (staging, _) = dirs(&root);
    record_start(root.path());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    match staging.create("x") {
                        Ok(file) => file.close().unwrap(),
                        Err(e) => assert_eq!(e.kind, Kind::AlreadyExists),
                    }
                    staging.unlink("x").unwrap();
                }
            });
        }
    });
    let mut there = false;
    let ops = record_stop(root.path());
    assert!(ops.len() >= 400);
    for op in ops {
        let made = matches!(op, Op::Create { .. });
        assert_ne!(made, there, "{op:?}");
        there = made;
    }
}

#[test]
fn broken_rules_are_broken_and_mended() {
    let (_temp, root) = lake();
    let (staging, log) = dirs(&root);
    let broken = mutate_here(Mutant::NoDirSync);
    record_start(root.path());
    log.sync().unwrap();
    assert_eq!(record_stop(root.path()), []);
    drop(broken);

    let broken = mutate_here(Mutant::RenameInsteadOfLink);
    for bytes in [b"one", b"two"] {
        assert_eq!(publish_new(&staging, "tmp", &log, "1.e", bytes).unwrap(), Link::Done);
    }
    assert_eq!(log.read("1.e").unwrap(), b"two");
    drop(broken);
    assert_eq!(publish_new(&staging, "tmp", &log, "1.e", b"x").unwrap(), Link::Exists);

    let broken = mutate_here(Mutant::parse("fence"));
    assert!(mutant("fence") && !mutant("boundary"));
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(!mutant("fence")));
    });
    drop(broken);
    assert!(!mutant("fence"));
}

#[test]
fn plans_are_read_from_text() {
    let plan = |at, mode| Plan::nth(at, mode);
    assert_eq!(parse("kill@17"), Ok(plan(17, Mode::Kill)));
    assert_eq!(parse("pause@1"), Ok(plan(1, Mode::Pause)));
    assert_eq!(
        parse("fail:ENOSPC@3:write"),
        Ok(plan(3, Mode::Fail(raw(Errno::NOSPC))).only(&["write"]))
    );
    assert_eq!(parse("fail_after:5@1:link"), Ok(plan(1, Mode::FailAfter(5)).only(&["link"])));
    assert_eq!(
        parse("stop@9:link,sync_dir~log/"),
        Ok(plan(9, Mode::Stop).only(&["link", "sync_dir"]).beneath("log/"))
    );
    assert_eq!(
        parse("fail:EIO@2+~a@b:c"),
        Ok(Plan { sticky: true, ..plan(2, Mode::Fail(raw(Errno::IO))).beneath("a@b:c") })
    );
    let wrong = [
        "",
        "kill",
        "kill@",
        "kill@0",
        "kill@x",
        "kill:EIO@1",
        "fail@1",
        "fail:EWHAT@1",
        "stop@1:links",
        "stop@1:",
        "slow@1",
        "stop@-1",
        "stop@1++",
    ];
    for text in wrong {
        assert!(parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn kill_and_pause_reach_the_process() {
    let (_temp, root) = lake();
    dirs(&root);
    let killed = spawn("kill", &root).wait().unwrap();
    assert_eq!(killed.signal(), Some(9));
    let log = root.dir("log").unwrap();
    assert!(!log.exists("1.e").unwrap());
    assert_eq!(root.dir("staging").unwrap().list().unwrap().len(), 1);

    let mut child = spawn("pause", &root);
    let pid = Pid::from_raw(child.id() as i32).unwrap();
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped());
    assert!(!log.exists("2.e").unwrap());
    kill_process(pid, Signal::CONT).unwrap();
    let _pipe = wait_ready(&mut child);
    assert!(child.wait().unwrap().success());
    assert_eq!(log.read("2.e").unwrap(), b"bytes");
}

/// What the other process of that test does; armed for the whole process.
pub(crate) fn child_role(role: &str, root: &Root) {
    let (staging, log) = dirs(root);
    let (plan, name) = match role {
        "kill" => ("kill@1:link", "1.e"),
        "pause" => ("pause@1:link~staging", "2.e"),
        _ => panic!("no such role: {role}"),
    };
    arm(parse(plan).unwrap());
    assert_eq!(publish_new(&staging, role, &log, name, b"bytes").unwrap(), Link::Done);
    assert_eq!(count(), 1);
    disarm();
    println!("ready");
}
