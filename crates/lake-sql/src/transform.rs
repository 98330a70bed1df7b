//! A SELECT over the rows of an input, which streams through.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::{SQLOptions, SessionContext};
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::{ast, dialect::DuckDbDialect};
use futures::{StreamExt, stream};
use tokio::runtime::{Builder, Runtime};

use crate::context::{context, plain, respell};
use crate::{Batches, Limits, Result, SqlError};

/// The rows of a SELECT, as they come.
pub struct Transformed {
    text: Arc<str>,
    schema: SchemaRef,
    runtime: Runtime,
    stream: SendableRecordBatchStream,
}

/// Runs one SELECT over `input`, which can be read once.
pub fn transform(
    sql: &str,
    schema: SchemaRef,
    input: Batches,
    limits: &Limits,
) -> Result<Transformed> {
    let bad = |error| SqlError::bad(sql, plain(&error));
    let statement = parse(sql, &schema)?;
    let disk = DiskManagerMode::Directories(vec![limits.spill.clone()]);
    let environment = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(disk))
        .build_arc()
        .map_err(bad)?;
    let context = context(Some(environment));
    let once = Once { schema: schema.clone(), input: Mutex::new(Some(input)) };
    let table = StreamingTable::try_new(schema, vec![Arc::new(once)]).map_err(bad)?;
    context.register_table("input", Arc::new(table)).map_err(bad)?;
    let runtime = Builder::new_current_thread().build().map_err(|e| SqlError::failed(sql, e))?;
    let stream = runtime.block_on(start(&context, statement)).map_err(bad)?;
    Ok(Transformed { text: sql.into(), schema: stream.schema(), runtime, stream })
}

fn parse(sql: &str, schema: &SchemaRef) -> Result<Statement> {
    let mut statements = DFParser::parse_sql_with_dialect(sql, &DuckDbDialect {})
        .map_err(|e| SqlError::bad(sql, plain(&e)))?;
    match (statements.pop_front(), statements.is_empty()) {
        (Some(Statement::Statement(mut statement)), true)
            if matches!(*statement, ast::Statement::Query(_)) =>
        {
            respell(statement.as_mut(), schema, &HashSet::new());
            Ok(Statement::Statement(statement))
        }
        _ => Err(SqlError::bad(sql, "one SELECT ... FROM input is expected")),
    }
}

async fn start(
    context: &SessionContext,
    statement: Statement,
) -> std::result::Result<SendableRecordBatchStream, DataFusionError> {
    let plan = context.state().statement_to_plan(statement).await?;
    let queries_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    queries_only.verify_plan(&plan)?;
    context.execute_logical_plan(plan).await?.execute_stream().await
}

impl Transformed {
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn error(&self, error: DataFusionError) -> SqlError {
        match error {
            DataFusionError::External(source) => SqlError::Input(source),
            other => SqlError::failed(&self.text, plain(&other)),
        }
    }
}

impl Iterator for Transformed {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        let next = self.runtime.block_on(self.stream.next())?;
        Some(next.map_err(|e| self.error(e)))
    }
}

/// An input as DataFusion reads a table.
struct Once {
    schema: SchemaRef,
    input: Mutex<Option<Batches>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("input")
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let taken = self.input.lock().ok().and_then(|mut input| input.take());
        let twice = || DataFusionError::Plan("the input can be read once".into());
        let batches: Box<dyn Iterator<Item = _> + Send> = match taken {
            Some(input) => Box::new(input.map(|b| b.map_err(DataFusionError::External))),
            None => Box::new(std::iter::once(Err(twice()))),
        };
        let stream = stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}
