//! Failures by remedy: what the person (or the script) must do next. One table
//! maps them to exit codes and HTTP statuses.

/// What a caller can do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Findings, or the answer is "no".
    No,
    /// Usage or bad input; nothing was done.
    BadInput,
    /// A table, symbol, file or version that is not there; nothing was done.
    NotFound,
    /// Somebody holds what is needed; nothing was done, try again.
    Busy,
    /// Somebody changed what this was based on; nothing was done, try again.
    Conflict,
    /// The version asked for is no longer kept.
    Expired,
    /// Data or log do not match their checksums.
    Damaged,
    /// The lake was written by a newer program.
    Newer,
    /// The file system does not keep the promises the lake stands on.
    UnsafeFs,
    /// Whether it was done cannot be known here; resolve it by producer and seq.
    Unknown,
    /// Durable, but not yet visible.
    Spooled,
    /// Disk or quota full; nothing was done.
    DiskFull,
    /// No permission, a read-only disk, too many open files or an I/O error; nothing was done.
    Denied,
    /// A defect of the program.
    Bug,
    /// Stopped by a signal.
    Interrupted,
    /// The reader of our output went away.
    ClosedPipe,
}

impl Kind {
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::ClosedPipe => 0,
            Kind::No => 1,
            Kind::BadInput | Kind::NotFound => 2,
            Kind::Busy | Kind::Conflict | Kind::Expired => 3,
            Kind::Damaged => 4,
            Kind::Newer | Kind::UnsafeFs => 5,
            Kind::Unknown => 6,
            Kind::Spooled => 7,
            Kind::DiskFull | Kind::Denied => 8,
            Kind::Bug => 70,
            Kind::Interrupted => 130,
        }
    }

    pub fn http_status(self) -> u16 {
        match self {
            Kind::ClosedPipe | Kind::No => 200,
            Kind::BadInput => 400,
            Kind::NotFound => 404,
            Kind::Busy => 503,
            Kind::Conflict => 409,
            Kind::Expired => 410,
            Kind::Damaged | Kind::Unknown | Kind::Denied | Kind::Bug => 500,
            Kind::Newer | Kind::UnsafeFs => 501,
            Kind::Spooled => 202,
            Kind::DiskFull => 507,
            Kind::Interrupted => 503,
        }
    }
}
