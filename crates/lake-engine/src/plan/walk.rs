//! Over a plan, from the scans up: what each operator's columns are, and which
//! filters hold for the rows of a scan.
//!
//! A column is followed only through operators that leave out rows or put rows side
//! by side: a filter above them is a filter on the scan. All others make new columns.

use std::collections::BTreeMap;

use lake_core::value::Value;
use serde_json::Value as Json;

use super::aggregate;
use super::cond::{Cond, Op, Test};
use super::expr::{self, Slot};
use super::{Only, Outline, STUB, Top, Want};

/// What a column of an operator's result is.
#[derive(Clone, Debug)]
enum Output {
    Column(Place),
    /// Whether a column's value is one of these.
    IsIn(Place, Vec<Value>),
    /// The number of a row of this scan, in the order and among the rows that
    /// [`Walk::numbers`] says.
    Number(usize),
    Other,
}

/// A column of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    scan: usize,
    column: usize,
}

#[derive(Default)]
struct Walk {
    stubs: Vec<u32>,
    conds: Vec<Vec<Cond>>,
    exact: Vec<bool>,
    only: Vec<Only>,
    /// What a scan gives is all that counts for its [`Only`]: no filter comes any more.
    closed: Vec<bool>,
    numbers: BTreeMap<usize, (Top, Vec<usize>)>,
    /// Rows of the second scan matter only if their value is that of a row of the
    /// first that matters.
    follows: Vec<(Place, Place)>,
}

pub(super) fn scans(plans: &[Json]) -> Vec<Want> {
    let mut walk = Walk::default();
    for plan in plans {
        walk.operator(plan);
    }
    walk.follow();
    let conds = walk.conds.into_iter().map(Cond::all);
    let rest = walk.exact.into_iter().zip(walk.only);
    let want = |((stub, cond), (exact, only))| Want { stub, cond, exact, only };
    walk.stubs.into_iter().zip(conds).zip(rest).map(want).collect()
}

fn list<'j>(node: &'j Json, name: &str) -> &'j [Json] {
    node[name].as_array().map_or(&[], Vec::as_slice)
}

/// A projection map that is empty keeps all.
fn mapped(outputs: Vec<Output>, map: &[Json]) -> Vec<Output> {
    match map.is_empty() {
        true => outputs,
        false => map.iter().map(|index| at(&outputs, index.as_u64())).collect(),
    }
}

fn at(outputs: &[Output], index: Option<u64>) -> Output {
    let found = index.and_then(|i| outputs.get(usize::try_from(i).ok()?));
    found.cloned().unwrap_or(Output::Other)
}

fn reference(expr: &Json, outputs: &[Output]) -> Output {
    match expr["expression_class"].as_str() {
        Some("BOUND_REF") => at(outputs, expr["index"].as_u64()),
        _ => Output::Other,
    }
}

impl Walk {
    fn operator(&mut self, node: &Json) -> Vec<Output> {
        match (node["type"].as_str().unwrap_or_default(), list(node, "children")) {
            ("LOGICAL_GET", []) => self.scan(node),
            ("LOGICAL_FILTER", [child]) => {
                let outputs = self.operator(child);
                for expr in list(node, "expressions") {
                    self.filter(expr, &outputs);
                }
                mapped(outputs, list(node, "projection_map"))
            }
            ("LOGICAL_PROJECTION", [child]) => {
                let outputs = self.operator(child);
                list(node, "expressions").iter().map(|e| reference(e, &outputs)).collect()
            }
            ("LOGICAL_CROSS_PRODUCT", [left, right]) => {
                let left = self.operator(left);
                left.into_iter().chain(self.operator(right)).collect()
            }
            (
                "LOGICAL_TOP_N"
                | "LOGICAL_LIMIT"
                | "LOGICAL_DISTINCT"
                | "LOGICAL_AGGREGATE_AND_GROUP_BY",
                [child],
            ) => {
                let before = self.stubs.len();
                let outputs = self.operator(child);
                if is_simple(child) && self.stubs.len() == before + 1 {
                    self.only[before] = only(node, &outputs).unwrap_or_default();
                    self.closed[before] = true;
                }
                Vec::new()
            }
            ("LOGICAL_WINDOW", [child]) => {
                let before = self.stubs.len();
                let outputs = self.operator(child);
                match numbered(node, &outputs) {
                    Some(numbers) if is_simple(child) && self.stubs.len() == before + 1 => {
                        self.numbers.insert(before, numbers);
                        self.closed[before] = true;
                        let own = vec![Output::Other; outputs.len()];
                        own.into_iter().chain([Output::Number(before)]).collect()
                    }
                    _ => Vec::new(),
                }
            }
            ("LOGICAL_COMPARISON_JOIN", [left, right]) => self.join(node, left, right),
            (_, children) => {
                children.iter().for_each(|child| drop(self.operator(child)));
                Vec::new()
            }
        }
    }

    fn scan(&mut self, node: &Json) -> Vec<Output> {
        let name = list(&node["qname"], "path").last().and_then(Json::as_str);
        let number = list(node, "parameters").first().and_then(|p| p["value"].as_u64());
        let (Some(STUB), Some(stub)) = (name, number.and_then(|n| u32::try_from(n).ok())) else {
            return Vec::new();
        };
        let scan = self.stubs.len();
        self.stubs.push(stub);
        self.conds.push(Vec::new());
        self.exact.push(true);
        self.only.push(Only::All);
        self.closed.push(false);
        let column = |index: &Json| match index["index"].as_u64() {
            // The first is the stub's number.
            Some(place @ 1..) if list(index, "child_indexes").is_empty() => {
                let column = usize::try_from(place - 1).unwrap_or(usize::MAX);
                Output::Column(Place { scan, column })
            }
            _ => Output::Other,
        };
        let outputs: Vec<Output> = list(node, "column_indexes").iter().map(column).collect();
        mapped(outputs, list(node, "projection_ids"))
    }

    /// A filter holds for every scan that it speaks of.
    fn filter(&mut self, expr: &Json, outputs: &[Output]) {
        if let Output::IsIn(place, values) = reference(expr, outputs) {
            self.conds[place.scan].push(Cond::Of(place.column, Test::In(values)));
            return;
        }
        for scan in 0..self.stubs.len() {
            let slot = |index| match at(outputs, Some(index)) {
                Output::Column(place) if place.scan == scan => Slot::Column(place.column),
                _ => Slot::Other,
            };
            self.conds[scan].push(expr::cond(expr, &slot));
            self.exact[scan] &= self.closed[scan] || expr::exact(expr, &slot);
        }
        self.first(expr, outputs);
    }

    /// A filter that takes the first rows by their number.
    fn first(&mut self, expr: &Json, outputs: &[Output]) {
        let slot = |index| match at(outputs, Some(index)) {
            Output::Number(scan) => Slot::Column(scan),
            _ => Slot::Other,
        };
        let Cond::Of(scan, Test::Is(op, Value::Int(number))) = expr::cond(expr, &slot) else {
            return;
        };
        let rows = match op {
            Op::Equal | Op::LessOrEqual => number,
            Op::Less => number.saturating_sub(1),
            Op::Greater | Op::GreaterOrEqual => return,
        };
        if let (Ok(rows @ 1..), Some((top, by))) = (u64::try_from(rows), self.numbers.get(&scan)) {
            self.only[scan] = Only::FirstOfEach(Top { rows, ..*top }, by.clone());
        }
    }

    fn join(&mut self, node: &Json, left: &Json, right: &Json) -> Vec<Output> {
        let constants = constants(right);
        let (left, right) = (self.operator(left), self.operator(right));
        let kind = node["join_type"].as_str().unwrap_or_default();
        let conditions = list(node, "conditions");
        for condition in conditions {
            if condition["comparison"] != "COMPARE_EQUAL" {
                continue;
            }
            let ours = reference(&condition["left"], &left);
            let theirs = reference(&condition["right"], &right);
            if let (Output::Column(a), Output::Column(b)) = (&ours, &theirs) {
                self.equal(kind, *a, *b);
            }
            let index = condition["right"]["index"].as_u64();
            if let (Output::Column(place), Some(list), Some(index)) = (&ours, &constants, index)
                && matches!(kind, "INNER" | "SEMI")
                && let Some(values) = column_of(list, index)
            {
                self.conds[place.scan].push(Cond::Of(place.column, Test::In(values)));
            }
        }
        let theirs = || mapped(right.clone(), list(node, "right_projection_map"));
        let none = |outputs: Vec<Output>| vec![Output::Other; outputs.len()];
        let ours = mapped(left.clone(), list(node, "left_projection_map"));
        match kind {
            "INNER" => ours.into_iter().chain(theirs()).collect(),
            "LEFT" => ours.into_iter().chain(none(theirs())).collect(),
            "RIGHT" => none(ours).into_iter().chain(theirs()).collect(),
            "SEMI" | "ANTI" => ours,
            "RIGHT_SEMI" | "RIGHT_ANTI" => theirs(),
            "MARK" => {
                let mark = match (conditions, &constants) {
                    ([condition], Some(values)) if condition["comparison"] == "COMPARE_EQUAL" => {
                        let index = condition["right"]["index"].as_u64();
                        match (reference(&condition["left"], &left), index) {
                            (Output::Column(place), Some(index)) => column_of(values, index)
                                .map_or(Output::Other, |values| Output::IsIn(place, values)),
                            _ => Output::Other,
                        }
                    }
                    _ => Output::Other,
                };
                ours.into_iter().chain([mark]).collect()
            }
            _ => Vec::new(),
        }
    }

    fn equal(&mut self, kind: &str, left: Place, right: Place) {
        let (to_right, to_left) = match kind {
            "INNER" | "SEMI" | "RIGHT_SEMI" => (true, true),
            "LEFT" | "ANTI" => (true, false),
            "RIGHT" | "RIGHT_ANTI" => (false, true),
            _ => (false, false),
        };
        if to_right {
            self.follows.push((left, right));
        }
        if to_left {
            self.follows.push((right, left));
        }
    }

    /// What is known of one side of a join holds for the other.
    fn follow(&mut self) {
        for _ in 0..self.follows.len() {
            let mut found = Vec::new();
            for (from, to) in &self.follows {
                for cond in &self.conds[from.scan] {
                    let moved = cond.moved(from.column, to.column);
                    if moved != Cond::Anything && !self.conds[to.scan].contains(&moved) {
                        found.push((to.scan, moved));
                    }
                }
            }
            if found.is_empty() {
                return;
            }
            for (scan, cond) in found {
                if !self.conds[scan].contains(&cond) {
                    self.conds[scan].push(cond);
                }
            }
        }
    }
}

/// Whether an operator only filters and computes the rows of one scan.
fn is_simple(node: &Json) -> bool {
    match (node["type"].as_str().unwrap_or_default(), list(node, "children")) {
        ("LOGICAL_GET", []) => true,
        ("LOGICAL_FILTER" | "LOGICAL_PROJECTION", [child]) => is_simple(child),
        _ => false,
    }
}

/// The order in which a window numbers the rows of a scan, and the columns by whose values
/// it does.
fn numbered(node: &Json, outputs: &[Output]) -> Option<(Top, Vec<usize>)> {
    let [window] = list(node, "expressions") else { return None };
    let column = |expr: &Json| match reference(expr, outputs) {
        Output::Column(place) => Some(place.column),
        _ => None,
    };
    let plain = window["type"] == "WINDOW_ROW_NUMBER" && list(window, "arg_orders").is_empty();
    let by: Option<Vec<usize>> = list(window, "partitions").iter().map(column).collect();
    let first = list(window, "orders").first().filter(|_| plain)?;
    Some((top(first, column(&first["expression"])?, 1)?, by?))
}

/// The first rows by a column, as an order says.
fn top(order: &Json, column: usize, rows: u64) -> Option<Top> {
    let descending = match order["type"].as_str()? {
        "ASCENDING" => false,
        "DESCENDING" => true,
        _ => return None,
    };
    Some(Top { column, descending, nulls_last: order["null_order"] == "NULLS LAST", rows })
}

/// What an operator takes of the rows of a scan.
fn only(node: &Json, outputs: &[Output]) -> Option<Only> {
    let column = |expr: &Json| match reference(expr, outputs) {
        Output::Column(place) => Some(place.column),
        _ => None,
    };
    let sum = |limit: &Json, offset: &Json| limit.as_u64()?.checked_add(offset.as_u64()?);
    match node["type"].as_str()? {
        "LOGICAL_TOP_N" => {
            let first = list(node, "orders").first()?;
            let rows = sum(&node["limit"], &node["offset"])?;
            Some(Only::First(top(first, column(&first["expression"])?, rows)?))
        }
        "LOGICAL_LIMIT" => {
            let (limit, offset) = (&node["limit_val"], &node["offset_val"]);
            let known = limit["type"] == "CONSTANT_VALUE"
                && (offset["type"] == "CONSTANT_VALUE" || offset["type"] == "UNSET");
            let rows = sum(&limit["constant_integer"], &offset["constant_integer"])?;
            known.then_some(Only::Some(rows))
        }
        "LOGICAL_DISTINCT" => {
            let targets = list(node, "distinct_targets");
            let whole = node["distinct_type"] == "DISTINCT"
                && node["order_by"].is_null()
                && targets.len() == outputs.len();
            let by: Option<Vec<usize>> = targets.iter().map(column).collect();
            Some(Only::Outline(Outline { by: by.filter(|_| whole)?, ..Outline::default() }))
        }
        _ => aggregate::only(node, &column),
    }
}

/// The constant rows of an operator, as columns of values.
fn constants(node: &Json) -> Option<&[Json]> {
    match node["type"].as_str()? {
        "LOGICAL_CHUNK_GET" => node["collection"]["values"].as_array().map(Vec::as_slice),
        _ => None,
    }
}

/// A column's values, but for NULL; None: some are of a type that no key has.
fn column_of(columns: &[Json], index: u64) -> Option<Vec<Value>> {
    let column = columns.get(usize::try_from(index).ok()?)?.as_array()?;
    let some = column.iter().filter(|v| v["is_null"] != Json::Bool(true));
    some.map(expr::value).collect()
}
