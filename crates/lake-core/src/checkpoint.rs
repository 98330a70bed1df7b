//! A whole state as one file, so that opening a lake reads a short tail of the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::census::Touch;
use crate::codec::{Decoded, Decoder, Encoder, Malformed};
use crate::entry::BadFile;
use crate::frame::Framed;
use crate::id::TableId;
use crate::producers::Producers;
use crate::schema::TableDef;
use crate::segment::{Part, Segment};
use crate::state::{PartState, State, Table};

const HEADER: u8 = 1;
const TABLES: u8 = 2;
const PARTS: u8 = 3;
const FENCES: u8 = 4;
const PRODUCERS: u8 = 5;
const TAGS: u8 = 6;

pub fn to_bytes(state: &State) -> Vec<u8> {
    let mut e = Encoder::default();
    e.u8(HEADER);
    e.framed(|e| {
        e.num(state.version);
        e.fixed64(state.hash);
        e.int(state.at_us);
        e.num(state.floor);
        e.num(state.next_table);
        e.num(state.changes);
    });
    e.u8(TABLES);
    e.framed(|e| {
        e.len(state.tables.len());
        state.tables().for_each(|t| t.def.encode(e));
    });
    for table in state.tables() {
        e.u8(PARTS);
        e.framed(|e| put_parts(e, table));
    }
    e.u8(FENCES);
    e.framed(|e| {
        e.len(state.fences.len());
        for (session, version) in &*state.fences {
            e.fixed64(*session);
            e.num(*version);
        }
    });
    e.u8(PRODUCERS);
    e.framed(|e| state.producers.encode(e));
    e.u8(TAGS);
    e.framed(|e| {
        e.len(state.tags.len());
        for (name, version) in &*state.tags {
            e.text(name);
            e.num(*version);
        }
    });
    Framed::Checkpoint.seal(&e.0)
}

fn put_parts(e: &mut Encoder, table: &Table) {
    e.num(table.def.id.0);
    e.len(table.parts.len());
    for (part, live) in &table.parts {
        part.encode(e);
        live.touched.encode(e);
        e.num(live.cut);
        e.list(&live.segments, |e, s| {
            s.encode(e);
            e.num(s.added);
        });
    }
}

pub fn from_bytes(bytes: &[u8]) -> Result<State, BadFile> {
    let (body, _) = Framed::Checkpoint.open(bytes)?;
    Ok(decode(body)?)
}

fn decode(body: &[u8]) -> Decoded<State> {
    let mut d = Decoder::new(body);
    let mut state = State::empty("");
    let mut seen = [false; 7];
    while !d.is_empty() {
        let tag = d.u8()?;
        let mut s = d.framed()?;
        match tag {
            HEADER => {
                state.version = s.num()?;
                state.hash = s.fixed64()?;
                state.at_us = s.int()?;
                state.floor = s.num()?;
                state.next_table = s.num32()?;
                state.changes = s.num()?;
            }
            TABLES => {
                for def in s.list(TableDef::decode)? {
                    let table = Table { parts: BTreeMap::new(), def };
                    state.tables.insert(table.def.id, Arc::new(table));
                }
            }
            PARTS => {
                let id = TableId(s.num32()?);
                let parts = get_parts(&mut s)?;
                match state.tables.get_mut(&id).and_then(Arc::get_mut) {
                    Some(table) => table.parts = parts,
                    None => return s.broken("segments of an unknown table"),
                }
            }
            FENCES => {
                let fences = s.list(|d| Ok((d.fixed64()?, d.num()?)))?;
                state.fences = Arc::new(fences.into_iter().collect());
            }
            PRODUCERS => state.producers = Arc::new(Producers::decode(&mut s)?),
            TAGS => {
                let tags = s.list(|d| Ok((d.text()?.to_owned(), d.num()?)))?;
                state.tags = Arc::new(tags.into_iter().collect());
            }
            code => return Err(Malformed::Newer { what: "section", code: code.into() }),
        }
        s.finish()?;
        seen[usize::from(tag)] = true;
    }
    if !(seen[1] && seen[2] && seen[4] && seen[5] && seen[6]) {
        return d.broken("a section is missing");
    }
    state.live = state.tables().map(|t| t.segment_count() as u64).sum();
    state.forget_recent();
    Ok(state)
}

fn get_parts(d: &mut Decoder<'_>) -> Decoded<BTreeMap<Part, Arc<PartState>>> {
    let mut producers: Vec<Arc<str>> = Vec::new();
    let parts = d.list(|d| {
        let part = Part::decode(d)?;
        let touched = Touch::decode(d, |name| shared(&mut producers, name))?;
        let cut = d.num()?;
        let segments = d.list(|d| {
            let segment = Segment::decode(d)?;
            Ok(Segment { added: d.num()?, ..segment })
        })?;
        Ok((part, Arc::new(PartState { segments, touched, cut })))
    })?;
    Ok(parts.into_iter().collect())
}

/// One allocation for the many partitions that one producer last touched.
fn shared(known: &mut Vec<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(found) = known.iter().rev().take(8).find(|k| ***k == *name) {
        return found.clone();
    }
    let new: Arc<str> = Arc::from(name);
    known.push(new.clone());
    new
}
