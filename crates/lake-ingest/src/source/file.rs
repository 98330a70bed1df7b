//! An input file: regular, opened once.

use std::path::Path;
use std::sync::Arc;

use lake_store::Root;
use parquet::file::reader::ChunkReader;

use crate::error::{IngestError, Result};

/// Opens a file for reading. Links are followed, as people name their inputs by
/// them; a pipe or a device is refused.
pub(crate) fn open(path: &Path) -> Result<impl ChunkReader<T: Send + 'static> + 'static + use<>> {
    let open = || -> std::io::Result<_> {
        let real = path.canonicalize()?;
        match (real.parent(), real.file_name().and_then(|name| name.to_str())) {
            (Some(dir), Some(name)) => Ok(Root::open(dir)?.open_read(name)?),
            _ => Err(std::io::Error::other("its name is not UTF-8, or it is a directory")),
        }
    };
    open().map_err(|source| IngestError::Open { path: path.to_owned(), source })
}

/// How large a file is, if it can be seen.
pub(crate) fn size(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|found| found.len())
}

/// The file as a stream from its first byte, wherever somebody looked before.
pub(crate) fn from_start<F: ChunkReader>(input: &F, name: &Arc<str>) -> Result<F::T> {
    input.get_read(0).map_err(|e| IngestError::File { file: name.clone(), why: e.to_string() })
}
