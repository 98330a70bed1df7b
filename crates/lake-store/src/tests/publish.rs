use std::collections::BTreeMap;
use std::sync::Mutex;

use super::lake;
use crate::{Kind, Link, publish_new};

#[test]
fn of_many_publishers_one_wins_and_nobody_is_overwritten() {
    let (_temp, root) = lake();
    let (staging, log) = (root.make_dir("staging").unwrap(), root.make_dir("log").unwrap());
    let winners = Mutex::new(BTreeMap::new());
    let threads = 8;
    let barrier = std::sync::Barrier::new(threads);
    std::thread::scope(|scope| {
        for me in 0..threads {
            let (staging, log, winners, barrier) = (&staging, &log, &winners, &barrier);
            scope.spawn(move || {
                for version in 0..30 {
                    let (tmp, name) = (format!("{me}-{version}"), format!("{version}.e"));
                    let bytes = format!("{me} wrote {version}").into_bytes();
                    barrier.wait();
                    if publish_new(staging, &tmp, log, &name, &bytes).unwrap() == Link::Done {
                        assert_eq!(winners.lock().unwrap().insert(name, bytes), None);
                    }
                }
            });
        }
    });
    let winners = winners.into_inner().unwrap();
    assert_eq!(winners.len(), 30);
    for (name, bytes) in winners {
        assert_eq!(log.read(&name).unwrap(), bytes);
        assert_eq!(log.stat(&name).unwrap().unwrap().nlink, 1);
    }
    assert_eq!(staging.list().unwrap(), []);
}

#[test]
fn a_staged_name_of_somebody_else_is_left_alone() {
    let (_temp, root) = lake();
    let (staging, log) = (root.make_dir("staging").unwrap(), root.make_dir("log").unwrap());
    std::fs::write(root.path().join("staging/tmp"), "theirs").unwrap();
    let e = publish_new(&staging, "tmp", &log, "1.e", b"ours").unwrap_err();
    assert_eq!((e.kind, e.op), (Kind::AlreadyExists, "create"));
    assert_eq!(staging.read("tmp").unwrap(), b"theirs");
    assert!(!log.exists("1.e").unwrap());
}
