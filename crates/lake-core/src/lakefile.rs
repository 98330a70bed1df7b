//! `_lake/LAKE`, the birth certificate: format, features, id. Text that a person
//! can read, with a checksum; written once by init. And `_lake/HEAD`, the hint.

use crate::frame::hash;
use crate::id::Version;

/// The format this program writes.
pub const FORMAT: u32 = 1;
/// Features this program knows, for reading and for writing.
const READER_FEATURES: &[&str] = &[];
const WRITER_FEATURES: &[&str] = &[];
/// A writer's feature that no program has: the lake is a copy that stays as it is.
const BACKUP: &str = "backup";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeFile {
    pub format: u32,
    pub id: String,
    pub created_us: i64,
    /// A program that does not know one of these must not read, or not write.
    pub reader_features: Vec<String>,
    pub writer_features: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLake {
    #[error("the file LAKE is damaged: {0}")]
    Damaged(&'static str),
    #[error("the lake is of format {found}; this program knows formats up to {FORMAT}")]
    NewerFormat { found: u32 },
    #[error("it is a backup, which nobody writes to")]
    Backup,
    #[error("the lake needs feature {0:?}, which this program does not know")]
    Feature(String),
}

impl LakeFile {
    pub fn new(id: String, created_us: i64) -> LakeFile {
        let none = Vec::new;
        LakeFile {
            format: FORMAT,
            id,
            created_us,
            reader_features: none(),
            writer_features: none(),
        }
    }

    /// For a copy of the lake that nobody writes to.
    pub fn backup(id: String, created_us: i64) -> LakeFile {
        LakeFile { writer_features: vec![BACKUP.into()], ..LakeFile::new(id, created_us) }
    }

    pub fn is_backup(&self) -> bool {
        self.writer_features.iter().any(|feature| feature == BACKUP)
    }

    pub fn to_text(&self) -> String {
        let body = format!(
            "format = {}\nid = {}\ncreated_us = {}\nreader_features = {}\nwriter_features = {}\n",
            self.format,
            self.id,
            self.created_us,
            self.reader_features.join(","),
            self.writer_features.join(","),
        );
        format!("{body}xxh3 = {:016x}\n", hash(body.as_bytes()))
    }

    /// Reads it and refuses what this program does not understand. The format is
    /// judged before the checksum: a newer format may spell the rest otherwise.
    pub fn parse(bytes: &[u8], for_writing: bool) -> Result<LakeFile, BadLake> {
        let damaged = BadLake::Damaged;
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
        let field = |name: &'static str| {
            let value =
                |line: &str| line.split_once(" = ").map(|(k, v)| (k.to_owned(), v.to_owned()));
            text.lines().filter_map(value).find(|(k, _)| k == name).map(|(_, v)| v)
        };
        let format = field("format").and_then(|v| v.parse().ok());
        let format = format.ok_or(damaged("it has no format"))?;
        if format > FORMAT {
            return Err(BadLake::NewerFormat { found: format });
        }
        let (body, sum) = text.split_once("xxh3 = ").ok_or(damaged("it has no checksum"))?;
        if format!("{:016x}\n", hash(body.as_bytes())) != sum {
            return Err(damaged("the checksum does not fit"));
        }
        let list = |name| -> Vec<String> {
            let value = field(name).unwrap_or_default();
            value.split(',').filter(|f| !f.is_empty()).map(str::to_owned).collect()
        };
        let lake = LakeFile {
            format,
            id: field("id").ok_or(damaged("it has no id"))?,
            created_us: field("created_us").and_then(|v| v.parse().ok()).unwrap_or(0),
            reader_features: list("reader_features"),
            writer_features: list("writer_features"),
        };
        if for_writing && lake.is_backup() {
            return Err(BadLake::Backup);
        }
        let unknown = |have: &[String], known: &[&str]| {
            have.iter().find(|f| !known.contains(&f.as_str())).cloned()
        };
        let mut missing = unknown(&lake.reader_features, READER_FEATURES);
        if for_writing {
            missing = missing.or_else(|| unknown(&lake.writer_features, WRITER_FEATURES));
        }
        match missing {
            Some(feature) => Err(BadLake::Feature(feature)),
            None => Ok(lake),
        }
    }
}

/// HEAD's 32 bytes: magic, version, zero, checksum.
pub fn head_to_bytes(version: Version) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(b"LKHEAD1\n");
    bytes[8..16].copy_from_slice(&version.to_le_bytes());
    let sum = hash(&bytes[..24]);
    bytes[24..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// None when it is torn or garbage: then it hints at nothing.
pub fn head_from_bytes(bytes: &[u8; 32]) -> Option<Version> {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[8..16]);
    let version = Version::from_le_bytes(word);
    (head_to_bytes(version) == *bytes).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_it_does_not_know() {
        let lake = LakeFile::new("abc".into(), 5);
        assert_eq!(LakeFile::parse(lake.to_text().as_bytes(), true), Ok(lake.clone()));
        let newer = LakeFile { format: 2, ..lake.clone() }.to_text();
        assert_eq!(
            LakeFile::parse(newer.as_bytes(), false),
            Err(BadLake::NewerFormat { found: 2 })
        );
        let writer = LakeFile { writer_features: vec!["x".into()], ..lake.clone() }.to_text();
        assert!(LakeFile::parse(writer.as_bytes(), false).is_ok());
        assert_eq!(LakeFile::parse(writer.as_bytes(), true), Err(BadLake::Feature("x".into())));
        let backup = LakeFile::backup("abc".into(), 5);
        assert_eq!(LakeFile::parse(backup.to_text().as_bytes(), false), Ok(backup.clone()));
        assert_eq!(LakeFile::parse(backup.to_text().as_bytes(), true), Err(BadLake::Backup));
        let harmed = lake.to_text().replace("abc", "abd");
        assert!(matches!(LakeFile::parse(harmed.as_bytes(), false), Err(BadLake::Damaged(_))));
        assert!(LakeFile::parse(b"", false).is_err());
    }

    #[test]
    fn a_torn_head_hints_at_nothing() {
        let head = head_to_bytes(77);
        assert_eq!(head_from_bytes(&head), Some(77));
        for bit in 0..256 {
            let mut torn = head;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(head_from_bytes(&torn), None);
        }
    }
}
