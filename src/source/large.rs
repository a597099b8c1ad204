//! Blobs that are too large to be held in memory: found by the few bytes that tell their size, and read piece by piece.
//!
//! What a pack holds as changes of another object cannot be read so: copies come from anywhere in that one.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::ZlibDecoder;

use crate::source::HUGE;
use crate::source::inflate::{Content, MAX_RATIO};
use crate::source::objects::Objects;
use crate::source::pack::{ObjectKind, Pack};
use crate::source::verify;

/// Longest head of a loose object.
const HEAD: usize = 64;

impl Objects {
    /// A blob larger than [`HUGE`], if it can be read piece by piece and is what its id says.
    pub fn large(&self, id: &gix::oid) -> Option<Content<'_>> {
        match self.loose_path(id) {
            Some(path) => LargeFile::at(path)?.content(id),
            None => self.packs().iter().find_map(|pack| pack.large(id)),
        }
    }
}

impl Pack {
    fn large(&self, id: &gix::oid) -> Option<Content<'_>> {
        let entry = self.entry_of(id)?;
        (entry.kind == Some(ObjectKind::Blob) && entry.size > HUGE).then(|| self.content(&entry).ok())?
    }
}

/// A loose blob larger than [`HUGE`].
pub(super) struct LargeFile<'p> {
    path: &'p Path,
    head: Vec<u8>,
    size: u64,
}

impl<'p> LargeFile<'p> {
    /// Looks at the first bytes of a loose object.
    pub(super) fn at(path: &'p Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        if file.metadata().ok()?.len() < HUGE / MAX_RATIO {
            return None;
        }
        let mut decoder = ZlibDecoder::new(BufReader::new(file));
        let mut head = Vec::new();
        decoder.by_ref().take(HEAD as u64).read_to_end(&mut head).ok()?;
        head.truncate(head.iter().position(|b| *b == 0)?);
        let size = std::str::from_utf8(&head).ok()?.strip_prefix("blob ")?.parse::<u64>().ok()?;
        head.push(0);
        (size > HUGE).then_some(Self { path, head, size })
    }

    /// What it holds, if its bytes have this id.
    pub(super) fn content(&self, id: &gix::oid) -> Option<Content<'static>> {
        let content = || Content::of_file(self.path, self.head.len() as u64, self.size).ok();
        let sum = verify::sum_of(&mut self.head.as_slice().chain(content()?), id.kind()).ok()?;
        (sum == id.as_bytes()).then(content)?
    }
}
