//! The order that makes a published file either absent or whole, whatever happens.

use crate::dir::{Dir, Link};
use crate::error::Result;

/// 1. create `tmp`, write, sync, close: the bytes are durable under a name nobody looks for;
/// 2. link to `name`: of many at once one wins, and nobody is overwritten;
/// 3. sync `to`: the name is durable;
/// 4. unlink `tmp`.
///
/// An error whose `op` is `link` or `sync_dir` leaves the outcome open: whoever
/// must know reads `name`. After any other error nothing was published.
pub fn publish_new(staging: &Dir, tmp: &str, to: &Dir, name: &str, bytes: &[u8]) -> Result<Link> {
    let outcome =
        stage(staging, tmp, bytes).and_then(|()| staging.link(tmp, to, name)).and_then(|link| {
            match link {
                Link::Done => to.sync().map(|()| link),
                Link::Exists => Ok(link),
            }
        });
    let ours = !matches!(&outcome, Err(e) if e.op == "create");
    if ours {
        // The outcome is settled by now, and a leftover here is the sweep's to find.
        let _ = staging.unlink(tmp);
    }
    outcome
}

fn stage(staging: &Dir, tmp: &str, bytes: &[u8]) -> Result<()> {
    let mut file = staging.create(tmp)?;
    file.write_all_at_once(bytes)?;
    file.sync()?;
    file.close()
}
