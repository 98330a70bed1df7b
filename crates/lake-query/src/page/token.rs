//! A page token: where to go on, bound to one lake, one version and one question. It is
//! opaque, but no secret; the checksum finds what was changed by accident, and whoever
//! makes one up gets no more than rows that a query gives as well.

use lake_cli::{Failure, token};
use lake_core::frame::hash;
use serde_json::{Value, json};

use super::Place;

/// The layout of what is inside.
const FORM: u64 = 1;
const SUM: usize = 8;
/// A command line holds 128 KiB.
const LONGEST: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) lake: String,
    pub(crate) version: u64,
    /// A hash of what is asked and in which order.
    pub(crate) question: u64,
    pub(crate) place: Place,
}

impl Token {
    pub(crate) fn encode(&self) -> Result<String, Failure> {
        let Place { last, given } = &self.place;
        let inside = json!([FORM, self.lake, self.version, self.question, last, given]);
        let mut bytes = inside.to_string().into_bytes();
        bytes.extend(hash(&bytes).to_le_bytes());
        if bytes.len() > LONGEST {
            return Err(Failure::bad_input("the values to order by are too long for a page token")
                .hint("order by columns with shorter values"));
        }
        Ok(token::encode(&bytes))
    }

    pub(crate) fn decode(text: &str) -> Result<Token, Failure> {
        let bytes = token::decode(text);
        let inside = bytes.as_deref().and_then(checked);
        inside.and_then(|inside| read(&inside)).ok_or_else(|| {
            Failure::bad_input("--after is not a page token, or not all of one")
                .hint("take it from the page before as it is, or leave it away to begin anew")
        })
    }
}

fn checked(bytes: &[u8]) -> Option<Value> {
    let (inside, sum) = bytes.split_at(bytes.len().checked_sub(SUM)?);
    let same = hash(inside).to_le_bytes() == sum;
    same.then(|| serde_json::from_slice(inside).ok()).flatten()
}

fn read(inside: &Value) -> Option<Token> {
    let [form, lake, version, question, last, given] = inside.as_array()?.as_slice() else {
        return None;
    };
    let value = |value: &Value| match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.clone())),
        _ => None,
    };
    let last = last.as_array()?.iter().map(value).collect::<Option<_>>()?;
    (form.as_u64()? == FORM).then_some(())?;
    Some(Token {
        lake: lake.as_str()?.to_owned(),
        version: version.as_u64()?,
        question: question.as_u64()?,
        place: Place { last, given: given.as_u64()? },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Token {
        let last = vec![Some("it's \u{8305}\0".into()), None, Some(String::new())];
        let place = Place { last, given: 3 };
        Token { lake: "abc".into(), version: 42, question: u64::MAX, place }
    }

    #[test]
    fn it_comes_back() {
        let text = sample().encode().unwrap();
        assert_eq!(Token::decode(&text).unwrap(), sample());
    }

    #[test]
    fn what_was_changed_is_refused() {
        let text = sample().encode().unwrap();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Token::decode(&changed).is_err(), "{at}");
            assert!(Token::decode(&text[..at]).is_err(), "{at}");
        }
        for junk in ["", "x", "no token", &format!("{text}{text}")] {
            assert_eq!(Token::decode(junk).unwrap_err().kind.exit_code(), 2, "{junk}");
        }
    }

    #[test]
    fn long_values_have_no_token() {
        let mut token = sample();
        token.place.last = vec![Some("x".repeat(LONGEST))];
        assert_eq!(token.encode().unwrap_err().kind.exit_code(), 2);
    }
}
