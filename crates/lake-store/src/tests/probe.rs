use super::lake;
use crate::{probe, random};

#[test]
fn a_local_disk_passes_and_nothing_is_left_behind() {
    let (_temp, root) = lake();
    let staging = root.make_dir("staging").unwrap();
    let findings = probe(&root, &staging).unwrap();
    let checks: Vec<_> = findings.iter().map(|f| f.check).collect();
    assert!(checks.starts_with(&[
        "link", "lock", "case", "unicode", "device", "sync_dir", "sync_fs", "mount"
    ]));
    for finding in findings {
        assert!(finding.ok, "{finding:?}");
        assert!(finding.remedy.is_empty());
    }
    assert_eq!(staging.list().unwrap(), []);
}

#[test]
fn sessions_fit_a_lock_and_differ() {
    let all: std::collections::BTreeSet<u64> =
        (0..1000).map(|_| random::session().unwrap()).collect();
    assert_eq!(all.len(), 1000);
    assert!(all.iter().all(|&s| s < 1 << 62));
    assert!(all.iter().any(|&s| s >= 1 << 61));
}

#[test]
fn jitter_stays_below_its_bound() {
    use std::time::Duration;
    for most in [Duration::ZERO, Duration::from_micros(50), Duration::MAX] {
        assert!((0..100).all(|_| random::jitter(most) <= most));
    }
}

#[test]
fn clocks_run_forward() {
    use crate::{Deadline, Stopwatch, clock};
    use std::time::Duration;
    assert!(clock::now_us() > 1_700_000_000_000_000);
    let watch = Stopwatch::start();
    let first = watch.elapsed();
    assert!(watch.elapsed() >= first);
    assert!(Deadline::after(Duration::ZERO).passed());
    assert!(!Deadline::after(Duration::MAX).passed());
    assert!(!Deadline::never().passed());
    assert!(!crate::process::host().is_empty());
}
