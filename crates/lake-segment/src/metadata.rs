//! The footer's key-value metadata: what is needed to rebuild a lost log from the
//! directory, and to tell a person where a file came from.

use lake_core::edit::{ProducerSeq, Transaction};
use lake_core::id::TxnId;
use lake_core::schema::{FieldId, TableDef};
use parquet::file::metadata::KeyValue;

/// Who made a segment, and in which transaction.
#[derive(Clone, Debug)]
pub struct Provenance {
    pub txn: TxnId,
    pub producer: Option<ProducerSeq>,
    pub host: String,
    pub pid: u32,
}

impl Provenance {
    pub fn of(txn: &Transaction) -> Provenance {
        Provenance {
            txn: txn.id,
            producer: txn.producer.clone(),
            host: txn.host.clone(),
            pid: txn.pid,
        }
    }

    pub(crate) fn pairs(&self) -> Vec<KeyValue> {
        let mut pairs = vec![
            pair("lake.txn", self.txn.to_string()),
            pair("lake.host", self.host.clone()),
            pair("lake.pid", self.pid.to_string()),
        ];
        if let Some(key) = &self.producer {
            pairs.push(pair("lake.producer", key.producer.to_string()));
            pairs.push(pair("lake.seq", key.seq.to_string()));
        }
        pairs
    }
}

/// What all segments of a table and schema version say.
pub(crate) fn table_pairs(def: &TableDef) -> Vec<KeyValue> {
    let ids = |ids: &[FieldId]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    vec![
        pair("lake.table", def.name.clone()),
        pair("lake.table_id", def.id.0.to_string()),
        pair("lake.schema_version", def.schema().version.to_string()),
        pair("lake.partition_by", ids(&def.partition_by)),
        pair("lake.key", ids(&def.key)),
        pair("lake.order_by", ids(&def.order_by)),
        pair("lake.writer", env!("CARGO_PKG_VERSION").to_owned()),
    ]
}

pub(crate) fn pair(key: &str, value: String) -> KeyValue {
    KeyValue::new(key.to_owned(), value)
}
