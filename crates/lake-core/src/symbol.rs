//! The value of a partition column, and how it becomes a directory name: one
//! spelling per value, readable back, unable to leave the lake.

use std::fmt;
use std::sync::Arc;

use unicode_normalization::is_nfc;

/// The longest symbol, in bytes of UTF-8.
pub const MAX_SYMBOL: usize = 80;

/// A validated partition value. It is text always: `000001` is not 1, and the
/// ticker `NULL` is not SQL's NULL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot be a partition value: {reason}")]
pub struct BadSymbol {
    pub text: String,
    pub reason: &'static str,
}

impl Symbol {
    pub fn new(text: &str) -> Result<Symbol, BadSymbol> {
        match refusal(text) {
            None => Ok(Symbol(Arc::from(text))),
            Some(reason) => Err(BadSymbol { text: text.chars().take(100).collect(), reason }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory-safe spelling.
    pub fn encode(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for (at, &b) in self.0.as_bytes().iter().enumerate() {
            let plain =
                b.is_ascii_alphanumeric() || b == b'_' || ((b == b'-' || b == b'.') && at > 0);
            if plain && !(at == 0 && has_meaning_elsewhere(&self.0)) {
                out.push(b as char);
            } else {
                const HEX: [char; 16] = [
                    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
                ];
                out.extend(['%', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
            }
        }
        out
    }

    /// Reads `encode`'s spelling back; every other spelling is refused.
    pub fn decode(name: &str) -> Result<Symbol, BadSymbol> {
        let bad = |reason| BadSymbol { text: name.chars().take(300).collect(), reason };
        let mut bytes = Vec::with_capacity(name.len());
        let mut rest = name.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            if first != b'%' {
                bytes.push(first);
                rest = tail;
                continue;
            }
            let digits = tail.get(..2).and_then(|d| std::str::from_utf8(d).ok());
            let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
            bytes.push(byte.ok_or_else(|| bad("a % without two hexadecimal digits"))?);
            rest = &tail[2..];
        }
        let text = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8"))?;
        let symbol = Symbol::new(&text)?;
        if symbol.encode() == name { Ok(symbol) } else { Err(bad("it is spelled otherwise")) }
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Symbol {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Why a text cannot be a symbol, if it cannot.
fn refusal(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > MAX_SYMBOL {
        return Some("it is longer than 80 bytes");
    }
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return None;
    }
    if text.chars().any(char::is_control) {
        return Some("it has a control character");
    }
    if text.chars().any(is_hidden) {
        return Some("it has an invisible or direction-changing character");
    }
    (!is_nfc(text)).then_some("it is not in Unicode normalization form C")
}

/// Characters that make two different names look alike or run backwards.
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Names that hive readers take for NULL, and Windows for a device. Their first
/// letter is escaped, which every reader undoes.
fn has_meaning_elsewhere(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or(text);
    let device = |s: &str| {
        let numbered = |p: &str| {
            s.len() == 4
                && s.get(..3).is_some_and(|h| h.eq_ignore_ascii_case(p))
                && s.as_bytes()[3].is_ascii_digit()
        };
        ["CON", "PRN", "AUX", "NUL"].iter().any(|d| s.eq_ignore_ascii_case(d))
            || numbered("COM")
            || numbered("LPT")
    };
    text.eq_ignore_ascii_case("NULL")
        || text.eq_ignore_ascii_case("__HIVE_DEFAULT_PARTITION__")
        || device(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nasty_names_stay_inside() {
        for (text, name) in [
            ("600519", "600519"),
            ("BRK.B", "BRK.B"),
            ("BTC/USD", "BTC%2FUSD"),
            (".", "%2E"),
            ("..", "%2E."),
            ("../x", "%2E.%2Fx"),
            ("-x", "%2Dx"),
            ("A=B", "A%3DB"),
            ("A[1]", "A%5B1%5D"),
            ("A*?", "A%2A%3F"),
            ("{a}", "%7Ba%7D"),
            ("a\\b", "a%5Cb"),
            ("x'); DROP", "x%27%29%3B%20DROP"),
            ("a\"b", "a%22b"),
            ("50%", "50%25"),
            ("NULL", "%4EULL"),
            ("null", "%6Eull"),
            ("__HIVE_DEFAULT_PARTITION__", "%5F_HIVE_DEFAULT_PARTITION__"),
            ("CON", "%43ON"),
            ("com1.txt", "%63om1.txt"),
            ("\u{8305}\u{53f0}", "%E8%8C%85%E5%8F%B0"),
        ] {
            let symbol = Symbol::new(text).unwrap();
            assert_eq!(symbol.encode(), name);
            assert_eq!(Symbol::decode(name), Ok(symbol));
        }
    }

    #[test]
    fn refused_with_the_reason() {
        let long = "x".repeat(81);
        for (text, word) in [
            ("", "empty"),
            (long.as_str(), "80 bytes"),
            ("a\0b", "control"),
            ("a\nb", "control"),
            ("a\u{85}", "control"),
            ("a\u{202e}b", "direction"),
            ("a\u{200b}b", "invisible"),
            ("e\u{301}", "normalization"),
        ] {
            let error = Symbol::new(text).unwrap_err();
            assert!(error.reason.contains(word), "{text:?}: {error}");
        }
        for name in ["%2f", "%2", "%", "%41", "a/b", "%FF", "%00", "a%2E", "%2E%2E", "NULL"] {
            assert!(Symbol::decode(name).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_symbol_reads_back(text in any::<String>()) {
            let Ok(symbol) = Symbol::new(&text) else { return Ok(()) };
            let name = symbol.encode();
            let safe = |b: u8| b.is_ascii_alphanumeric() || b"_-.%".contains(&b);
            prop_assert!(name.bytes().all(safe));
            prop_assert!(name.len() <= 240 && !name.starts_with(['.', '-']));
            prop_assert_eq!(Symbol::decode(&name), Ok(symbol));
        }

        #[test]
        fn short_texts_too(text in "\\PC{1,8}") {
            if let Ok(symbol) = Symbol::new(&text) {
                prop_assert_eq!(Symbol::decode(&symbol.encode()), Ok(symbol));
            }
        }

        #[test]
        fn a_name_that_decodes_is_the_one_spelling(name in "[%0-9A-Fa-z._=/-]{1,12}") {
            if let Ok(symbol) = Symbol::decode(&name) {
                prop_assert_eq!(symbol.encode(), name);
            }
        }
    }
}
