//! Segments as what the log knows of them: rows that have the symbols, and the ends
//! of the first range column, of those in the files. For questions that ask no more.

use lake_core::schema::FieldId;
use lake_core::segment::Part;
use lake_core::state::Table;
use lake_core::symbol::Symbol;
use lake_core::types::quoted;
use lake_core::value::Value;

use crate::literal::literal;
use crate::masks::values;
use crate::plan::Outline;
use crate::setting::Setting;
use crate::split::Live;

/// Whether the log can answer for a segment that no other overlaps.
pub(crate) fn knows(one: &Live<'_>) -> bool {
    *one.part != Part::Packed && one.segment.masks.is_empty() && one.segment.range.is_some()
}

/// Whether the log can answer the question at all.
pub(crate) fn answers(table: &Table, outline: &Outline) -> bool {
    let def = &table.def;
    let fields = &def.schema().fields;
    let range = def.range_columns().first().copied();
    let id = |place: &usize| fields.get(*place).map(|f| f.id);
    let partition = |id: FieldId| def.partition_by.contains(&id);
    let full = |id: FieldId| {
        partition(id) || (Some(id) == range && fields.iter().any(|f| f.id == id && f.not_null))
    };
    outline.by.iter().all(|place| id(place).is_some_and(partition))
        && outline
            .ends
            .iter()
            .all(|place| id(place).is_some_and(|id| partition(id) || Some(id) == range))
        && outline.counted.iter().all(|place| id(place).is_some_and(full))
}

/// The SELECT, and the variable that it reads. With `counts` as many rows
/// as there are; else the two ends of each.
pub(crate) fn select(
    table: &Table,
    live: &[Live<'_>],
    counts: bool,
    variable: String,
) -> (String, Setting) {
    let def = &table.def;
    let range = def.range_columns().first().copied();
    let line = |one: &Live<'_>| match one.part {
        Part::Of(symbols) => symbols.iter().map(Symbol::as_str).collect::<Vec<_>>().join("\u{1f}"),
        Part::Packed => String::new(),
    };
    let symbols: Vec<String> = live.iter().map(line).collect();
    let rows: Vec<String> = live.iter().map(|one| one.segment.rows.to_string()).collect();
    let ends = |last: bool| -> Vec<Option<&Value>> {
        live.iter()
            .map(|one| {
                let range = one.segment.range.as_ref()?;
                if last { range.max().first() } else { range.min().first() }
            })
            .collect()
    };
    let value = format!(
        "(SELECT list({{'s': s, 'f': f, 't': t, 'n': n::BIGINT}}) FROM (SELECT \
         unnest(string_split({}, chr(10))) AS s, unnest({}) AS f, unnest({}) AS t, \
         unnest(string_split({}, ',')) AS n))",
        literal(&symbols.join("\n")),
        values(&ends(false), "VARCHAR"),
        values(&ends(true), "VARCHAR"),
        literal(&rows.join(","))
    );
    let numbers = if counts { "range(u.n)" } else { "[0, 1]" };
    let column = |field: &lake_core::schema::Field| {
        let text = match def.partition_by.iter().position(|p| *p == field.id) {
            Some(_) if def.partition_by.len() == 1 => "u.s".to_owned(),
            Some(n) => format!("split_part(u.s, chr(31), {})", n + 1),
            None if Some(field.id) == range => "CASE WHEN i = 0 THEN u.f ELSE u.t END".to_owned(),
            None => "NULL".to_owned(),
        };
        format!("CAST({text} AS {}) AS {}", field.ty, quoted(&field.name))
    };
    let columns: Vec<String> = def.schema().fields.iter().map(column).collect();
    let select = format!(
        "SELECT {} FROM (SELECT u, unnest({numbers}) AS i FROM (SELECT unnest(getvariable({})) AS u))",
        columns.join(", "),
        literal(&variable)
    );
    (select, Setting { variable, value, texts: Vec::new() })
}
