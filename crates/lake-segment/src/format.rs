//! What all segments of one table and schema version share, made once.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use lake_core::schema::TableDef;
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, CompressionCodec, Encoding, Type as Physical};
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, ParquetMetaData};
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterPropertiesPtr,
};
use parquet::schema::types::{SchemaDescriptor, TypePtr};

use crate::error::{Result, SegmentError};
use crate::metadata::{Lineage, table_pairs};
use crate::types::arrow_schema;

/// Rows of a row group: the unit DuckDB skips and hands to its threads.
const ROW_GROUP: usize = 128 * 1024;
/// Of a base, which is read for single symbols out of many.
const BASE_ROW_GROUP: usize = 32 * 1024;
/// Up to so many rows a dictionary costs more than it saves.
const FEW_ROWS: usize = 16;
/// Symbols have 80 bytes at most, so their statistics are never cut.
const STATISTICS_BYTES: usize = 128;

/// How a segment is compressed and what it carries besides its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Written in microseconds, read a few times: a handful of rows.
    Tiny,
    /// Written fast, read until it is compacted.
    Increment,
    /// Written once, read for years.
    Base,
}

impl Profile {
    pub(crate) const fn row_group(self) -> usize {
        match self {
            Profile::Tiny | Profile::Increment => ROW_GROUP,
            Profile::Base => BASE_ROW_GROUP,
        }
    }

    /// A row group with fewer rows is joined with its neighbour.
    pub(crate) fn fewest_rows(self) -> usize {
        match self {
            Profile::Tiny | Profile::Increment => 0,
            Profile::Base => BASE_ROW_GROUP / 2,
        }
    }

    /// No row group has more rows.
    pub(crate) fn most_rows(self) -> usize {
        self.row_group() + self.fewest_rows()
    }

    /// The profile of an increment of so many rows.
    pub fn of_increment(rows: usize) -> Profile {
        if rows <= FEW_ROWS { Profile::Tiny } else { Profile::Increment }
    }
}

/// See the module. Cheap to share between threads, by reference.
#[derive(Clone, Debug)]
pub struct Format {
    pub(crate) arrow: SchemaRef,
    pub(crate) parquet: TypePtr,
    pub(crate) leaves: usize,
    /// Whether any leaf can hold a NaN.
    pub(crate) floats: bool,
    /// Positions of the range columns.
    pub(crate) range: Vec<usize>,
    pub(crate) metadata: Vec<KeyValue>,
    tiny: WriterPropertiesPtr,
    increment: WriterPropertiesPtr,
    base: WriterPropertiesPtr,
}

impl Format {
    /// For the table's newest schema.
    pub fn new(def: &TableDef) -> Result<Format> {
        let arrow = arrow_schema(def.schema());
        let converter = ArrowSchemaConverter::new().schema_root("lake");
        let descr = converter.convert(&arrow).map_err(SegmentError::Encode)?;
        let fields = &def.schema().fields;
        let range_ids = def.range_columns();
        let position = |id| fields.iter().position(|f| f.id == id);
        let range: Vec<usize> = range_ids.into_iter().filter_map(position).collect();
        let floating = |p| matches!(p, Physical::FLOAT | Physical::DOUBLE);
        let properties = |profile| Arc::new(properties(profile, &descr));
        Ok(Format {
            parquet: descr.root_schema_ptr(),
            leaves: descr.num_columns(),
            floats: descr.columns().iter().any(|c| floating(c.physical_type())),
            range,
            metadata: table_pairs(def),
            tiny: properties(Profile::Tiny),
            increment: properties(Profile::Increment),
            base: properties(Profile::Base),
            arrow,
        })
    }

    /// The same for segments that take the place of others, which their footers say.
    pub fn made_of(&self, lineage: &Lineage) -> Format {
        let mut format = self.clone();
        format.metadata.extend(lineage.pairs());
        format
    }

    /// The schema that batches to be written have.
    pub fn schema(&self) -> &SchemaRef {
        &self.arrow
    }

    pub(crate) fn properties(&self, profile: Profile) -> &WriterPropertiesPtr {
        match profile {
            Profile::Tiny => &self.tiny,
            Profile::Increment => &self.increment,
            Profile::Base => &self.base,
        }
    }
}

impl Format {
    /// Whether a base that says this of itself has row groups as this format makes them.
    pub(crate) fn made(&self, metadata: &ParquetMetaData) -> bool {
        let file = metadata.file_metadata();
        let codec = |column: &ColumnChunkMetaData| {
            CompressionCodec::from(self.base.compression(column.column_path()))
        };
        file.created_by() == Some(self.base.created_by())
            && *file.schema_descr().root_schema() == *self.parquet
            && metadata
                .row_groups()
                .iter()
                .flat_map(|group| group.columns())
                .all(|column| column.compression_codec() == codec(column))
    }
}

fn properties(profile: Profile, descr: &SchemaDescriptor) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("parquet-lake ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(compression(profile))
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_max_row_group_row_count(None)
        // DuckDB takes longer to go from page to page than what it skips saves: of row groups
        // of 32 Ki, pages of 4 Ki rows make a query of 50 symbols take 1.6 times as long as one.
        .set_data_page_row_count_limit(ROW_GROUP)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for leaf in descr.columns() {
        builder = Leaf { leaf: leaf.as_ref(), profile }.configure(builder);
    }
    builder.build()
}

fn compression(profile: Profile) -> Compression {
    match profile {
        Profile::Tiny => Compression::UNCOMPRESSED,
        // As fast and as small as LZ4 on bars, and older readers know it.
        Profile::Increment => Compression::SNAPPY,
        // A tenth larger than ZSTD, and a scan takes a fifth less time.
        Profile::Base => Compression::LZ4_RAW,
    }
}

struct Leaf<'a> {
    leaf: &'a parquet::schema::types::ColumnDescriptor,
    profile: Profile,
}

impl Leaf<'_> {
    /// Prices and texts repeat themselves, so they get a dictionary. Whole
    /// numbers, dates and times differ little from their neighbours; a
    /// dictionary, where it is on, would win over the encoding.
    fn configure(&self, builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        let path = self.leaf.path().clone();
        match self.leaf.physical_type() {
            Physical::INT32 | Physical::INT64 => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            _ => builder.set_column_dictionary_enabled(path, self.profile != Profile::Tiny),
        }
    }
}
