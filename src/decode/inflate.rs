//! gzip and zlib, with a limit on what comes out.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

/// What a stream says.
#[derive(Clone, Debug)]
pub struct Inflated {
    /// The name of the format in reports.
    pub name: &'static str,
    /// The bytes, up to the limit or to where the stream is damaged.
    pub bytes: Vec<u8>,
    /// There was more.
    pub cut: bool,
}

/// Does a stream of a known kind begin so?
pub fn is_stream(head: &[u8]) -> bool {
    matches!(head, [0x1f, 0x8b, 8, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
}

/// Inflates a gzip or zlib stream; nothing if it is none.
pub fn inflate(bytes: &[u8], limit: usize) -> Option<Inflated> {
    let (name, mut reader): (_, Box<dyn Read>) = match bytes {
        [0x1f, 0x8b, 8, ..] => ("gzip", Box::new(MultiGzDecoder::new(bytes))),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => ("zlib", Box::new(ZlibDecoder::new(bytes))),
        _ => return None,
    };
    let mut out = Vec::new();
    // What came out before an error is text, too: a stream that was cut off by hand, or that goes on behind the region.
    let _ = reader.by_ref().take(limit as u64 + 1).read_to_end(&mut out);
    let cut = out.len() > limit;
    out.truncate(limit);
    (!out.is_empty()).then_some(Inflated { name, bytes: out, cut })
}
