//! The primitive fields of FORMAT.md: little-endian, unsigned LEB128 numbers,
//! length-prefixed texts. Reading never trusts a length.

use std::sync::Arc;

/// Bytes that are not what FORMAT.md says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("byte {at}: {what}")]
    Broken { at: usize, what: &'static str },
    #[error("{what} {code} is of a newer format")]
    Newer { what: &'static str, code: u64 },
}

#[derive(Debug, Default)]
pub struct Encoder(pub Vec<u8>);

impl Encoder {
    pub fn u8(&mut self, v: u8) {
        self.0.push(v);
    }

    pub fn fixed64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub fn num(&mut self, v: impl Into<u64>) {
        let mut v: u64 = v.into();
        while v >= 0x80 {
            self.0.push((v as u8) | 0x80);
            v >>= 7;
        }
        self.0.push(v as u8);
    }

    pub fn len(&mut self, v: usize) {
        self.num(v as u64);
    }

    /// Zigzag, for numbers of either sign.
    pub fn int(&mut self, v: i64) {
        self.num(((v << 1) ^ (v >> 63)) as u64);
    }

    pub fn bytes(&mut self, v: &[u8]) {
        self.len(v.len());
        self.0.extend_from_slice(v);
    }

    pub fn text(&mut self, v: &str) {
        self.bytes(v.as_bytes());
    }

    pub fn flag(&mut self, v: bool) {
        self.u8(u8::from(v));
    }

    pub fn option<T>(&mut self, v: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.flag(v.is_some());
        if let Some(v) = v {
            put(self, v);
        }
    }

    pub fn list<T>(&mut self, items: &[T], mut put: impl FnMut(&mut Self, &T)) {
        self.len(items.len());
        for item in items {
            put(self, item);
        }
    }

    /// A part that a reader can step over.
    pub fn framed(&mut self, put: impl FnOnce(&mut Self)) {
        let mut inner = Encoder::default();
        put(&mut inner);
        self.bytes(&inner.0);
    }
}

#[derive(Clone, Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

pub type Decoded<T> = Result<T, Malformed>;

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Decoder { bytes, at: 0 }
    }

    pub fn broken<T>(&self, what: &'static str) -> Decoded<T> {
        Err(Malformed::Broken { at: self.at, what })
    }

    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub fn finish(&self) -> Decoded<()> {
        if self.is_empty() { Ok(()) } else { self.broken("bytes after the end") }
    }

    fn take(&mut self, n: usize) -> Decoded<&'a [u8]> {
        match self.bytes[self.at..].get(..n) {
            Some(part) => {
                self.at += n;
                Ok(part)
            }
            None => self.broken("cut short"),
        }
    }

    pub fn u8(&mut self) -> Decoded<u8> {
        Ok(self.take(1)?[0])
    }

    pub fn fixed64(&mut self) -> Decoded<u64> {
        let mut word = [0; 8];
        word.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(word))
    }

    pub fn num(&mut self) -> Decoded<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                return self.broken("number past 64 bits");
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    return self.broken("number not in its shortest form");
                }
                return Ok(value);
            }
        }
        self.broken("number past 64 bits")
    }

    pub fn num32(&mut self) -> Decoded<u32> {
        match u32::try_from(self.num()?) {
            Ok(v) => Ok(v),
            Err(_) => self.broken("number past 32 bits"),
        }
    }

    pub fn int(&mut self) -> Decoded<i64> {
        let v = self.num()?;
        Ok((v >> 1) as i64 ^ -((v & 1) as i64))
    }

    /// A count of things that take at least one byte each.
    pub fn len(&mut self) -> Decoded<usize> {
        let n = self.num()?;
        if n > (self.bytes.len() - self.at) as u64 {
            return self.broken("length past the end");
        }
        Ok(n as usize)
    }

    pub fn bytes(&mut self) -> Decoded<&'a [u8]> {
        let n = self.len()?;
        self.take(n)
    }

    pub fn text(&mut self) -> Decoded<&'a str> {
        let bytes = self.bytes()?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) => self.broken("text that is not UTF-8"),
        }
    }

    pub fn arc_text(&mut self) -> Decoded<Arc<str>> {
        Ok(Arc::from(self.text()?))
    }

    pub fn flag(&mut self) -> Decoded<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.broken("flag that is neither 0 nor 1"),
        }
    }

    pub fn option<T>(&mut self, get: impl FnOnce(&mut Self) -> Decoded<T>) -> Decoded<Option<T>> {
        if self.flag()? { get(self).map(Some) } else { Ok(None) }
    }

    pub fn list<T>(&mut self, mut get: impl FnMut(&mut Self) -> Decoded<T>) -> Decoded<Vec<T>> {
        let n = self.len()?;
        let mut items = Vec::with_capacity(n.min(1 << 16));
        for _ in 0..n {
            items.push(get(self)?);
        }
        Ok(items)
    }

    pub fn framed(&mut self) -> Decoded<Decoder<'a>> {
        Ok(Decoder::new(self.bytes()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_read_back(v in any::<u64>(), i in any::<i64>(), t in any::<String>()) {
            let mut e = Encoder::default();
            e.num(v);
            e.int(i);
            e.text(&t);
            let mut d = Decoder::new(&e.0);
            prop_assert_eq!(d.num(), Ok(v));
            prop_assert_eq!(d.int(), Ok(i));
            prop_assert_eq!(d.text(), Ok(t.as_str()));
            prop_assert!(d.finish().is_ok());
        }

        #[test]
        fn any_bytes_are_an_answer_not_a_panic(bytes in any::<Vec<u8>>()) {
            let mut d = Decoder::new(&bytes);
            let _ = d.clone().num();
            let _ = d.clone().text();
            let _ = d.list(|d| d.list(|d| d.num()));
        }
    }

    #[test]
    fn one_spelling_a_number() {
        assert!(Decoder::new(&[0x80, 0x00]).num().is_err());
        assert!(Decoder::new(&[0xff; 10]).num().is_err());
        assert_eq!(
            Decoder::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).num(),
            Ok(u64::MAX)
        );
        assert!(Decoder::new(&[5, 1, 2]).bytes().is_err());
    }
}
