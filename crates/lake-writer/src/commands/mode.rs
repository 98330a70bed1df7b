//! What becomes of keys that are there, as a flag's value.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use lake_ingest::Mode;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ModeName {
    /// Refuse rows whose key is there
    Append,
    /// The row of the later commit wins
    Upsert,
    /// The stored row stays
    Ignore,
    /// Of each symbol, replace the rows between the smallest and the largest order value
    ReplaceRange,
    /// Of each symbol, replace all rows
    Replace,
}

/// Those that replace nothing but rows of the same key.
pub(crate) fn by_key() -> impl TypedValueParser<Value = ModeName> {
    let modes = [ModeName::Append, ModeName::Upsert, ModeName::Ignore];
    let values = modes.iter().filter_map(ValueEnum::to_possible_value);
    PossibleValuesParser::new(values).try_map(|name| ModeName::from_str(&name, false))
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Mode {
        match name {
            ModeName::Append => Mode::Append,
            ModeName::Upsert => Mode::Upsert,
            ModeName::Ignore => Mode::Ignore,
            ModeName::ReplaceRange => Mode::ReplaceRange,
            ModeName::Replace => Mode::Replace,
        }
    }
}
