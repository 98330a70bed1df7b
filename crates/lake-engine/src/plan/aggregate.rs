//! Aggregates that need few rows of a scan, or none.

use serde_json::Value as Json;

use super::{Only, Outline, Top};

/// What an aggregation over a scan needs of it. `column`: which column of the scan an
/// expression is.
pub(super) fn only(node: &Json, column: &dyn Fn(&Json) -> Option<usize>) -> Option<Only> {
    let list = |name: &str| node[name].as_array().map_or(&[][..], Vec::as_slice);
    if list("grouping_sets").len() > 1 {
        return None;
    }
    let by: Option<Vec<usize>> = list("groups").iter().map(column).collect();
    let by = by?;
    let first = newest(list("expressions"), column);
    match outline(list("expressions"), &by, column) {
        Some(outline) => Some(Only::Outline(Outline { first, ..outline })),
        None => first.map(|top| Only::FirstOfEach(top, by)),
    }
}

struct Aggregate<'j> {
    name: &'j str,
    args: &'j [Json],
}

fn aggregate(expr: &Json) -> Option<Aggregate<'_>> {
    let plain = expr["expression_class"] == "BOUND_AGGREGATE"
        && expr["aggregate_type"] == "NON_DISTINCT"
        && expr["filter"].is_null()
        && expr["order_bys"].is_null();
    let name = expr["qname"]["path"].as_array()?.last()?.as_str()?;
    let args = expr["children"].as_array().map_or(&[][..], Vec::as_slice);
    plain.then_some(Aggregate { name, args })
}

/// Counts, and smallest and greatest values.
fn outline(
    exprs: &[Json],
    by: &[usize],
    column: &dyn Fn(&Json) -> Option<usize>,
) -> Option<Outline> {
    let mut outline = Outline { by: by.to_vec(), ..Outline::default() };
    for expr in exprs {
        let aggregate = aggregate(expr)?;
        match (aggregate.name, aggregate.args) {
            ("count_star", []) => outline.counts = true,
            ("count", [arg]) => {
                outline.counts = true;
                outline.counted.push(column(arg)?);
            }
            ("min" | "max", [arg]) => outline.ends.push(column(arg)?),
            _ => return None,
        }
    }
    Some(outline)
}

/// The row with the greatest, or smallest, value of one column.
fn newest(exprs: &[Json], column: &dyn Fn(&Json) -> Option<usize>) -> Option<Top> {
    let mut top = None;
    for expr in exprs {
        let aggregate = aggregate(expr)?;
        let (of, descending, nulls_last) = match (aggregate.name, aggregate.args) {
            ("max", [of]) => (of, true, true),
            ("min", [of]) => (of, false, true),
            // A row whose value is NULL does not count, unless it cannot be.
            ("arg_max", [value, of]) if is_struct(value) => (of, true, true),
            ("arg_min", [value, of]) if is_struct(value) => (of, false, true),
            ("arg_max_nulls_last", [_, of]) => (of, true, true),
            ("arg_min_nulls_last", [_, of]) => (of, false, true),
            ("arg_max_null", [_, of]) => (of, true, false),
            ("arg_min_null", [_, of]) => (of, false, false),
            _ => return None,
        };
        let this = Top { column: column(of)?, descending, nulls_last, rows: 1 };
        if *top.get_or_insert(this) != this {
            return None;
        }
    }
    top
}

fn is_struct(expr: &Json) -> bool {
    let name = expr["qname"]["path"].as_array().and_then(|p| p.last());
    name.is_some_and(|name| name == "struct_pack" || name == "row")
}
