//! What goes in comes out, and the statistics never lie.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Float64Type, Int32Type};
use lake_core::id::{SegmentId, TxnId};
use lake_core::schema::TableDef;
use lake_core::segment::{Rank, Segment, SegmentKind};
use lake_core::sqltype::parse_columns;
use lake_core::value::{Range, Value};
use lake_store::Root;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;

use super::*;

const EVERY_TYPE: &str = "symbol VARCHAR, at TIMESTAMP, b BOOLEAN, i8 TINYINT, i16 SMALLINT, \
    i32 INTEGER, i64 BIGINT, u8 UTINYINT, u16 USMALLINT, u32 UINTEGER, u64 UBIGINT, f FLOAT, \
    d DOUBLE, p9 DECIMAL(9,2), p18 DECIMAL(18,4), p38 DECIMAL(38,10), day DATE, t TIME, raw BLOB, \
    tags VARCHAR[], pair STRUCT(a INTEGER, b DOUBLE), m MAP(VARCHAR, DOUBLE), text VARCHAR";

fn table(columns: &str, key: &[&str]) -> TableDef {
    let own = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
    let columns = parse_columns(columns).unwrap();
    TableDef::new("bars", &columns, &own(&["symbol"]), &own(key), &[]).unwrap()
}

fn provenance() -> Provenance {
    let txn = TxnId { start: 3, session: 9, counter: 1 };
    Provenance { txn, producer: None, host: "h".into(), pid: 7, after: 3, at_us: 0 }
}

fn metadata(bytes: &[u8]) -> ParquetMetaData {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    SerializedFileReader::new(file).unwrap().metadata().clone()
}

/// Writes the bytes into a throw-away lake and opens them as a segment.
struct Disk {
    _dir: tempfile::TempDir,
    root: Root,
    segment: Segment,
}

impl Disk {
    fn new(bytes: &[u8], written: &Written) -> Disk {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let mut file = root.top().unwrap().create("s.parquet").unwrap();
        file.write_all_at_once(bytes).unwrap();
        file.close().unwrap();
        let segment = Segment {
            id: SegmentId { txn: provenance().txn, n: 0 },
            kind: SegmentKind::Increment,
            schema_version: 1,
            rows: written.rows,
            bytes: written.bytes,
            hash: written.hash,
            sum: written.sum,
            range: written.range.clone(),
            symbols: None,
            rank: Rank { version: 1, order: 0 },
            masks: Vec::new(),
            at_us: 0,
            census: None,
            added: 1,
        };
        Disk { _dir: dir, root, segment }
    }

    fn open(&self, columns: Option<&[u32]>) -> Result<SegmentReader> {
        SegmentReader::open(&self.root, "s.parquet", &self.segment, Verify::Hash, columns)
    }

    fn rows(&self, columns: Option<&[u32]>) -> RecordBatch {
        let batches: Vec<_> = self.open(columns).unwrap().map(|b| b.unwrap()).collect();
        arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
    }
}

fn doubles() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(-0.0),
        Just(0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        (0..50i32).prop_map(f64::from)
    ]
}

fn of<T: Clone + std::fmt::Debug + 'static, A: Array + 'static>(
    values: impl Strategy<Value = T> + 'static,
    (nullable, n): (bool, usize),
    make: impl Fn(Vec<Option<T>>) -> A + 'static,
) -> BoxedStrategy<ArrayRef> {
    let value = match nullable {
        true => prop::option::weighted(0.8, values).boxed(),
        false => values.prop_map(Some).boxed(),
    };
    let values = prop::collection::vec(value, n);
    values.prop_map(move |v| Arc::new(make(v)) as ArrayRef).boxed()
}

/// A column of any type, with NULLs where the column allows them.
fn column(ty: &DataType, nullable: bool, n: usize) -> BoxedStrategy<ArrayRef> {
    macro_rules! numbers {
        ($array:ty) => {
            of(any::<<$array as NumberOf>::Native>(), (nullable, n), <$array>::from)
        };
    }
    let size = (nullable, n);
    match ty {
        DataType::Boolean => of(any::<bool>(), size, BooleanArray::from),
        DataType::Int8 => numbers!(Int8Array),
        DataType::Int16 => numbers!(Int16Array),
        DataType::Int32 => numbers!(Int32Array),
        DataType::Int64 => numbers!(Int64Array),
        DataType::UInt8 => numbers!(UInt8Array),
        DataType::UInt16 => numbers!(UInt16Array),
        DataType::UInt32 => numbers!(UInt32Array),
        DataType::UInt64 => numbers!(UInt64Array),
        DataType::Date32 => numbers!(Date32Array),
        DataType::Timestamp(..) => numbers!(TimestampMicrosecondArray),
        DataType::Time64(_) => of(0..86_400_000_000i64, size, Time64MicrosecondArray::from),
        DataType::Float32 => of(doubles(), size, |v| {
            v.into_iter().map(|x| x.map(|x| x as f32)).collect::<Float32Array>()
        }),
        DataType::Float64 => of(doubles(), size, Float64Array::from),
        DataType::Decimal128(p, s) => {
            let (p, s, most) = (*p, *s, 10i128.pow(u32::from(*p)) - 1);
            of(-most..=most, size, move |v| {
                Decimal128Array::from(v).with_precision_and_scale(p, s).unwrap()
            })
        }
        DataType::Utf8 => of(".{0,12}", size, StringArray::from),
        DataType::Binary => of(prop::collection::vec(any::<u8>(), 0..9), size, |v| {
            v.iter().map(|x| x.as_deref()).collect::<BinaryArray>()
        }),
        _ => nested(ty, size),
    }
}

fn nested(ty: &DataType, size: (bool, usize)) -> BoxedStrategy<ArrayRef> {
    match ty {
        DataType::List(_) => of(prop::collection::vec(".{0,3}", 0..4), size, |v| {
            let names = GenericStringBuilder::<i32>::new();
            let mut list = ListBuilder::new(names).with_field(item("element", DataType::Utf8));
            for row in v {
                list.append_option(row.map(|texts| texts.into_iter().map(Some)));
            }
            list.finish()
        }),
        DataType::Struct(fields) => {
            let fields = fields.clone();
            of((any::<i32>(), doubles()), size, move |v| {
                let nulls = v.iter().map(Option::is_some).collect::<Vec<_>>();
                let (a, b): (Vec<_>, Vec<_>) =
                    v.into_iter().map(|x| (x.map(|x| x.0), x.map(|x| x.1))).unzip();
                let a = PrimitiveArray::<Int32Type>::from(a);
                let b = PrimitiveArray::<Float64Type>::from(b);
                StructArray::new(fields.clone(), vec![Arc::new(a), Arc::new(b)], Some(nulls.into()))
            })
        }
        DataType::Map(..) => {
            of(prop::collection::btree_map(".{0,2}", doubles(), 0..3), size, |v| {
                let names = MapFieldNames {
                    entry: "key_value".into(),
                    key: "key".into(),
                    value: "value".into(),
                };
                let (keys, values) = (StringBuilder::new(), Float64Builder::new());
                let mut map = MapBuilder::new(Some(names), keys, values);
                for row in v {
                    for (key, value) in row.iter().flatten() {
                        map.keys().append_value(key);
                        map.values().append_value(*value);
                    }
                    map.append(row.is_some()).unwrap();
                }
                map.finish()
            })
        }
        other => panic!("no values of {other}"),
    }
}

trait NumberOf {
    type Native;
}
impl<T: arrow::datatypes::ArrowPrimitiveType> NumberOf for PrimitiveArray<T> {
    type Native = T::Native;
}

fn item(name: &str, ty: DataType) -> Arc<arrow::datatypes::Field> {
    Arc::new(arrow::datatypes::Field::new(name, ty, true))
}

fn batch(def: &TableDef) -> impl Strategy<Value = RecordBatch> + use<> {
    let schema = arrow_schema(def.schema());
    (1..60usize).prop_flat_map(move |n| {
        let schema = schema.clone();
        let columns: Vec<_> =
            schema.fields().iter().map(|f| column(f.data_type(), f.is_nullable(), n)).collect();
        columns.prop_map(move |columns| RecordBatch::try_new(schema.clone(), columns).unwrap())
    })
}

/// Equal to the bit where arrow's `==` would call NaN unequal to itself.
fn same(a: &RecordBatch, b: &RecordBatch) -> bool {
    a.schema() == b.schema() && format!("{a:?}") == format!("{b:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_type_reads_back(batch in batch(&table(EVERY_TYPE, &[]))) {
        let format = Format::new(&table(EVERY_TYPE, &[])).unwrap();
        for profile in [Profile::Tiny, Profile::Increment, Profile::Base] {
            let encoded = format.encode(&batch, profile, "symbol=a", &provenance(), None).unwrap();
            prop_assert_eq!(encoded.bytes.len() as u64, encoded.written.bytes);
            let disk = Disk::new(&encoded.bytes, &encoded.written);
            let back = disk.rows(None);
            prop_assert!(same(&back, &batch), "{:?}\n{:?}", back, batch);
        }
    }
}

fn prices(values: &[f64]) -> (Format, RecordBatch) {
    let def = table("symbol VARCHAR, date DATE, close DOUBLE", &["symbol", "date"]);
    let format = Format::new(&def).unwrap();
    let n = values.len();
    let batch = RecordBatch::try_new(
        format.schema().clone(),
        vec![
            Arc::new(StringArray::from_iter_values((0..n).map(|_| "600519"))),
            Arc::new(Date32Array::from_iter_values((0..n).map(|i| i as i32))),
            Arc::new(Float64Array::from_iter_values(values.iter().copied())),
        ],
    );
    (format, batch.unwrap())
}

#[test]
fn a_column_with_nan_says_no_minimum() {
    for (values, silent) in [(vec![1.0, 2.0], false), (vec![1.0, f64::NAN, 2.0], true)] {
        for profile in [Profile::Tiny, Profile::Increment, Profile::Base] {
            let (format, batch) = prices(&values);
            let encoded =
                format.encode(&batch, profile, "symbol=600519", &provenance(), None).unwrap();
            let found = metadata(&encoded.bytes);
            let group = found.row_group(0);
            assert_eq!(group.column(2).statistics().is_none(), silent, "{values:?}");
            let date = group.column(1).statistics().unwrap();
            assert!(date.min_is_exact() && date.max_is_exact());
            assert_eq!(date.max_bytes_opt(), Some(&(values.len() as i32 - 1).to_le_bytes()[..]));
        }
    }
}

#[test]
fn nan_silences_its_own_row_group_only() {
    let rest = Profile::Base.fewest_rows();
    let mut values = vec![1.0; Profile::Base.row_group() + rest];
    values[3] = f64::NAN;
    let (format, batch) = prices(&values);
    let mut bytes = Vec::new();
    let from = provenance();
    let mut writer = format.stream(&mut bytes, Profile::Base, "symbol=600519", &from).unwrap();
    for at in (0..values.len()).step_by(50_000) {
        writer.write(&batch.slice(at, 50_000.min(values.len() - at))).unwrap();
    }
    let written = writer.finish(None).unwrap();
    let found = metadata(&bytes);
    assert_eq!(found.num_row_groups(), 2);
    assert_eq!(found.row_group(1).num_rows(), rest as i64);
    assert!(found.row_group(0).column(2).statistics().is_none());
    assert!(found.row_group(1).column(2).statistics().is_some());
    assert_eq!(written.hash, xxhash_rust::xxh3::xxh3_64(&bytes));
    let last = values.len() as i32 - 1;
    let range = Range::new(vec![Value::Date(0)], vec![Value::Date(last)]);
    assert_eq!(written.range, Some(range));
    let disk = Disk::new(&bytes, &written);
    assert!(same(&disk.rows(None), &batch));
}

#[test]
fn numbers_are_delta_and_the_footer_says_where_from() {
    let (format, batch) = prices(&[1.0; 100]);
    let mut from = provenance();
    from.producer = Some(lake_core::edit::ProducerSeq { producer: "sync".into(), seq: 5 });
    let encoded = format.encode(&batch, Profile::Increment, "symbol=600519", &from, None).unwrap();
    let found = metadata(&encoded.bytes);
    let encodings: Vec<_> = found.row_group(0).column(1).encodings().collect();
    assert!(encodings.contains(&parquet::basic::Encoding::DELTA_BINARY_PACKED), "{encodings:?}");
    assert!(found.row_group(0).column(1).dictionary_page_offset().is_none());
    assert!(found.row_group(0).column(2).dictionary_page_offset().is_some());
    let pairs: Vec<String> = found
        .file_metadata()
        .key_value_metadata()
        .unwrap()
        .iter()
        .map(|pair| format!("{}={}", pair.key, pair.value.as_deref().unwrap_or("")))
        .collect();
    for want in [
        "lake.table=bars",
        "lake.schema_version=1",
        "lake.partition=symbol=600519",
        "lake.key=1,2",
        "lake.txn=3.0000000000000009.1",
        "lake.producer=sync",
        "lake.seq=5",
        "lake.pid=7",
    ] {
        assert!(pairs.iter().any(|p| p == want), "{want} in {pairs:?}");
    }
    assert!(!pairs.iter().any(|p| p.starts_with("ARROW:")));
}

#[test]
fn a_range_is_exact_or_absent() {
    let def = table("symbol VARCHAR, venue VARCHAR, x INTEGER", &["symbol", "venue"]);
    let format = Format::new(&def).unwrap();
    let range = |venues: &[&str]| {
        let n = venues.len();
        let batch = RecordBatch::try_new(
            format.schema().clone(),
            vec![
                Arc::new(StringArray::from_iter_values((0..n).map(|_| "a"))),
                Arc::new(StringArray::from_iter_values(venues)),
                Arc::new(Int32Array::new_null(n)),
            ],
        );
        let batch = batch.unwrap();
        let encoded = format.encode(&batch, Profile::Tiny, "symbol=a", &provenance(), None);
        encoded.unwrap().written.range
    };
    let text = |t: &str| vec![Value::Text(t.into())];
    assert_eq!(range(&["", "x"]), Some(Range::new(text(""), text("x"))));
    let (fits, long) = ("y".repeat(128), "y".repeat(129));
    assert_eq!(range(&["x", &fits]), Some(Range::new(text("x"), text(&fits))));
    assert_eq!(range(&["x", &long]), None);
}

#[test]
fn only_the_columns_asked_for() {
    let (format, batch) = prices(&[1.0, 2.0]);
    let encoded =
        format.encode(&batch, Profile::Tiny, "symbol=600519", &provenance(), None).unwrap();
    let disk = Disk::new(&encoded.bytes, &encoded.written);
    let rows = disk.rows(Some(&[3, 1, 99]));
    let names: Vec<_> = rows.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["symbol", "close"]);
}

#[test]
fn damage_is_said_and_never_panics() {
    let (format, batch) = prices(&[1.0, 2.0, 3.0]);
    let encoded =
        format.encode(&batch, Profile::Increment, "symbol=600519", &provenance(), None).unwrap();
    let short = Disk::new(&encoded.bytes[..50], &encoded.written);
    let error = short.open(None).err().unwrap().to_string();
    assert!(error.contains("s.parquet is damaged") && error.contains("has 50"), "{error}");
    for at in 0..encoded.bytes.len() {
        let mut bytes = encoded.bytes.clone();
        bytes[at] ^= 0x41;
        let disk = Disk::new(&bytes, &encoded.written);
        let error = disk.open(None).err().unwrap().to_string();
        assert!(error.contains("hash"), "{error}");
        let open = SegmentReader::open(&disk.root, "s.parquet", &disk.segment, Verify::Size, None);
        if let Ok(reader) = open {
            let _ = reader.take(4).collect::<Result<Vec<_>>>();
        }
    }
}
