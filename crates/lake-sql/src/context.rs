//! DataFusion as we use it: one partition, so that rows keep their order, texts as
//! plain texts, names as DuckDB matches them.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::ast::{Expr, Ident, VisitMut, visit_expressions_mut};

pub(crate) const DIALECT: Dialect = Dialect::DuckDB;

pub(crate) fn context(runtime: Option<Arc<RuntimeEnv>>) -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(1);
    let options = config.options_mut();
    options.sql_parser.dialect = DIALECT;
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    match runtime {
        Some(runtime) => SessionContext::new_with_config_rt(config, runtime),
        None => SessionContext::new_with_config(config),
    }
}

/// The message without the words about who found it.
pub(crate) fn plain(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let plain = ["Error during planning: ", "SQL error: ", "Schema error: ", "Arrow error: "]
        .iter()
        .fold(text.as_str(), |text, prefix| text.strip_prefix(prefix).unwrap_or(text));
    let inner = plain.strip_prefix("ParserError(\"").and_then(|t| t.strip_suffix("\")"));
    inner.unwrap_or(plain).to_owned()
}

/// Spells every unquoted name as the column it means without case.
pub(crate) fn respell(ast: &mut impl VisitMut, schema: &Schema, taken: &HashSet<String>) {
    let fix = |ident: &mut Ident| {
        let known = |name: &str| schema.column_with_name(name).is_some() || taken.contains(name);
        if ident.quote_style.is_some() || known(&ident.value) {
            return;
        }
        let lower = ident.value.to_lowercase();
        if let Some(field) = schema.fields().iter().find(|f| f.name().to_lowercase() == lower) {
            ident.value.clone_from(field.name());
        }
    };
    let _: ControlFlow<()> = visit_expressions_mut(ast, |expr| {
        match expr {
            Expr::Identifier(ident) => fix(ident),
            Expr::CompoundIdentifier(path) => path.iter_mut().skip(1).for_each(fix),
            _ => {}
        }
        ControlFlow::Continue(())
    });
}
