//! The libraries' errors as what the person is told.

use lake_cli::Failure;
use lake_engine::EngineError;
use lake_log::LogError;

pub(crate) fn of_log(error: LogError) -> Failure {
    with_hint(Failure::from_error(error.kind(), &error), error.hint())
}

pub(crate) fn of_engine(error: EngineError) -> Failure {
    let mut failure = Failure::from_error(error.kind(), &error);
    failure.causes.extend(error.detail().map(str::to_owned));
    with_hint(failure, error.hint())
}

fn with_hint(failure: Failure, hint: Option<String>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
