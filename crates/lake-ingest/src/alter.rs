//! A table's schema as it changes: columns come, go, get other names and wider types;
//! checks are made and dropped. Stored rows are not touched.

use lake_core::edit::{Action, Cause, Expect};
use lake_core::id::Version;
use lake_core::schema::{Check, Field, Schema, TableDef, check_column_name};
use lake_core::state::{State, Table};
use lake_core::types::Type;
use lake_log::{At, Lake, Outcome};
use lake_segment::arrow_schema;
use lake_sql::Filter;
use lake_store::Root;

use crate::error::{IngestError, Result};
use crate::ingest::can_be_redone;
use crate::rules::{broken, demands};
use crate::source::check_default;

const TRIES: u32 = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alteration {
    AddColumn { name: String, ty: Type, default: Option<String>, not_null: bool },
    RenameColumn { from: String, to: String },
    WidenColumn { name: String, ty: Type },
    DropColumn { name: String },
    AddCheck { name: String, condition: String },
    DropCheck { name: String },
    SetNotNull { name: String },
    DropNotNull { name: String },
}

/// Changes a table's schema, as one commit. What restricts rows is refused when a
/// stored row breaks it. Returns the version and the schema's.
pub fn alter_table(lake: &mut Lake, table: &str, change: &Alteration) -> Result<(Version, u32)> {
    let mut tries = 1;
    loop {
        let draft = lake.begin()?;
        let old = find(&draft.state, table)?;
        let schema = changed(&old.def, change)?;
        if schema.fields == old.schema().fields && schema.checks == old.schema().checks {
            return Ok((draft.state.version, old.schema().version));
        }
        let mut txn = draft.transaction(Cause::Alter);
        let id = old.def.id;
        txn.expects.push(Expect::Schema { table: id, version: old.schema().version });
        if restricts(change) {
            // Leased while its files are read.
            let since = draft.state.version;
            let _lease = lake.snapshot(At::Version(since))?;
            check_rows(lake.root(), old, &schema)?;
            txn.expects.push(Expect::Still { table: id, since });
        }
        let number = schema.version;
        txn.actions.push(Action::SetSchema { table: id, schema });
        match lake.commit(txn)? {
            Outcome::Committed { version, .. } | Outcome::Duplicate { version, .. } => {
                return Ok((version, number));
            }
            Outcome::Conflict(conflict) if tries < TRIES && can_be_redone(&conflict) => tries += 1,
            Outcome::Conflict(source) => return Err(IngestError::Conflict { tries, source }),
        }
    }
}

fn find<'s>(state: &'s State, table: &str) -> Result<&'s Table> {
    state.table(table).ok_or_else(|| IngestError::NoTable(table.into()))
}

fn restricts(change: &Alteration) -> bool {
    matches!(change, Alteration::AddCheck { .. } | Alteration::SetNotNull { .. })
}

fn changed(def: &TableDef, change: &Alteration) -> Result<Schema> {
    let refuse = |why: String| Err(IngestError::Alter { table: def.name.clone(), why });
    let mut schema = def.schema().clone();
    schema.version += 1;
    let place = |name: &str| -> Result<usize> {
        let lower = name.to_lowercase();
        let at = def.schema().fields.iter().position(|f| f.name.to_lowercase() == lower);
        at.ok_or_else(|| IngestError::NoColumn { table: def.name.clone(), column: name.into() })
    };
    match change {
        Alteration::AddColumn { name, ty, default, not_null } => {
            let field = new_field(def, name, ty, default.as_deref(), *not_null)?;
            schema.fields.push(field);
        }
        Alteration::RenameColumn { from, to } => {
            let at = place(from)?;
            free_name(def, to, Some(at))?;
            used_by_check(def, from)?;
            schema.fields[at].name.clone_from(to);
        }
        Alteration::WidenColumn { name, ty } => {
            let field = &mut schema.fields[place(name)?];
            let sorts = def.key.contains(&field.id) || def.order_by.contains(&field.id);
            if sorts && !field.ty.is_spelled_like(ty) {
                return refuse(format!("column {name} orders rows, and {ty} orders otherwise"));
            }
            if !field.ty.widens_to(ty) {
                return refuse(format!(
                    "column {name} is {}, which is not widened to {ty}: values could be lost",
                    field.ty
                ));
            }
            field.ty = ty.clone();
            let arrow = arrow_schema(&schema);
            for check in &schema.checks {
                Filter::parse(&check.condition, &arrow)?;
            }
        }
        Alteration::DropColumn { name } => {
            let at = place(name)?;
            let id = schema.fields[at].id;
            if [&def.partition_by, &def.key, &def.order_by].iter().any(|ids| ids.contains(&id)) {
                return refuse(format!("column {name} is of the partition, the key or the order"));
            }
            used_by_check(def, name)?;
            schema.fields.remove(at);
        }
        Alteration::AddCheck { name, condition } => {
            return with_check(def, schema, name, condition);
        }
        Alteration::DropCheck { name } => {
            let Some(at) = schema.checks.iter().position(|c| c.name == *name) else {
                return refuse(format!("there is no check {name}"));
            };
            schema.checks.remove(at);
        }
        Alteration::SetNotNull { name } => schema.fields[place(name)?].not_null = true,
        Alteration::DropNotNull { name } => {
            let field = &mut schema.fields[place(name)?];
            if [&def.partition_by, &def.key].iter().any(|ids| ids.contains(&field.id)) {
                return refuse(format!("column {name} is of the partition or the key"));
            }
            field.not_null = false;
        }
    }
    Ok(schema)
}

fn new_field(
    def: &TableDef,
    name: &str,
    ty: &Type,
    default: Option<&str>,
    not_null: bool,
) -> Result<Field> {
    let refuse = |why: String| IngestError::Alter { table: def.name.clone(), why };
    free_name(def, name, None)?;
    if not_null && default.is_none() {
        return Err(refuse(format!("column {name} NOT NULL needs a DEFAULT for stored rows")));
    }
    let spelled = |text: &str| {
        check_default(text, ty).map_err(|why| refuse(format!("DEFAULT {text:?} {why}")))
    };
    let default = default.map(spelled).transpose()?;
    let last = def.schemas.iter().flat_map(|s| &s.fields).map(|f| f.id).max();
    let id = last.unwrap_or(0) + 1;
    Ok(Field { id, name: name.into(), ty: ty.clone(), not_null, default })
}

fn with_check(def: &TableDef, mut schema: Schema, name: &str, condition: &str) -> Result<Schema> {
    let refuse = |why: String| IngestError::Alter { table: def.name.clone(), why };
    check_column_name(name).map_err(|e| refuse(e.to_string()))?;
    if let Some(there) = schema.checks.iter().find(|c| c.name == *name) {
        return match there.condition == *condition {
            true => Ok(def.schema().clone()),
            false => Err(refuse(format!("there is a check {name} already"))),
        };
    }
    Filter::parse(condition, &arrow_schema(def.schema()))?;
    schema.checks.push(Check { name: name.into(), condition: condition.into() });
    Ok(schema)
}

/// A directory of a partition has its column's first name for good; another column of
/// that name would be taken for it.
fn free_name(def: &TableDef, name: &str, except: Option<usize>) -> Result<()> {
    let refuse = |why: String| Err(IngestError::Alter { table: def.name.clone(), why });
    if let Err(bad) = check_column_name(name) {
        return refuse(bad.to_string());
    }
    let lower = name.to_lowercase();
    let mut others = def.schema().fields.iter().enumerate().filter(|(i, _)| Some(*i) != except);
    if others.any(|(_, f)| f.name.to_lowercase() == lower) {
        return refuse(format!("there is a column {name} already"));
    }
    let own = except.map(|i| def.schema().fields[i].id);
    let directories = def.directory_columns();
    let taken = directories.iter().zip(&def.partition_by);
    if taken.into_iter().any(|(d, id)| d.to_lowercase() == lower && Some(*id) != own) {
        return refuse(format!("{name} is the name of a partition's directories"));
    }
    Ok(())
}

fn used_by_check(def: &TableDef, column: &str) -> Result<()> {
    let schema = arrow_schema(def.schema());
    for check in &def.schema().checks {
        let filter = Filter::parse(&check.condition, &schema)?;
        if filter.columns().iter().any(|c| c.eq_ignore_ascii_case(column)) {
            return Err(IngestError::Alter {
                table: def.name.clone(),
                why: format!("check {} uses column {column}; drop it first", check.name),
            });
        }
    }
    Ok(())
}

/// Whether all stored rows keep what is new.
fn check_rows(root: &Root, table: &Table, schema: &Schema) -> Result<()> {
    let mut def = table.def.clone();
    def.schemas.push(schema.clone());
    let mut wanted = demands(schema, table.schema());
    wanted.retain(|text| table.schema().checks.iter().all(|c| c.condition != *text));
    match broken(root, &def, table, &wanted)? {
        None => Ok(()),
        Some((condition, n)) => Err(IngestError::Alter {
            table: table.def.name.clone(),
            why: format!("{n} stored rows break {condition}"),
        }),
    }
}
