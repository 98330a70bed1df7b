//! Symbols, file names, types and column lists: injective, reversible, or refused.

#![no_main]

use lake_core::layout;
use lake_core::sqltype::{parse_columns, parse_type};
use lake_core::symbol::Symbol;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(symbol) = Symbol::new(text) {
        let name = symbol.encode();
        assert!(!name.contains('/') && name != "." && name != "..");
        assert_eq!(Symbol::decode(&name).expect("own name"), symbol);
    }
    if let Ok(symbol) = Symbol::decode(text) {
        assert_eq!(symbol.encode(), text);
    }
    if let Some((column, symbol)) = layout::parse_partition(text) {
        assert_eq!(format!("{column}={}", symbol.encode()), text);
    }
    if let Some((kind, id)) = layout::parse_segment(text) {
        assert_eq!(layout::segment_name(kind, &id), text);
    }
    if let Some(version) = layout::parse_entry(text) {
        assert_eq!(layout::entry_name(version), text);
    }
    let _ = parse_columns(text);
    if let Ok(ty) = parse_type(text) {
        assert_eq!(parse_type(&ty.to_string()).expect("own type"), ty);
    }
});
