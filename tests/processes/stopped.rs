//! Whoever holds the commit lock is stopped: the others go on without it.

use lake_testkit::{Checked, audit, ensure, sequence};

use crate::actor::{Actor, Told, new_lake};

/// What a process was told must be true, also of the one that was stopped just
/// before it published its version.
fn stopped_before_it_publishes(env: &[(&str, &str)]) -> Checked<()> {
    let lake = new_lake();
    let env = [env, &[("LAKE_FAULT", "pause@1:link,replace")]].concat();
    let mut stopped = Actor::new(lake.path(), &["S", "1"], &env);
    stopped.go();
    stopped.wait_stopped();
    let mut others = ["A", "B"].map(|name| (name, Actor::new(lake.path(), &[name, "1"], &[])));
    others.iter_mut().for_each(|(_, actor)| actor.go());
    let mut told: Vec<(&str, Told)> = Vec::new();
    for (name, actor) in others {
        told.extend(actor.all_told().into_iter().map(|t| (name, t)));
    }
    ensure(told.len() == 2, || "the others wait for it".into())?;
    stopped.wake_up();
    told.extend(stopped.all_told().into_iter().map(|t| ("S", t)));
    ensure(told.len() == 3, || "it was not committed".into())?;
    let found = audit(lake.path())?;
    for (name, (seq, version)) in told {
        let is = found.sequences.get(&sequence(name, seq)).copied();
        ensure(is == Some(version), || format!("{name} was told {version}, is {is:?}"))?;
    }
    Ok(())
}

#[test]
fn others_go_on_while_the_holder_of_the_lock_is_stopped() {
    stopped_before_it_publishes(&[]).unwrap();
}

#[test]
fn renaming_instead_of_linking_is_noticed() {
    let mutant = [("LAKE_MUTANT", "rename_instead_of_link")];
    assert!(stopped_before_it_publishes(&mutant).is_err());
}
