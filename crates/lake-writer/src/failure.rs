//! The libraries' errors as what the person is told.

use lake_cli::Failure;
use lake_ingest::IngestError;
use lake_log::LogError;
use lake_maintain::MaintainError;
use lake_store::StoreError;

pub(crate) fn of_log(error: LogError) -> Failure {
    with_hint(Failure::from_error(error.kind(), &error), error.hint())
}

pub(crate) fn of_ingest(error: IngestError) -> Failure {
    told(&error)
}

/// Of an error that is somebody else's still.
pub(crate) fn told(error: &IngestError) -> Failure {
    with_hint(Failure::from_error(error.kind(), error), error.hint())
}

pub(crate) fn of_maintain(error: MaintainError) -> Failure {
    with_hint(Failure::from_error(error.kind(), &error), error.hint())
}

pub(crate) fn of_store(error: StoreError) -> Failure {
    of_log(LogError::Store(error))
}

fn with_hint(failure: Failure, hint: Option<String>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
