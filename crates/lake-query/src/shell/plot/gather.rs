//! From a result to the lines of a chart.

use std::sync::Arc;

use lake_cli::{Console, Failure, human};
use lake_engine::arrow::array::{Array, AsArray};
use lake_engine::arrow::compute::cast;
use lake_engine::arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use lake_engine::arrow::error::ArrowError;
use lake_engine::arrow::record_batch::RecordBatch;
use lake_engine::{Column, Datum, Mounted, Reader};
use lake_store::Stopwatch;

use super::Request;
use super::chart::{Chart, Line};
use super::scale::Kind;
use crate::answer::Meter;
use crate::failure::of_engine;

/// As many colours as there are.
const LINES: usize = 8;
/// No screen shows so many.
const POINTS: usize = 2_000_000;

/// What is made of which column.
#[derive(Debug, PartialEq, Eq)]
struct Roles {
    /// None: the number of the row.
    across: Option<(usize, Kind)>,
    up: Vec<usize>,
    /// A line for each of its values.
    apart: Option<usize>,
}

/// Runs the query and takes its points.
pub(crate) fn chart(
    mounted: &mut Mounted,
    sql: &str,
    request: &Request,
    console: &Console,
) -> Result<Chart, Failure> {
    let meter = Meter::start(mounted, Stopwatch::start(), console);
    let mut query = mounted.query(sql).map_err(of_engine)?;
    let rows = query.rows().map_err(of_engine)?;
    let columns = rows.columns.clone();
    let roles = roles(&columns, request)?;
    let (mut lines, mut count) = (Vec::new(), 0);
    for batch in rows {
        let batch = batch.map_err(of_engine)?;
        take(&batch, &columns, &roles, count, &mut lines)?;
        count += batch.num_rows();
        meter.seen(count as u64);
        let points = count.saturating_mul(roles.up.len());
        if points > POINTS {
            let most = human::count(POINTS as u64);
            return Err(Failure::bad_input(format!("the result has more than {most} points"))
                .hint(
                    "draw less of it, or one value of many: GROUP BY, time_bucket, USING SAMPLE",
                ));
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    // The rows come in any order; the same line has the same colour each time.
    if roles.apart.is_some() {
        lines.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let (across, kind) = match roles.across {
        Some((at, kind)) => (columns[at].name.clone(), kind),
        None => ("row".into(), Kind::Number),
    };
    let what = match (roles.apart, roles.up.as_slice()) {
        (Some(_), [only]) => Some(columns[*only].name.clone()),
        _ => None,
    };
    match lines.is_empty() {
        true => Err(Failure::bad_input("the result has no rows to draw")),
        false => Ok(Chart { across, kind, what, lines }),
    }
}

fn kind(column: &Column) -> Option<Kind> {
    match column.ty.name.as_str() {
        _ if column.ty.is_number() => Some(Kind::Number),
        "DATE" => Some(Kind::Time),
        "TIME" => Some(Kind::Clock),
        name if name.starts_with("TIMESTAMP") && !name.ends_with(']') => Some(Kind::Time),
        _ => None,
    }
}

fn roles(columns: &[Column], request: &Request) -> Result<Roles, Failure> {
    let find = |name: &String| {
        let found = columns.iter().position(|column| column.name.eq_ignore_ascii_case(name));
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        found.ok_or_else(|| {
            Failure::bad_input(format!("the result has no column {name:?}"))
                .hint(format!("it has: {}", names.join(", ")))
        })
    };
    let named = request.columns.iter().map(find).collect::<Result<Vec<usize>, Failure>>()?;
    let unfit = |at: usize, what: &str| {
        let Column { name, ty } = &columns[at];
        Failure::bad_input(format!("column {name:?} is a {} and no {what}", ty.name))
    };
    let is_number = |at: &usize| columns[*at].ty.is_number();
    if let Some(at) = named.iter().find(|at| !is_number(at)) {
        return Err(unfit(*at, "number"));
    }
    let mut across = None;
    if let Some(by) = &request.by {
        let at = find(by)?;
        across = Some((at, kind(&columns[at]).ok_or_else(|| unfit(at, "number or time"))?));
    }
    let fit = |at: usize| Some((at, kind(&columns[at])?)).filter(|_| !named.contains(&at));
    let first = (0..columns.len()).find_map(fit);
    // A result of one column of numbers has the rows' numbers below.
    let numbers = (0..columns.len()).filter(|at| is_number(at)).count();
    let alone = named.is_empty() && numbers == 1;
    across = across.or(first.filter(|(_, kind)| !(alone && *kind == Kind::Number)));
    let up: Vec<usize> = match (&across, named.is_empty()) {
        (_, false) => named,
        (Some((x, _)), true) => {
            let after = |at: &usize| request.by.is_some() || at > x;
            (0..columns.len()).filter(|at| at != x && after(at) && is_number(at)).collect()
        }
        (None, true) => (0..columns.len()).filter(is_number).collect(),
    };
    if up.is_empty() {
        return Err(Failure::bad_input("the result has no column of numbers to draw")
            .hint("the first column of numbers or times runs from left to right, those of numbers after it are drawn"));
    }
    let text = |column: &Column| column.ty.name == "VARCHAR" || column.ty.name.starts_with("ENUM");
    Ok(Roles { across, up, apart: columns.iter().position(text) })
}

/// Adds the points of a batch whose first row has this number.
fn take(
    batch: &RecordBatch,
    columns: &[Column],
    roles: &Roles,
    first: usize,
    lines: &mut Vec<Line>,
) -> Result<(), Failure> {
    let failed = |error: ArrowError| Failure::bug("a column cannot be drawn").because(&error);
    let xs: Box<dyn Fn(usize) -> f64> = match roles.across {
        None => Box::new(move |row| (first + row + 1) as f64),
        Some((at, kind)) => reader(batch.column(at), kind).map_err(failed)?,
    };
    let ups: Result<Vec<_>, ArrowError> =
        roles.up.iter().map(|at| reader(batch.column(*at), Kind::Number)).collect();
    let ups = ups.map_err(failed)?;
    let apart = roles.apart.map(|at| Reader::new(batch.column(at).as_ref(), &columns[at].ty.shape));
    for row in 0..batch.num_rows() {
        let x = xs(row);
        if !x.is_finite() {
            continue;
        }
        let text = apart.as_ref().map(|reader| match reader.get(row) {
            Datum::Text(text) => text.into_owned(),
            _ => "NULL".into(),
        });
        for (at, up) in roles.up.iter().zip(&ups) {
            let column = &columns[*at].name;
            let name = match &text {
                None => column.clone(),
                Some(text) if roles.up.len() == 1 => text.clone(),
                Some(text) => format!("{text} {column}"),
            };
            line(lines, name)?.points.push((x, up(row)));
        }
    }
    Ok(())
}

fn line(lines: &mut Vec<Line>, name: String) -> Result<&mut Line, Failure> {
    let known = lines.iter().position(|line| line.name == name);
    let at = known.unwrap_or(lines.len());
    if at == LINES {
        return Err(Failure::bad_input(format!("the result has more than {LINES} lines to draw"))
            .hint("name the columns, and choose among the texts by WHERE"));
    }
    if known.is_none() {
        lines.push(Line { name, points: Vec::new() });
    }
    Ok(&mut lines[at])
}

type Values = Box<dyn Fn(usize) -> f64>;

/// The values of a column as numbers; what is none, or not finite, is NaN.
fn reader(array: &Arc<dyn Array>, kind: Kind) -> Result<Values, ArrowError> {
    if kind == Kind::Number {
        let array = cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone();
        return Ok(Box::new(move |row| match array.is_null(row) {
            true => f64::NAN,
            false => Some(array.value(row)).filter(|v| v.is_finite()).unwrap_or(f64::NAN),
        }));
    }
    let us = match kind {
        Kind::Clock => array.clone(),
        _ => cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?,
    };
    let array = cast(&us, &DataType::Int64)?.as_primitive::<Int64Type>().clone();
    // DuckDB's infinities are the ends of what there is.
    let is_time = |us: i64| us.unsigned_abs() < i64::MAX.unsigned_abs() - 1;
    Ok(Box::new(move |row| match array.is_null(row) || !is_time(array.value(row)) {
        true => f64::NAN,
        false => array.value(row) as f64,
    }))
}

#[cfg(test)]
mod tests {
    use lake_engine::{Shape, SqlType};

    use super::*;

    fn columns(types: &[(&str, &str)]) -> Vec<Column> {
        let column = |(name, ty): &(&str, &str)| Column {
            name: (*name).into(),
            ty: SqlType { name: (*ty).into(), shape: Shape::Plain },
        };
        types.iter().map(column).collect()
    }

    #[test]
    fn columns_have_their_roles() {
        let bars = columns(&[
            ("symbol", "VARCHAR"),
            ("open", "DOUBLE"),
            ("date", "DATE"),
            ("close", "DECIMAL(9,2)"),
        ]);
        let of = |columns: &[Column], text: &str| {
            let Roles { across, up, apart } = roles(columns, &Request::parse(text)?)?;
            Ok::<_, Failure>((across.map(|(at, _)| at), up, apart))
        };
        assert_eq!(of(&bars, "").unwrap(), (Some(1), vec![3], Some(0)));
        assert_eq!(of(&bars, "BY date").unwrap(), (Some(2), vec![1, 3], Some(0)));
        assert_eq!(of(&bars, "close, OPEN").unwrap(), (Some(2), vec![3, 1], Some(0)));
        assert_eq!(of(&bars, "close BY open").unwrap(), (Some(1), vec![3], Some(0)));
        assert_eq!(of(&bars[1..2], "").unwrap(), (None, vec![0], None));
        assert_eq!(of(&bars[3..], "close").unwrap(), (None, vec![0], None));
        assert_eq!(of(&bars[2..], "").unwrap(), (Some(0), vec![1], None));
        for (text, message) in [
            ("price", "no column \"price\""),
            ("date", "is a DATE and no number"),
            ("close BY symbol", "is a VARCHAR and no number or time"),
        ] {
            let failure = of(&bars, text).unwrap_err();
            assert!(failure.message.contains(message), "{failure:?}");
        }
        assert!(of(&bars[..1], "").unwrap_err().message.contains("no column of numbers"));
    }
}
