//! A writer's presence: a random session whose byte it holds while it lives, the
//! byte of the version it began at, and a private directory to stage in.

use std::sync::Arc;

use lake_core::edit::{Cause, Transaction};
use lake_core::id::{TxnId, Version};
use lake_core::layout;
use lake_core::state::State;
use lake_store::{Dir, Guard, clock, process, random};

use crate::commit::READY;
use crate::error::Result;
use crate::lake::Lake;

/// How far the start byte may lag behind the head before it is moved up, so that
/// a long-lived writer does not hold the log back.
const LAG: u64 = 256;

pub(crate) struct Session {
    number: u64,
    start: Version,
    counter: u32,
    staging: Dir,
    name: String,
    host: String,
    _live: Guard,
    starts: Guard,
}

/// A transaction begun: its identity and what it is based on.
pub struct Draft {
    pub id: TxnId,
    pub state: Arc<State>,
    /// This session's private directory on the lake's disk.
    pub staging: Dir,
    host: String,
}

impl Draft {
    /// An empty transaction; the caller adds what it expects, does and reports.
    pub fn transaction(&self, cause: Cause) -> Transaction {
        Transaction {
            id: self.id,
            ready_at: self.state.version,
            producer: None,
            cause,
            at_us: clock::now_us(),
            host: self.host.clone(),
            pid: process::pid(),
            expects: Vec::new(),
            actions: Vec::new(),
            receipts: Vec::new(),
        }
    }
}

impl Lake {
    /// W1: begins a transaction. The live byte says that its files are not
    /// orphans, the start byte that the log since then is still needed.
    pub fn begin(&mut self) -> Result<Draft> {
        self.begin_within(LAG)
    }

    /// As `begin`, with the start byte at most `lag` versions behind the head.
    pub(crate) fn begin_within(&mut self, lag: u64) -> Result<Draft> {
        self.refresh()?;
        let head = self.state.version;
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.join(head)?,
        };
        if head > session.start + lag
            && let Some(starts) = self.files.starts.try_shared(head)?
        {
            session.starts = starts;
            session.start = head;
        }
        session.counter += 1;
        let id = TxnId { start: session.start, session: session.number, counter: session.counter };
        let draft = Draft {
            id,
            state: self.state.clone(),
            staging: session.staging.clone(),
            host: session.host.clone(),
        };
        self.session = Some(session);
        Ok(draft)
    }

    fn join(&mut self, start: Version) -> Result<Session> {
        loop {
            let number = random::session()?;
            let Some(live) = self.files.live.try_exclusive(number)? else { continue };
            let Some(starts) = self.files.starts.try_shared(start)? else { continue };
            let name = TxnId { start, session: number, counter: 0 }.to_string();
            let staging = self.files.root.dir(layout::STAGING)?.make_sub(&name)?;
            let host = process::host();
            let counter = 0;
            return Ok(Session {
                number,
                start,
                counter,
                staging,
                name,
                host,
                _live: live,
                starts,
            });
        }
    }

    /// The directory this session stages in, when it has begun.
    pub(crate) fn staging(&self) -> Option<&Dir> {
        self.session.as_ref().map(|s| &s.staging)
    }
}

impl Drop for Lake {
    /// Leaves nothing behind when it may; what stays is swept once the live byte
    /// is free.
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && let Ok(staging) = self.files.root.dir(layout::STAGING)
        {
            let _ = session.staging.unlink(READY);
            let _ = staging.remove_dir(&session.name);
        }
    }
}
