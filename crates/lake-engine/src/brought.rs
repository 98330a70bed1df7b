//! The version that brought each row of a scan.
//!
//! The log knows it of a file, not of a row: a file that was rewritten holds rows of
//! several commits. Where the files of a scan differ in it, the scan is joined to a
//! list in a session variable, as it is to masks.

use lake_core::id::Version;

use crate::literal::literal;
use crate::masks::FILE;
use crate::setting::Setting;
use crate::split::Live;

/// An expression, and what must be there for it.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    pub(crate) version: String,
    /// Behind the FROM of the scan; with it the scan has the column [`FILE`].
    pub(crate) join: String,
    pub(crate) setup: Option<Setting>,
}

impl Brought {
    /// `path` is the file of a segment beneath `top`; `name` begins the name of a variable.
    pub(crate) fn of<'a>(
        live: &[Live<'a>],
        top: &str,
        name: &str,
        path: impl Fn(&Live<'a>) -> String,
    ) -> Brought {
        let versions: Vec<_> = live.iter().map(version).collect();
        let text = |version: &Option<Version>| version.map_or("NULL".into(), |v| v.to_string());
        if versions.windows(2).all(|w| w[0] == w[1]) {
            let one = versions.first().map_or("NULL".into(), text);
            let version = format!("CAST({one} AS UBIGINT)");
            return Brought { version, ..Brought::default() };
        }
        let known = live.iter().zip(&versions).filter(|(_, version)| version.is_some());
        let lines: Vec<String> =
            known.map(|(one, version)| format!("{}\t{}", text(version), path(one))).collect();
        Brought {
            version: "_lake_bv".into(),
            join: format!(
                " LEFT JOIN (SELECT u.p AS _lake_bp, u.v AS _lake_bv \
                 FROM (SELECT unnest(getvariable('{name}_b')) AS u)) ON {FILE} = _lake_bp"
            ),
            setup: Some(Setting {
                variable: format!("{name}_b"),
                value: format!(
                    "(SELECT list({{'p': {} || l[2], 'v': CAST(l[1] AS UBIGINT)}}) \
                     FROM (SELECT string_split(unnest(string_split({}, chr(10))), chr(9)) AS l))",
                    literal(top),
                    literal(&lines.join("\n"))
                ),
                texts: Vec::new(),
            }),
        }
    }
}

/// What was added by the commit that ranks it was not written anew since.
fn version(one: &Live<'_>) -> Option<Version> {
    let segment = one.segment;
    (segment.added == segment.rank.version).then_some(segment.added)
}
