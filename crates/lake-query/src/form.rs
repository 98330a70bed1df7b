//! The forms of a file, and what its name says of them.

use std::path::Path;

use clap::ValueEnum;
use lake_cli::{Failure, Form};

/// The form of a file with a result in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileForm {
    /// Aligned columns for people
    Table,
    /// RFC 4180; NULL is empty, the empty string is ""
    Csv,
    /// As csv, with tabs
    Tsv,
    /// One JSON document: an array of objects
    Json,
    /// One JSON object a line
    Jsonl,
    /// A table in Markdown, as GitHub reads it
    Markdown,
    /// Arrow IPC file, also known as Feather
    Arrow,
    /// Arrow IPC stream
    Arrows,
    /// Parquet, packed by zstd
    Parquet,
    /// An Excel workbook
    Xlsx,
    /// A DuckDB database
    Duckdb,
}

/// How the bytes of a text are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pack {
    #[default]
    None,
    Gzip,
    Zstd,
}

/// Extensions, and what they say.
const EXTENSIONS: [(&str, FileForm); 17] = [
    ("csv", FileForm::Csv),
    ("tsv", FileForm::Tsv),
    ("tab", FileForm::Tsv),
    ("txt", FileForm::Table),
    ("json", FileForm::Json),
    ("jsonl", FileForm::Jsonl),
    ("ndjson", FileForm::Jsonl),
    ("md", FileForm::Markdown),
    ("markdown", FileForm::Markdown),
    ("arrow", FileForm::Arrow),
    ("feather", FileForm::Arrow),
    ("arrows", FileForm::Arrows),
    ("parquet", FileForm::Parquet),
    ("xlsx", FileForm::Xlsx),
    ("duckdb", FileForm::Duckdb),
    ("ddb", FileForm::Duckdb),
    ("db", FileForm::Duckdb),
];

impl FileForm {
    /// The form on stdout: Arrow is a stream there.
    pub(crate) fn on_stdout(form: Form) -> FileForm {
        match form {
            Form::Arrow => FileForm::Arrows,
            other => FileForm::in_file(other),
        }
    }

    pub(crate) fn in_file(form: Form) -> FileForm {
        match form {
            Form::Table => FileForm::Table,
            Form::Json => FileForm::Json,
            Form::Jsonl => FileForm::Jsonl,
            Form::Csv => FileForm::Csv,
            Form::Tsv => FileForm::Tsv,
            Form::Markdown => FileForm::Markdown,
            Form::Arrow => FileForm::Arrow,
            Form::Parquet => FileForm::Parquet,
            Form::Xlsx => FileForm::Xlsx,
        }
    }

    pub(crate) fn is_text(self) -> bool {
        use FileForm::{Csv, Json, Jsonl, Markdown, Table, Tsv};
        matches!(self, Table | Csv | Tsv | Json | Jsonl | Markdown)
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// What the name of a file says: `day.csv.gz` is CSV packed by gzip. `form` and `pack` are
/// said elsewhere and win; `flag` is where the form can be said.
pub(crate) fn of_file(
    file: &Path,
    form: Option<FileForm>,
    pack: Option<Pack>,
    flag: &str,
) -> Result<(FileForm, Pack), Failure> {
    let name = file.file_name().map_or_else(String::new, |n| n.to_string_lossy().to_lowercase());
    let (stem, said) = match name.rsplit_once('.') {
        Some((stem, "gz")) => (stem, Pack::Gzip),
        Some((stem, "zst" | "zstd")) => (stem, Pack::Zstd),
        _ => (name.as_str(), Pack::None),
    };
    let pack = pack.unwrap_or(said);
    let by_name = || {
        let (_, extension) = stem.rsplit_once('.')?;
        EXTENSIONS.iter().find(|(known, _)| *known == extension).map(|(_, form)| *form)
    };
    let Some(form) = form.or_else(by_name) else {
        let known: Vec<String> = EXTENSIONS.iter().map(|(known, _)| format!(".{known}")).collect();
        let message = format!("the name of {} does not say its form", file.display());
        let hint = format!("say it with {flag}, or take one of {}", known.join(" "));
        return Err(Failure::bad_input(message).hint(hint));
    };
    if pack != Pack::None && !form.is_text() {
        let message = format!("{} cannot be packed: {} is so inside", file.display(), form.name());
        return Err(Failure::bad_input(message).hint("leave .gz or .zst and --compress away"));
    }
    Ok((form, pack))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_form_and_packing() {
        let of = |name: &str| of_file(Path::new(name), None, None, "--as");
        for (name, form, pack) in [
            ("a/b.csv", FileForm::Csv, Pack::None),
            ("x.y.CSV.GZ", FileForm::Csv, Pack::Gzip),
            ("day.ndjson.zst", FileForm::Jsonl, Pack::Zstd),
            ("f.feather", FileForm::Arrow, Pack::None),
            ("f.duckdb", FileForm::Duckdb, Pack::None),
        ] {
            assert_eq!(of(name).unwrap(), (form, pack), "{name}");
        }
        for name in ["a", "csv", "a.dat", "a.parquet.gz", ".gz", "", "a.csv/"] {
            let known = of(name).is_ok();
            assert_eq!(known, name == "a.csv/", "{name}");
        }
    }

    #[test]
    fn what_is_said_wins() {
        let of = |name, form, pack| of_file(Path::new(name), form, pack, "--as").unwrap();
        let (csv, gzip) = (Some(FileForm::Csv), Some(Pack::Gzip));
        assert_eq!(of("a.dat", csv, None), (FileForm::Csv, Pack::None));
        assert_eq!(of("a.json", csv, gzip), (FileForm::Csv, Pack::Gzip));
        assert_eq!(of("a.csv.gz", None, Some(Pack::None)), (FileForm::Csv, Pack::None));
    }
}
