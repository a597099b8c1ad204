//! tar, as a stream: also the layers of container images.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::{Note, Walker};

/// Does a header with a right checksum stand here? Old archives have no other mark.
pub(super) fn is_tar(head: &[u8]) -> bool {
    let Some(head) = head.first_chunk::<512>() else { return false };
    let field = head[148..156].trim_ascii_end();
    let field = field.split(|b| *b == 0).next().unwrap_or_default().trim_ascii();
    let Some(sum) = std::str::from_utf8(field).ok().and_then(|f| u32::from_str_radix(f, 8).ok()) else { return false };
    let of = |(i, b): (usize, &u8)| if (148..156).contains(&i) { 32 } else { u32::from(*b) };
    sum == head.iter().enumerate().map(of).sum::<u32>()
}

/// Counts what is read.
struct Counted<'r> {
    reader: &'r mut dyn Read,
    count: Rc<Cell<u64>>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

impl Walker<'_> {
    pub(super) fn tar(&mut self, reader: &mut dyn Read, depth: u8) {
        self.at.via.push("tar");
        let count = Rc::new(Cell::new(0));
        let mut archive = tar::Archive::new(Counted { reader, count: Rc::clone(&count) });
        // Where the content of the last member ends. Some tools leave out what fills the block, and the end of the archive.
        let mut end = None;
        match archive.entries() {
            Ok(entries) => {
                for entry in entries {
                    match entry {
                        Ok(mut entry) => {
                            let kind = entry.header().entry_type();
                            end = (!kind.is_gnu_sparse()).then(|| entry.raw_file_position() + entry.size());
                            if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()) {
                                continue;
                            }
                            let name = entry.path_bytes().into_owned();
                            if !self.member(&name, &mut entry, depth) {
                                break;
                            }
                        }
                        Err(e) => {
                            let whole = end == Some(count.get());
                            if !whole && !self.is_over() {
                                self.note(Note::Damaged(e.to_string()));
                            }
                            break;
                        }
                    }
                }
            }
            Err(e) => self.note(Note::Damaged(e.to_string())),
        }
        self.at.via.pop();
    }
}
