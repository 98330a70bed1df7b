//! A file whose bytes are packed on their way.

use std::io::{self, BufWriter, Write};

use flate2::write::GzEncoder;
use lake_store::NewFile;

use crate::form::Pack;

const BUFFER: usize = 256 * 1024;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

type Buffered = BufWriter<NewFile>;

pub(crate) enum Packed {
    Not(Buffered),
    Gzip(GzEncoder<Buffered>),
    Zstd(zstd::Encoder<'static, Buffered>),
}

impl Packed {
    pub(crate) fn new(pack: Pack, file: NewFile) -> io::Result<Packed> {
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(match pack {
            Pack::None => Packed::Not(file),
            Pack::Gzip => Packed::Gzip(GzEncoder::new(file, flate2::Compression::default())),
            Pack::Zstd => Packed::Zstd(zstd::Encoder::new(file, ZSTD_LEVEL)?),
        })
    }

    /// Writes what is held back, and closes.
    pub(crate) fn finish(self) -> io::Result<()> {
        let file = match self {
            Packed::Not(file) => file,
            Packed::Gzip(encoder) => encoder.finish()?,
            Packed::Zstd(encoder) => encoder.finish()?,
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(file.close()?)
    }
}

impl Write for Packed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Packed::Not(out) => out.write(bytes),
            Packed::Gzip(out) => out.write(bytes),
            Packed::Zstd(out) => out.write(bytes),
        }
    }

    /// A flush in the middle would cost packing.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
