//! Zlib streams of pack entries and loose objects.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::ZlibDecoder;
use flate2::{Decompress, FlushDecompress, Status};

/// Most bytes that deflate can make out of one.
pub(super) const MAX_RATIO: u64 = 1032;

/// A reusable inflater.
#[derive(Debug)]
pub struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Inflater {
    /// Inflates one stream at the start of `input` to exactly `size` bytes in `out`; checks zlib's checksum.
    pub fn exact(&mut self, input: &[u8], size: u64, out: &mut Vec<u8>) -> Result<(), &'static str> {
        out.clear();
        if size > (input.len() as u64 + 64).saturating_mul(MAX_RATIO) {
            return Err("its size cannot be what its header says");
        }
        let size = usize::try_from(size).map_err(|_| "it is too large for this machine")?;
        // One more byte, so that a stream that is longer than it should be shows.
        out.try_reserve_exact(size + 1).map_err(|_| "there is not enough memory for it")?;
        self.0.reset(true);
        let status =
            self.0.decompress_vec(input, out, FlushDecompress::Finish).map_err(|_| "its zlib stream is damaged")?;
        match status {
            Status::StreamEnd if out.len() == size => Ok(()),
            Status::StreamEnd => Err("its size differs from its header"),
            _ if out.len() > size => Err("its size differs from its header"),
            _ => Err("its zlib stream is cut off"),
        }
    }

    /// Inflates a whole stream of unknown size, at most `limit` bytes.
    pub fn all(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
        out.clear();
        self.0.reset(true);
        loop {
            if out.len() >= limit {
                return Err("it is larger than the limit");
            }
            out.try_reserve((out.len() + 4096).min(limit - out.len() + 1))
                .map_err(|_| "there is not enough memory for it")?;
            let (before_in, before_out) = (self.0.total_in(), out.len());
            let rest = &input[(before_in as usize).min(input.len())..];
            match self.0.decompress_vec(rest, out, FlushDecompress::None).map_err(|_| "its zlib stream is damaged")? {
                Status::StreamEnd => return Ok(()),
                _ if self.0.total_in() == before_in && out.len() == before_out => {
                    return Err("its zlib stream is cut off");
                }
                _ => {}
            }
        }
    }
}

/// What one stream inflates to, read piece by piece. Going back means to start again.
#[derive(Debug)]
pub struct Content<'p> {
    input: Input<'p>,
    decoder: Decoder<'p>,
    size: u64,
    at: u64,
}

/// Where a stream is.
#[derive(Clone, Debug)]
enum Input<'p> {
    Bytes(&'p [u8]),
    /// A file; so many bytes stand before the content.
    File(PathBuf, u64),
}

#[derive(Debug)]
enum Decoder<'p> {
    Bytes(ZlibDecoder<&'p [u8]>),
    File(ZlibDecoder<BufReader<File>>),
}

impl<'p> Input<'p> {
    /// Begins at the start of the content.
    fn open(&self) -> io::Result<Decoder<'p>> {
        match self {
            Self::Bytes(bytes) => Ok(Decoder::Bytes(ZlibDecoder::new(bytes))),
            Self::File(path, head) => {
                let mut decoder = ZlibDecoder::new(BufReader::with_capacity(1 << 16, File::open(path)?));
                io::copy(&mut decoder.by_ref().take(*head), &mut io::sink())?;
                Ok(Decoder::File(decoder))
            }
        }
    }
}

impl<'p> Content<'p> {
    /// The stream at the start of `input`, which must inflate to `size` bytes.
    pub fn new(input: &'p [u8], size: u64) -> Self {
        Self { input: Input::Bytes(input), decoder: Decoder::Bytes(ZlibDecoder::new(input)), size, at: 0 }
    }

    /// The stream in a file, which must inflate to `head` bytes and then `size` others, which are the content.
    pub fn of_file(path: &Path, head: u64, size: u64) -> io::Result<Self> {
        let input = Input::File(path.to_owned(), head);
        let Decoder::File(decoder) = input.open()? else { return Err(io::ErrorKind::InvalidInput.into()) };
        Ok(Self { input, decoder: Decoder::File(decoder), size, at: 0 })
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.decoder {
            Decoder::Bytes(decoder) => decoder.read(buffer),
            Decoder::File(decoder) => decoder.read(buffer),
        };
        let read = read.map_err(|_| io::Error::other("its zlib stream is damaged"))?;
        self.at += read as u64;
        let ended = read == 0 && !buffer.is_empty();
        if self.at > self.size || ended && self.at < self.size {
            return Err(io::Error::other("its size differs from its header"));
        }
        Ok(read)
    }
}

impl Seek for Content<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        let to = to.ok_or(io::ErrorKind::InvalidInput)?;
        if to < self.at {
            (self.decoder, self.at) = (self.input.open()?, 0);
        }
        let skipped = to - self.at;
        io::copy(&mut self.by_ref().take(skipped), &mut io::sink())?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn content_is_read_from_anywhere() {
        let bytes: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        let (stream, size) = (deflated(&bytes), bytes.len() as u64);
        let mut content = Content::new(&stream, size);
        for from in [0, 100, 50, 799_999, 3, 800_000] {
            content.seek(SeekFrom::Start(from)).unwrap();
            let mut rest = Vec::new();
            content.read_to_end(&mut rest).unwrap();
            assert!(rest == bytes[from as usize..], "{from}");
        }
        assert_eq!(content.seek(SeekFrom::End(-10)).unwrap(), size - 10);
        assert_eq!(content.seek(SeekFrom::Current(-10)).unwrap(), size - 20);
        assert!(content.seek(SeekFrom::Current(-1_000_000)).is_err());
    }

    #[test]
    fn content_of_a_file_begins_behind_its_head() {
        let bytes = [b"blob 60000\0".to_vec(), b"line\n".repeat(12_000)].concat();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), deflated(&bytes)).unwrap();
        let mut content = Content::of_file(file.path(), 11, 60_000).unwrap();
        for from in [0, 50_000, 5] {
            content.seek(SeekFrom::Start(from)).unwrap();
            let mut rest = Vec::new();
            content.read_to_end(&mut rest).unwrap();
            assert!(rest == bytes[11 + from as usize..], "{from}");
        }
        assert!(Content::of_file(file.path(), 11, 60_001).unwrap().read_to_end(&mut Vec::new()).is_err());
    }

    #[test]
    fn content_of_another_size_or_damaged_is_an_error() {
        let bytes = b"some text ".repeat(10_000);
        let stream = deflated(&bytes);
        let read = |stream: &[u8], size: usize| Content::new(stream, size as u64).read_to_end(&mut Vec::new());
        assert_eq!(read(&stream, bytes.len()).unwrap(), bytes.len());
        let mut damaged = stream.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for (stream, size) in [
            (&stream[..], bytes.len() - 1),
            (&stream, bytes.len() + 1),
            (&stream[..stream.len() / 2], bytes.len()),
            (&damaged, bytes.len()),
        ] {
            assert!(read(stream, size).is_err(), "{size}");
        }
    }
}
