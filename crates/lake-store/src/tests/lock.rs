use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use proptest::prelude::*;

use super::lake;
use crate::{Dir, Kind, LockFile, Root};

fn locks(root: &Root) -> (Dir, LockFile) {
    let dir = root.make_dir("locks").unwrap();
    LockFile::create(&dir, "file").unwrap();
    LockFile::create(&dir, "file").unwrap();
    let file = LockFile::new(&dir, "file").unwrap();
    (dir, file)
}

#[test]
fn a_lock_file_is_never_made_by_locking() {
    let (_temp, root) = lake();
    let (dir, file) = locks(&root);
    assert_eq!(LockFile::new(&dir, "other").unwrap_err().kind, Kind::NotFound);
    dir.unlink("file").unwrap();
    assert_eq!(file.try_exclusive(0).unwrap_err().kind, Kind::Stale);
    assert_eq!(file.try_shared(0).unwrap_err().kind, Kind::Stale);
    assert_eq!(file.is_locked(0).unwrap_err().kind, Kind::Stale);
    assert_eq!(file.lowest_locked_below(9).unwrap_err().kind, Kind::Stale);
    assert!(!dir.exists("file").unwrap());
}

#[test]
fn bytes_are_apart_and_one_process_excludes_itself() {
    let (_temp, root) = lake();
    let (_, file) = locks(&root);
    let far = (1u64 << 62) - 1;
    for byte in [0, 7, far] {
        let held = file.try_exclusive(byte).unwrap().unwrap();
        assert_eq!(held.byte(), byte);
        assert!(file.try_exclusive(byte).unwrap().is_none());
        assert!(file.try_shared(byte).unwrap().is_none());
        assert!(file.is_locked(byte).unwrap());
        assert!(!file.is_locked(byte + 1).unwrap());
        assert!(file.try_exclusive(byte + 1).unwrap().is_some());
        drop(held);
        assert!(!file.is_locked(byte).unwrap());
        assert!(file.try_exclusive(byte).unwrap().is_some());
    }
    assert_eq!(file.try_exclusive(u64::MAX).unwrap_err().kind, Kind::Other);
}

#[test]
fn readers_share_and_keep_a_writer_out() {
    let (_temp, root) = lake();
    let (_, file) = locks(&root);
    let one = file.try_shared(3).unwrap().unwrap();
    let two = file.try_shared(3).unwrap().unwrap();
    assert!(file.is_locked(3).unwrap());
    assert!(file.try_exclusive(3).unwrap().is_none());
    drop(one);
    assert!(file.try_exclusive(3).unwrap().is_none());
    drop(two);
    assert!(file.try_exclusive(3).unwrap().is_some());
}

/// Classic POSIX locks fail this.
#[test]
fn closing_another_descriptor_of_the_file_loses_nothing() {
    let (_temp, root) = lake();
    let (dir, file) = locks(&root);
    let held = file.try_exclusive(0).unwrap().unwrap();
    drop(dir.open_read("file").unwrap());
    drop(std::fs::OpenOptions::new().write(true).open(root.path().join("locks/file")).unwrap());
    assert!(file.is_locked(0).unwrap());
    assert!(file.try_exclusive(0).unwrap().is_none());
    held.check().unwrap();
}

#[test]
fn waiting_ends_with_the_lock_or_with_the_time() {
    let (_temp, root) = lake();
    let (_, file) = locks(&root);
    let held = file.try_exclusive(0).unwrap().unwrap();
    assert!(file.exclusive_within(0, Duration::ZERO).unwrap().is_none());
    assert!(file.exclusive_within(0, Duration::from_millis(3)).unwrap().is_none());
    let waiting = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            waiting.store(true, Ordering::Release);
            file.exclusive_within(0, Duration::MAX).unwrap().is_some()
        });
        while !waiting.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        drop(held);
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn a_read_modify_write_under_the_lock_loses_no_update() {
    let (_temp, root) = lake();
    let (_, file) = locks(&root);
    let counter = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let _held = file.exclusive_within(0, Duration::MAX).unwrap().unwrap();
                    let seen = counter.load(Ordering::Relaxed);
                    std::thread::yield_now();
                    counter.store(seen + 1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(counter.into_inner(), 800);
}

/// Whoever deletes a lock file splits its holders in two worlds; the old one must
/// learn of it, at the next acquisition and by asking the guard.
#[test]
fn a_lock_file_replaced_under_load_is_stale_for_all_who_knew_it() {
    let (_temp, root) = lake();
    let (dir, file) = locks(&root);
    let held = file.try_shared(9).unwrap().unwrap();
    held.check().unwrap();
    let rounds = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        match file.exclusive_within(0, Duration::from_secs(60)) {
                            Ok(guard) => drop(guard.unwrap()),
                            Err(e) => return e.kind,
                        }
                        assert!(rounds.fetch_add(1, Ordering::Relaxed) < 5_000_000);
                    }
                })
            })
            .collect();
        while rounds.load(Ordering::Relaxed) < 100 {
            std::thread::yield_now();
        }
        dir.unlink("file").unwrap();
        LockFile::create(&dir, "file").unwrap();
        for worker in workers {
            assert_eq!(worker.join().unwrap(), Kind::Stale);
        }
    });
    assert_eq!(held.check().unwrap_err().kind, Kind::Stale);
    assert!(LockFile::new(&dir, "file").unwrap().try_exclusive(9).unwrap().is_some());
}

#[test]
fn whoever_knew_a_lock_file_does_not_lock_its_successor() {
    let (_temp, root) = lake();
    let (dir, file) = locks(&root);
    // Keeps the number of the old file from being given to the new one.
    let _old = dir.open_read("file").unwrap();
    dir.unlink("file").unwrap();
    LockFile::create(&dir, "file").unwrap();
    assert_eq!(file.try_exclusive(0).unwrap_err().kind, Kind::Stale);
    assert_eq!(file.try_shared(0).unwrap_err().kind, Kind::Stale);
}

#[test]
fn a_lock_over_many_bytes_counts_from_its_first() {
    let (_temp, root) = lake();
    let (_, file) = locks(&root);
    let path = root.path().join("locks/file");
    let raw = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let span = |start, len| libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: len,
        l_pid: 0,
    };
    fcntl(raw.as_fd(), FcntlArg::F_OFD_SETLK(&span(10, 0))).unwrap();
    assert_eq!(file.lowest_locked_below(10).unwrap(), None);
    assert_eq!(file.lowest_locked_below(11).unwrap(), Some(10));
    assert!(file.is_locked(1 << 40).unwrap());
    fcntl(raw.as_fd(), FcntlArg::F_OFD_SETLK(&span(2, 5))).unwrap();
    assert_eq!(file.lowest_locked_below(5).unwrap(), Some(2));
    assert_eq!(file.lowest_locked_below(0).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_lowest_lock_is_the_lowest(
        bytes in proptest::collection::vec(0u64..200, 0..40),
        limits in proptest::collection::vec(0u64..220, 1..20),
        freed in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let (_temp, root) = lake();
        let (_, file) = locks(&root);
        let mut held: Vec<_> =
            bytes.iter().map(|&b| file.try_shared(b).unwrap().unwrap()).collect();
        let mut keep = freed.iter();
        held.retain(|_| *keep.next().unwrap());
        let model: BTreeSet<u64> = held.iter().map(|guard| guard.byte()).collect();
        for limit in limits {
            let expected = model.range(..limit).next().copied();
            prop_assert_eq!(file.lowest_locked_below(limit).unwrap(), expected);
            prop_assert_eq!(file.is_locked(limit).unwrap(), model.contains(&limit));
        }
    }
}
