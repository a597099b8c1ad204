//! Zlib streams of pack entries and loose objects.

use flate2::{Decompress, FlushDecompress, Status};

/// Most bytes that deflate can make out of one.
const MAX_RATIO: u64 = 1032;

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
