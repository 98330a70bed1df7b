use std::num::NonZeroU64;
use std::path::Path;

use lake_cli::render::{Cell, Column as Head, Renderer, distinct, json};
use lake_cli::{Console, Failure, Format, Outcome, human};
use lake_core::frame::hash;
use lake_core::kind::Kind;
use lake_engine::{Column, Mounted};
use lake_log::{Access, Lake};
use serde_json::json;

use crate::ask::{Ask, Opened, Session};
use crate::failure::{of_engine, of_log};
use crate::open::{AtVersion, table};
use crate::page::{OrderBy, Paper, Plan, Source, Token};
use crate::sink::{each_row, headers};

/// Print the rows of a table, or of a SELECT, page by page
///
/// The first page is of the newest version; it ends with a token, and --after TOKEN
/// prints the next page of the same version, whatever is written meanwhile. A token
/// stays good as long as the lake keeps its version. NULL comes last in either order.
/// Rows that are equal in --order-by are ordered by the table's key, or by all columns.
///
/// As JSON a page is {"version", "rows": [objects], "next": token or null}; in other
/// forms the token is a note on stderr. --page counts pages for people, with totals; far
/// pages cost more there.
#[derive(Debug, clap::Args)]
pub(crate) struct Page {
    /// The table
    #[arg(required_unless_present = "sql", conflicts_with = "sql")]
    table: Option<String>,
    /// Page through the result of this SELECT-like statement
    #[arg(long, allow_hyphen_values = true, value_name = "SQL")]
    sql: Option<String>,
    /// The order: names of columns, each asc (as by default) or desc: "date desc, symbol"
    #[arg(long, value_name = "COLUMNS")]
    order_by: OrderBy,
    /// Rows of a page
    #[arg(long, value_name = "N", default_value = "100")]
    limit: NonZeroU64,
    /// Go on after the page that gave this token
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["at", "page"])]
    after: Option<String>,
    /// Print the page of this number, from 1, and say how many there are
    #[arg(long, value_name = "K")]
    page: Option<NonZeroU64>,
    #[command(flatten)]
    at: AtVersion,
    #[command(flatten)]
    ask: Ask,
}

/// Where a numbered page stands.
struct Totals {
    page: u64,
    pages: u64,
    rows: u64,
}

impl Page {
    pub(crate) fn run(self, lake: &Path, console: &mut Console) -> Result<Outcome, Failure> {
        let token = self.after.as_deref().map(Token::decode).transpose()?;
        let opened = self.open(lake, token.as_ref())?;
        let lake_id = opened.lake.id().to_owned();
        let state = opened.snapshot.state().clone();
        let sql = self.sql.as_deref().map(|sql| self.ask.spell(sql)).unwrap_or_default();
        let source = match &self.table {
            Some(name) => Source::Table(&table(&state, name)?.def),
            None => Source::Sql(&sql),
        };
        let limit = self.limit.get();
        let Session { mut mounted, stop, .. } = opened.mount(None)?;
        let explained = |failure| stop.explain(failure);
        let plan = Plan::new(&mut mounted, &source, &self.order_by).map_err(explained)?;
        let question = self.question(&source, &mut mounted)?;
        if token.as_ref().is_some_and(|token| token.question != question) {
            return Err(Failure::bad_input("the page token is of another question")
                .hint("the table or --sql, --order-by and --param must be as they were"));
        }
        let totals = match self.page {
            Some(page) => {
                let rows = number(&mut mounted, &plan.count()).map_err(explained)?;
                Some(Totals { page: page.get(), pages: rows.div_ceil(limit), rows })
            }
            None => None,
        };
        let place = token.as_ref().map(|token| &token.place);
        let sql = match &totals {
            Some(totals) => plan.numbered(totals.page, limit)?,
            None => plan.after(place, limit)?,
        };
        let version = mounted.version();
        let mut query = mounted.query(&sql).map_err(of_engine).map_err(explained)?;
        let mut printed = Printed::new(version, console);
        let (rows, next) = plan.read(&mut query, place, limit, &mut printed).map_err(explained)?;
        let token = |place| Token { lake: lake_id, version, question, place }.encode();
        let next = next.filter(|_| totals.is_none()).map(token).transpose()?;
        printed.finish(rows, next.as_deref(), totals.as_ref())?;
        Ok(Outcome::Done)
    }

    /// The token's version, or the one asked for.
    fn open(&self, lake: &Path, token: Option<&Token>) -> Result<Opened, Failure> {
        let Some(token) = token else { return self.ask.clone().open(lake, &self.at) };
        let id = Lake::open(lake, Access::Read).map_err(of_log)?.id().to_owned();
        if token.lake != id {
            return Err(Failure::bad_input("the page token is of another lake"));
        }
        let opened = self.ask.clone().open(lake, &AtVersion::version(token.version));
        opened.map_err(|failure| match failure.kind {
            Kind::Expired => {
                failure.hint("begin anew without --after: the token's version is gone")
            }
            _ => failure,
        })
    }

    /// A hash of all that must stay the same from page to page. The hashes that order
    /// equal rows are DuckDB's, so its version is in it.
    fn question(&self, source: &Source<'_>, mounted: &mut Mounted) -> Result<u64, Failure> {
        let engine = texts(mounted, "SELECT version()")?;
        let (kind, text) = match source {
            Source::Table(def) => ("table", def.name.as_str()),
            Source::Sql(sql) => ("sql", *sql),
        };
        let order = self.order_by.to_string();
        let all = json!([kind, text, order, self.ask.params(), engine]);
        Ok(hash(all.to_string().as_bytes()))
    }
}

fn texts(mounted: &mut Mounted, sql: &str) -> Result<Vec<String>, Failure> {
    let mut query = mounted.query(sql).map_err(of_engine)?;
    let rows = query.rows().map_err(of_engine)?;
    let columns = rows.columns.clone();
    let mut all = Vec::new();
    for batch in rows {
        each_row(&batch.map_err(of_engine)?, &columns, |cells| {
            all.extend(cells.iter().map(|cell| cell.plain().into_owned()));
            Ok::<(), Failure>(())
        })?;
    }
    Ok(all)
}

fn number(mounted: &mut Mounted, sql: &str) -> Result<u64, Failure> {
    let texts = texts(mounted, sql)?;
    let number = texts.first().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::bug("count(*) is no number"))
}

/// A page on stdout.
struct Printed<'c> {
    version: u64,
    console: &'c mut Console,
    renderer: Option<Renderer>,
    keys: Vec<String>,
    text: String,
    rows: u64,
}

impl<'c> Printed<'c> {
    fn new(version: u64, console: &'c mut Console) -> Printed<'c> {
        Printed { version, console, renderer: None, keys: Vec::new(), text: String::new(), rows: 0 }
    }

    fn send(&mut self) -> Result<(), Failure> {
        self.console.out.text(&self.text)?;
        self.text.clear();
        Ok(())
    }

    fn finish(
        mut self,
        rows: u64,
        next: Option<&str>,
        totals: Option<&Totals>,
    ) -> Result<(), Failure> {
        if self.console.format() == Format::Json {
            self.text.push_str(if rows > 0 { "\n]" } else { "]" });
            match totals {
                Some(Totals { page, pages, rows }) => self.text.push_str(&format!(
                    ",\"page\":{page},\"pages\":{pages},\"row_count\":{rows}}}\n"
                )),
                None => self.text.push_str(&format!(",\"next\":{}}}\n", json!(next))),
            }
            return self.send();
        }
        if let Some(renderer) = self.renderer.take() {
            renderer.finish(&mut self.text);
        }
        self.send()?;
        self.console.out.flush()?;
        let version = self.version;
        match (totals, next) {
            (Some(Totals { page, pages, rows }), _) => self.console.note(format!(
                "page {page} of {}, {} rows, version {version}",
                human::count(*pages),
                human::count(*rows)
            )),
            (None, Some(token)) => {
                self.console.note(format!("version {version}; the next page: --after {token}"));
            }
            (None, None) => self.console.note(format!("version {version}; the last page")),
        }
        Ok(())
    }
}

impl Paper for Printed<'_> {
    fn begin(&mut self, columns: &[Column]) -> Result<(), Failure> {
        let heads: Vec<Head> = headers(columns);
        match self.console.format() {
            Format::Json => {
                let names: Vec<&str> = heads.iter().map(|head| head.name.as_str()).collect();
                self.keys = distinct(&names).iter().map(|name| json::key(name)).collect();
                self.text = format!("{{\"version\":{},\"rows\":[", self.version);
            }
            format => self.renderer = Some(Renderer::new(format, &heads)),
        }
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), Failure> {
        match &mut self.renderer {
            Some(renderer) => renderer.row(cells, &mut self.text),
            None => {
                self.text.push_str(if self.rows == 0 { "\n" } else { ",\n" });
                json::push_object(&mut self.text, &self.keys, cells);
            }
        }
        self.rows += 1;
        if self.text.len() >= 64 * 1024 { self.send() } else { Ok(()) }
    }
}
