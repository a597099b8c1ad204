//! Compressed streams, and the meter that everything which is decompressed goes through.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::{LzmaReader, XzReader};
use ruzstd::decoding::StreamingDecoder;

/// Most memory that a stream may ask for its window.
const WINDOW: u64 = 128 << 20;

/// A format of one compressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Format {
    /// The name in reports.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}

/// Tells a stream by its first bytes.
pub(super) fn format(head: &[u8]) -> Option<Format> {
    match head {
        [0x1f, 0x8b, 8, ..] => Some(Format::Gzip),
        // The second half is the mark of a block, or of the end.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, ..] => Some(Format::Bzip2),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Format::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Format::Zstd),
        _ => None,
    }
}

/// Makes the decoder of a format.
pub(super) fn decoder<'r>(reader: impl Read + 'r, format: Format) -> io::Result<Box<dyn Read + 'r>> {
    Ok(match format {
        Format::Gzip => Box::new(MultiGzDecoder::new(reader)),
        Format::Bzip2 => Box::new(MultiBzDecoder::new(reader)),
        Format::Xz => xz(reader)?,
        Format::Zstd => Box::new(StreamingDecoder::new_with_max_window_size(reader, WINDOW).map_err(io::Error::other)?),
    })
}

/// Refuses a stream that wants more memory than any that people make (`xz -9` wants 64 MiB).
fn xz<'r>(mut reader: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut head = Vec::new();
    reader.by_ref().take(64).read_to_end(&mut head)?;
    // 12 bytes of header, then the first block: size, flags, filters; the window is the one byte of LZMA2's properties.
    let block = head.get(14..).unwrap_or_default();
    let window = block.windows(3).find(|w| w[..2] == [0x21, 0x01]).map_or(0, |w| u64::from(w[2]));
    let bytes = (2 | (window & 1)) << (window / 2 + 11);
    if window > 40 || bytes > WINDOW {
        return Err(io::Error::other("it wants more memory than is given to one stream"));
    }
    Ok(Box::new(XzReader::new(io::Cursor::new(head).chain(reader), true)))
}

/// The LZMA of a zip member: a version, the size of the properties, and these.
pub(super) fn zip_lzma<'r>(mut reader: impl Read + 'r, size: u64) -> io::Result<Box<dyn Read + 'r>> {
    let mut head = [0; 9];
    reader.read_exact(&mut head)?;
    let [_, _, 5, 0, properties, window @ ..] = head else {
        return Err(io::Error::other("its LZMA has other properties than are known"));
    };
    let window = u32::from_le_bytes(window);
    if u64::from(window) > WINDOW {
        return Err(io::Error::other("it wants more memory than is given to one stream"));
    }
    let decoder = LzmaReader::new_with_props(reader, size, properties, window, None).map_err(io::Error::other)?;
    Ok(Box::new(decoder))
}

/// Bytes that may still be decompressed.
#[derive(Debug)]
pub(super) struct Meter {
    limit: u64,
    left: Cell<u64>,
    over: Cell<bool>,
}

impl Meter {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, left: Cell::new(limit), over: Cell::new(false) }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Counts bytes; false if these are too many.
    pub(super) fn spend(&self, bytes: u64) -> bool {
        match self.left.get().checked_sub(bytes) {
            Some(left) => self.left.set(left),
            None => self.over.set(true),
        }
        !self.over.get()
    }
}

/// A reader whose bytes are counted, and which ends where it fails or where the limit is reached. Whoever reads gets what
/// could be read, and the error is kept.
pub(super) struct Metered<'m, R> {
    inner: R,
    meter: &'m Meter,
    error: &'m RefCell<Option<String>>,
}

impl<'m, R: Read> Metered<'m, R> {
    pub(super) fn new(inner: R, meter: &'m Meter, error: &'m RefCell<Option<String>>) -> Self {
        Self { inner, meter, error }
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.is_over() || self.error.borrow().is_some() {
            return Ok(0);
        }
        match self.inner.read(buffer) {
            Ok(n) => Ok(if self.meter.spend(n as u64) { n } else { 0 }),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                self.error.replace(Some(e.to_string()));
                Ok(0)
            }
        }
    }
}
