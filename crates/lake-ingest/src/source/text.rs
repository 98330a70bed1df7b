//! Values from text: exact or refused, never guessed and never rounded.

use std::fmt::Display;
use std::str::FromStr;

use lake_core::types::Type;

/// What is wrong with a text, to be said after it: `"abc" is not a DOUBLE`.
pub(crate) type Why = String;

fn not_a<T>(ty: impl Display) -> Result<T, Why> {
    Err(format!("is not {} {ty}", article(&ty.to_string())))
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['I', 'U']) { "an" } else { "a" }
}

/// How much of a bad value is shown.
const SHOWN: usize = 60;

/// A value as an error shows it.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Blanks around a value that is no text mean nothing.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

pub(crate) fn integer<T: FromStr<Err = std::num::ParseIntError>>(
    text: &str,
    ty: &Type,
    least: impl Display,
    most: impl Display,
) -> Result<T, Why> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse().or_else(|e: std::num::ParseIntError| match e.kind() {
        PosOverflow | NegOverflow => Err(format!("does not fit {ty} ({least} to {most})")),
        _ if text.strip_prefix('-').is_some_and(|t| t.parse::<u64>().is_ok()) => {
            Err(format!("does not fit {ty} ({least} to {most})"))
        }
        _ => not_a(ty),
    })
}

pub(crate) fn boolean(text: &str) -> Result<bool, Why> {
    let is = |words: [&str; 3]| words.iter().any(|w| text.eq_ignore_ascii_case(w));
    match () {
        () if is(["true", "t", "1"]) => Ok(true),
        () if is(["false", "f", "0"]) => Ok(false),
        () => not_a(Type::Boolean),
    }
}

/// A float that can say whether it is one.
pub(crate) trait Float: FromStr {
    fn is_infinite(&self) -> bool;
}
impl Float for f32 {
    fn is_infinite(&self) -> bool {
        f32::is_infinite(*self)
    }
}
impl Float for f64 {
    fn is_infinite(&self) -> bool {
        f64::is_infinite(*self)
    }
}

pub(crate) fn float<T: Float>(text: &str, ty: &Type) -> Result<T, Why> {
    let value: T = match text.parse() {
        Ok(value) => value,
        Err(_) => return not_a(ty),
    };
    if value.is_infinite() && text.bytes().any(|b| b.is_ascii_digit()) {
        return Err(format!("is too large for {ty}"));
    }
    Ok(value)
}

/// The unscaled value of a DECIMAL(precision, scale).
pub(crate) fn decimal(text: &str, precision: u8, scale: u8) -> Result<i128, Why> {
    let ty = Type::Decimal { precision, scale };
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i32>().ok()),
        None => (rest, Some(0)),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let Some(exponent) = exponent.filter(|_| digits(whole) && digits(part)) else {
        return not_a(ty);
    };
    if whole.len() + part.len() == 0 {
        return not_a(ty);
    }
    // The digits are `0.d1 d2 d3 ...` times ten to the power of `point`.
    let all = whole.bytes().chain(part.bytes());
    let point = whole.len() as i64 + i64::from(exponent);
    let mut unscaled: i128 = 0;
    for (place, digit) in (1..).zip(all).filter(|(_, d)| *d != b'0') {
        let power = i64::from(scale) + point - place;
        if power < 0 {
            return Err(format!("has more than the {scale} decimals of {ty}"));
        }
        let add = (power < 39)
            .then(|| i128::from(digit - b'0').checked_mul(10i128.checked_pow(power as u32)?))
            .flatten()
            .and_then(|add| unscaled.checked_add(add));
        match add.filter(|sum| *sum < 10i128.pow(u32::from(precision))) {
            Some(sum) => unscaled = sum,
            None => return Err(format!("does not fit {ty}")),
        }
    }
    Ok(if negative { -unscaled } else { unscaled })
}

/// Base64 with its padding, or `\x` and hexadecimal digits.
pub(crate) fn blob(text: &str) -> Result<Vec<u8>, Why> {
    use base64::Engine;
    let bad = || Err("is neither base64 nor \\x and hexadecimal digits".to_owned());
    let Some(hex) = text.strip_prefix("\\x") else {
        return base64::engine::general_purpose::STANDARD.decode(text).or_else(|_| bad());
    };
    if hex.len() % 2 != 0 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return bad();
    }
    let nibble = |b: u8| char::from(b).to_digit(16).map_or(0, |d| d as u8);
    Ok(hex.as_bytes().chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect())
}
