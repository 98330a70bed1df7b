//! Input files by patterns.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{IngestError, Result};

/// The files of patterns such as `bars/*.csv`, sorted, each once. A path that exists
/// is that path, whatever it looks like; a pattern that matches nothing is an error.
pub fn expand(patterns: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in patterns {
        let text = path.to_string_lossy();
        if !text.contains(['*', '?', '[']) || path.exists() {
            found.push(path.clone());
            continue;
        }
        let refuse = |why: String| {
            let file: Arc<str> = text.as_ref().into();
            IngestError::File { file, why }
        };
        let matches = glob::glob(&text).map_err(|e| refuse(format!("no pattern: {e}")))?;
        let before = found.len();
        for path in matches {
            let path = path
                .map_err(|e| IngestError::Open { path: e.path().to_owned(), source: e.into() })?;
            if path.is_file() {
                found.push(path);
            }
        }
        if found.len() == before {
            return Err(refuse("no file matches it".into()));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
