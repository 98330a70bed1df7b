//! Parquet segments: written with exact statistics, read back checked.
