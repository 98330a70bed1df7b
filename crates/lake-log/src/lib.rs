//! The commit log shared by many processes: commit, snapshot, lease, recovery.
