//! zip and what is made of it: jar, apk, wheels, nupkg, office documents.

use std::io::{Cursor, Read};
use std::ops::Range;

use flate2::read::DeflateDecoder;
use memchr::memmem;
use zip::ZipArchive;
use zip::result::ZipError;

use super::stream::{self, Format};
use super::{Note, Walker};

/// Compression methods that are read by their own decoders.
const METHODS: [(u16, Format); 2] = [(93, Format::Zstd), (95, Format::Xz)];

/// LZMA as zip has it, without a container of its own.
const LZMA: u16 = 14;

impl Walker<'_> {
    pub(super) fn zip(&mut self, bytes: &[u8], depth: u8) {
        self.at.via.push("zip");
        match ZipArchive::new(Cursor::new(bytes)) {
            Ok(mut archive) => {
                let mut seen = Vec::new();
                for index in 0..archive.len() {
                    seen.extend(archive.by_index_raw(index).ok().map(|file| {
                        let data = file.data_start().unwrap_or(file.header_start());
                        file.header_start()..data.saturating_add(file.compressed_size())
                    }));
                    if !self.zip_member(&mut archive, index, depth) {
                        break;
                    }
                }
                seen.sort_by_key(|member| member.start);
                self.salvage(bytes, &seen, depth);
            }
            Err(e) => {
                self.note(note(&e));
                self.salvage(bytes, &[], depth);
            }
        }
        self.at.via.pop();
    }

    /// Reads members by the headers that stand before each of them, but for those that were `seen`: the directory at the end
    /// may be missing, or may not list all (two of one name, one that was deleted).
    fn salvage(&mut self, bytes: &[u8], seen: &[Range<u64>], depth: u8) {
        let (mut from, mut seen) = (0, seen.iter().peekable());
        while let Some(at) = bytes.get(from..).and_then(|rest| memmem::find(rest, b"PK\x03\x04")).map(|i| from + i) {
            from = at + 4;
            while seen.peek().is_some_and(|member| member.end <= at as u64) {
                seen.next();
            }
            if let Some(member) = seen.peek().filter(|member| member.contains(&(at as u64))) {
                from = usize::try_from(member.end).unwrap_or(usize::MAX);
                continue;
            }
            let Some(header) = bytes.get(at..).and_then(|rest| rest.first_chunk::<30>()) else { break };
            let short = |i: usize| usize::from(u16::from_le_bytes([header[i], header[i + 1]]));
            let (flags, method, packed) = (short(6), short(8), short(18) | short(20) << 16);
            let name = at + 30..at + 30 + short(26);
            let data = name.end + short(28);
            let (Some(name), Some(data)) = (bytes.get(name), bytes.get(data..)) else { continue };
            if flags & 1 != 0 || name.is_empty() {
                continue;
            }
            // A length of zero stands behind the data, which ends by itself.
            let packed = data.get(..packed).filter(|d| !d.is_empty());
            let more = match (method, packed) {
                (8, _) => self.member(name, &mut DeflateDecoder::new(packed.unwrap_or(data)), depth),
                (0, Some(mut stored)) => self.member(name, &mut stored, depth),
                _ => true,
            };
            if !more {
                break;
            }
            from += packed.map_or(0, <[u8]>::len);
        }
    }

    fn zip_member(&mut self, archive: &mut ZipArchive<Cursor<&[u8]>>, index: usize, depth: u8) -> bool {
        let (name, method) = match archive.by_index_raw(index) {
            Ok(file) if file.is_dir() => return true,
            Ok(file) => {
                let name = file.name_raw().to_vec();
                if file.encrypted() {
                    self.note_of(&name, Note::Encrypted);
                    return true;
                }
                #[allow(deprecated, reason = "the number is what the format says")]
                (name, file.compression().to_u16())
            }
            Err(e) => {
                self.note(note(&e));
                return true;
            }
        };
        let own = METHODS.iter().find(|(number, _)| *number == method);
        let opened: Result<Box<dyn Read + '_>, ZipError> = match own {
            Some((_, format)) => {
                archive.by_index_raw(index).and_then(|file| stream::decoder(file, *format).map_err(ZipError::Io))
            }
            None if method == LZMA => archive.by_index_raw(index).and_then(|file| {
                let size = file.size();
                stream::zip_lzma(file, size).map_err(ZipError::Io)
            }),
            None => archive.by_index(index).map(|file| Box::new(file) as Box<dyn Read + '_>),
        };
        match opened {
            Ok(mut reader) => self.member(&name, &mut reader, depth),
            Err(e) => {
                self.note_of(&name, note(&e));
                true
            }
        }
    }
}

fn note(error: &ZipError) -> Note {
    match error {
        ZipError::UnsupportedArchive(what) if *what == ZipError::PASSWORD_REQUIRED => Note::Encrypted,
        ZipError::InvalidPassword => Note::Encrypted,
        ZipError::UnsupportedArchive(what) => Note::Unsupported((*what).to_owned()),
        ZipError::CompressionMethodNotSupported(number) => {
            Note::Unsupported(format!("compression method {number} is not supported"))
        }
        other => Note::Damaged(other.to_string()),
    }
}
