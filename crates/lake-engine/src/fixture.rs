//! A lake for tests: files that DuckDB writes, and the state that names them.

use std::sync::Arc;

use duckdb::Connection;
use lake_core::edit::{Action, Cause, Transaction};
use lake_core::entry::Entry;
use lake_core::id::{SegmentId, TableId, TxnId};
use lake_core::mask::{Owners, Stretch};
use lake_core::schema::{Schema, TableDef};
use lake_core::segment::{Part, Rank, Segment, SegmentKind, SymbolSpan};
use lake_core::sqltype::parse_columns;
use lake_core::state::State;
use lake_core::symbol::Symbol;
use lake_core::value::{Range, Value};
use lake_store::Root;

use crate::literal::literal;
use crate::session::{Engine, Options};
use crate::value::Datum;
use crate::{Mounted, Reader, Result};

pub(crate) struct Lake {
    _dir: tempfile::TempDir,
    pub(crate) root: Root,
    pub(crate) state: State,
    /// Of the segments to come; the default is that of their commit.
    pub(crate) rank: Rank,
    pub(crate) db: Connection,
    next: u32,
}

pub(crate) fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub(crate) fn of(text: &str) -> Part {
    Part::Of(vec![symbol(text)])
}

pub(crate) fn span(first: &str, last: &str) -> SymbolSpan {
    SymbolSpan { first: vec![symbol(first)], last: vec![symbol(last)], count: 2 }
}

pub(crate) fn ints(min: i64, max: i64) -> Option<Range> {
    Some(Range::new(vec![Value::Int(min)], vec![Value::Int(max)]))
}

impl Lake {
    /// An empty lake in a directory of this name.
    pub(crate) fn new(name: &str) -> Lake {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::create(&dir.path().join(name)).unwrap();
        let db = Connection::open_in_memory().unwrap();
        let (state, rank) = (State::empty("test"), Rank::default());
        Lake { _dir: dir, root, state, rank, db, next: 0 }
    }

    /// A table partitioned by `symbol` with key (symbol, d).
    pub(crate) fn keyed(self, table: &str, columns: &str) -> Lake {
        self.with(table, columns, &["symbol"], &["symbol", "d"], &["d"])
    }

    pub(crate) fn with(
        mut self,
        table: &str,
        columns: &str,
        partition: &[&str],
        key: &[&str],
        order: &[&str],
    ) -> Lake {
        let own = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        let columns = parse_columns(columns).unwrap();
        let mut def =
            TableDef::new(table, &columns, &own(partition), &own(key), &own(order)).unwrap();
        def.id = TableId(self.state.next_table);
        self.apply(vec![Action::CreateTable(def)]);
        self
    }

    pub(crate) fn alter(&mut self, table: &str, change: impl FnOnce(&mut Schema)) {
        let def = &self.state.table(table).unwrap().def;
        let mut schema = def.schema().clone();
        schema.version += 1;
        change(&mut schema);
        self.apply(vec![Action::SetSchema { table: def.id, schema }]);
    }

    /// The rows of these symbols (of all, if none is named) from here to there are gone.
    pub(crate) fn hide(
        &mut self,
        table: &str,
        symbols: &[&str],
        from: Option<Value>,
        to: Option<Value>,
    ) {
        let parts: Vec<&[&str]> = symbols.iter().map(std::slice::from_ref).collect();
        self.hide_parts(table, &parts, from, to);
    }

    pub(crate) fn hide_parts(
        &mut self,
        table: &str,
        parts: &[&[&str]],
        from: Option<Value>,
        to: Option<Value>,
    ) {
        let owners = parts.iter().map(|part| part.iter().map(|s| symbol(s)).collect()).collect();
        let owners = Some(Owners::new(owners)).filter(|owners| !owners.is_empty());
        let (table, stretch) = (self.state.table(table).unwrap().def.id, Stretch { from, to });
        self.apply(vec![Action::Hide { table, owners, stretch }]);
    }

    pub(crate) fn apply(&mut self, actions: Vec<Action>) {
        self.next += 1;
        let txn = Transaction {
            id: TxnId { start: self.state.version, session: 1, counter: self.next },
            ready_at: self.state.version,
            producer: None,
            cause: Cause::Ingest,
            at_us: 0,
            host: String::new(),
            pid: 1,
            expects: Vec::new(),
            actions,
            receipts: Vec::new(),
        };
        let entry = Entry {
            version: self.state.version + 1,
            previous: self.state.hash,
            at_us: 0,
            transactions: vec![txn],
        };
        self.state.apply(&entry, u64::from(self.next)).unwrap();
    }

    /// Commits a segment with the rows of a SELECT, of the newest schema.
    pub(crate) fn add(
        &mut self,
        table: &str,
        part: Part,
        range: Option<Range>,
        symbols: Option<SymbolSpan>,
        select: &str,
    ) {
        let count = format!("SELECT count(*) FROM ({select})");
        let rows: u64 = self.db.query_row(&count, [], |row| row.get(0)).unwrap();
        let path = self.name(table, part, range, symbols, rows);
        let (dir, _) = path.rsplit_once('/').unwrap();
        self.root.make_dir(dir).unwrap();
        let to = literal(self.root.path().join(&path).to_str().unwrap());
        self.db.execute_batch(&format!("COPY ({select}) TO {to} (FORMAT parquet)")).unwrap();
    }

    /// Commits a segment without making its file; returns its path.
    pub(crate) fn name(
        &mut self,
        table: &str,
        part: Part,
        range: Option<Range>,
        symbols: Option<SymbolSpan>,
        rows: u64,
    ) -> String {
        let live = self.state.table(table).unwrap();
        let txn = TxnId { start: self.state.version, session: 1, counter: self.next + 1 };
        let segment = Segment {
            id: SegmentId { txn, n: 0 },
            kind: SegmentKind::Increment,
            schema_version: live.schema().version,
            rows,
            bytes: 1,
            hash: 0,
            sum: None,
            range,
            symbols: symbols.map(Into::into),
            rank: self.rank,
            masks: Vec::new(),
            at_us: 0,
            census: None,
            added: 0,
        };
        let (path, table) = (live.path(&part, &segment), live.def.id);
        self.apply(vec![Action::Add { table, part, segments: vec![segment] }]);
        path
    }

    pub(crate) fn mount(&self) -> Mounted {
        let options = Options { threads: Some(1), ..Options::default() };
        let engine = Engine::open(&options).unwrap();
        engine.mount_state(Arc::new(self.state.clone()), self.root.path()).unwrap()
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        rows(&mut self.mount(), sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"))
    }
}

/// The rows of a query, each value as text.
pub(crate) fn rows(mounted: &mut Mounted, sql: &str) -> Result<Vec<Vec<String>>> {
    let mut query = mounted.query(sql)?;
    let rows = query.rows()?;
    let columns = rows.columns.clone();
    let mut out = Vec::new();
    for batch in rows {
        let batch = batch?;
        let readers: Vec<_> = batch
            .columns()
            .iter()
            .zip(&columns)
            .map(|(array, column)| Reader::new(array.as_ref(), &column.ty.shape))
            .collect();
        for row in 0..batch.num_rows() {
            out.push(readers.iter().map(|r| shown(&r.get(row))).collect());
        }
    }
    Ok(out)
}

fn shown(datum: &Datum<'_>) -> String {
    match datum {
        Datum::Null => "NULL".into(),
        Datum::Bool(v) => v.to_string(),
        Datum::Int(v) => v.to_string(),
        Datum::UInt(v) => v.to_string(),
        Datum::Huge(v) => v.to_string(),
        Datum::Float(v) => format!("{v:?}"),
        Datum::Double(v) => format!("{v:?}"),
        Datum::Text(v) => v.to_string(),
        Datum::Blob(v) => format!("{v:?}"),
        Datum::List(v) => format!("[{}]", v.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Datum::Object(v) => {
            let field = |(k, v): &(_, _)| format!("{k}: {}", shown(v));
            format!("{{{}}}", v.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}
