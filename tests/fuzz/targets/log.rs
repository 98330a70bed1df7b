//! Entries, checkpoints and waiting transactions with a right checksum and any body:
//! what is read is written back as it was.

#![no_main]

use lake_core::census::{Census, Tallies, Tally};
use lake_core::entry::{Entry, ready_from_bytes, ready_to_bytes};
use lake_core::frame::Framed;
use lake_core::{checkpoint, lakefile::LakeFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok((entry, _)) = Entry::from_bytes(&Framed::Entry.seal(body)) {
        let (bytes, _) = entry.seal();
        assert_eq!(Entry::from_bytes(&bytes).expect("own entry").0, entry);
    }
    if let Ok(state) = checkpoint::from_bytes(&Framed::Checkpoint.seal(body)) {
        let again = checkpoint::from_bytes(&checkpoint::to_bytes(&state)).expect("own checkpoint");
        assert_eq!(again, state);
    }
    if let Ok(txn) = ready_from_bytes(&Framed::Ready.seal(body)) {
        assert_eq!(ready_from_bytes(&ready_to_bytes(&txn)).expect("own transaction"), txn);
    }
    let all: Result<Vec<Tally>, _> = Tallies::new(body).collect();
    if let Ok(all) = all {
        for tally in &all {
            assert_eq!(Tallies::new(body).find(&tally.symbols).as_ref(), Ok(&Some(tally.clone())));
        }
        let mut census = Census::default();
        all.iter().for_each(|tally| census.push(tally.clone()));
        let sealed = census.seal();
        let (body, _) = Framed::Census.open(&sealed).expect("own census");
        assert_eq!(Tallies::new(body).collect::<Result<Vec<_>, _>>().expect("own tallies"), all);
    }
    let _ = Entry::from_bytes(body);
    let _ = checkpoint::from_bytes(body);
    let _ = LakeFile::parse(body, true);
});
