//! What names mean in a watched directory.

use crate::source::PACKED;

/// Endings of files that somebody is still writing.
const UNFINISHED: &[&str] = &[".tmp", ".part", ".partial", ".crdownload", "~"];
/// Goes to a failed file's name. Files of such names are never taken as input, so
/// that in `failed` they are what we wrote.
pub(crate) const REASON: &str = ".reason.json";
/// Bytes, so that a number and an ending still fit.
pub(crate) const LONGEST: usize = 200;

pub(crate) fn is_ignored(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let ends = |end: &str| lower.ends_with(end);
    name.starts_with('.') || ends(REASON) || UNFINISHED.iter().copied().any(ends)
}

/// The name of a claimed file.
pub(crate) fn claimed(seq: u64, name: &str) -> String {
    format!("{seq}.{name}")
}

/// The number and the name of a claimed file.
pub(crate) fn parse_claimed(text: &str) -> Option<(u64, &str)> {
    let (digits, name) = text.split_once('.')?;
    let seq = digits.parse().ok()?;
    (!name.is_empty() && claimed(seq, name) == text).then_some((seq, name))
}

/// `bars.csv.gz`, `bars.1.csv.gz`, `bars.2.csv.gz` ...
fn numbered(name: &str, n: u64) -> String {
    if n == 0 {
        return name.to_owned();
    }
    let bare = PACKED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let stem = bare.rsplit_once('.').map_or(bare, |(stem, _)| stem);
    format!("{stem}.{n}{}", &name[stem.len()..])
}

/// The first of a name's variants that is free; a few looks also where the same name
/// was delivered a million times.
pub(crate) fn first_free<E>(
    name: &str,
    is_taken: impl Fn(&str) -> Result<bool, E>,
) -> Result<String, E> {
    let is_taken = |n| is_taken(&numbered(name, n));
    if !is_taken(0)? {
        return Ok(name.to_owned());
    }
    let (mut taken, mut free) = (0, 1);
    while is_taken(free)? {
        (taken, free) = (free, free * 2);
    }
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        if is_taken(middle)? { taken = middle } else { free = middle }
    }
    Ok(numbered(name, free))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn unfinished_and_hidden_files_are_ignored() {
        let ignored = [
            ".a.csv",
            ".lake-watch",
            "a.csv.tmp",
            "a.TMP",
            "a.csv.part",
            "a.partial",
            "a.csv~",
            "a.crdownload",
            "a.csv.reason.json",
        ];
        for name in ignored {
            assert!(is_ignored(name), "{name}");
        }
        for name in ["a.csv", "part", "tmp", "a.tmp.csv", "reason.json", "a~.csv"] {
            assert!(!is_ignored(name), "{name}");
        }
    }

    #[test]
    fn claimed_names_read_back() {
        for (seq, name) in [(0, "a"), (7, "a.csv"), (u64::MAX, "7.a.csv.gz"), (1, "..")] {
            assert_eq!(parse_claimed(&claimed(seq, name)), Some((seq, name)));
        }
        for name in ["a.csv", "07.a.csv", "+7.a.csv", "7", "7.", ".a", "18446744073709551616.a"] {
            assert_eq!(parse_claimed(name), None, "{name}");
        }
    }

    #[test]
    fn numbers_stand_before_the_extension() {
        let table = [
            ("a.csv", "a.3.csv"),
            ("a.csv.gz", "a.3.csv.gz"),
            ("a", "a.3"),
            ("a.gz", "a.3.gz"),
            ("2026.01.csv", "2026.01.3.csv"),
            ("a.", "a.3."),
        ];
        for (name, want) in table {
            assert_eq!(numbered(name, 3), want);
        }
    }

    #[test]
    fn the_first_free_name_is_found_in_few_looks() {
        for there in [0u64, 1, 2, 3, 7, 8, 9, 1_000_000] {
            let looks = Cell::new(0);
            let taken: Vec<String> = match there {
                1_000_000 => Vec::new(),
                _ => (0..there).map(|n| numbered("a.csv", n)).collect(),
            };
            let is_taken = |name: &str| -> Result<bool, Infallible> {
                looks.set(looks.get() + 1);
                let n = name.split('.').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0u64);
                Ok(if there == 1_000_000 { n < there } else { taken.iter().any(|t| t == name) })
            };
            let Ok(free) = first_free("a.csv", is_taken);
            assert_eq!(free, numbered("a.csv", there));
            assert!(looks.get() <= 45, "{} looks for {there}", looks.get());
        }
    }
}
