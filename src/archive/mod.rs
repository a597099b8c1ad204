//! Archives, compressed files and documents: what is in them, member by member.
//!
//! Nothing is ever written to disk, so names of members are only shown. Compressed streams and tar are read as streams, so a
//! layer of a container image is never in memory as a whole; zip, 7z, SQLite and PDF need their bytes at hand. How deep, how
//! much and how many is limited by counters, never by a clock; every limit that is reached is told, and so is what is
//! damaged or encrypted.

mod office;
mod pdf;
mod sevenz;
mod sqlite;
mod stream;
mod tar;
mod zip;

use std::cell::RefCell;
use std::io::{self, Read};

use bstr::BString;

use stream::{Meter, Metered};

/// How deep archives in archives are followed unless the user says something else.
pub const DEPTH: u8 = 8;
/// Bytes that one file may decompress to unless the user says something else.
pub const BYTES: u64 = 1 << 30;
/// Times its size that a file may decompress to: logs reach a hundred, bombs a thousand.
const RATIO: u64 = 250;
/// A file that decompresses to less than this is no bomb, whatever its ratio.
const HARMLESS: u64 = 64 << 20;
/// Members of one file, all layers together.
const MEMBERS: u64 = 200_000;
/// A single member is scanned up to here.
const MEMBER: u64 = 256 << 20;

/// What may be spent on one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Layers; 0: archives are not opened.
    pub depth: u8,
    /// Decompressed bytes, all layers together.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: DEPTH, bytes: BYTES }
    }
}

/// Where in an archive something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// Names from the outermost archive inwards.
    names: Vec<BString>,
    /// Formats that were opened, outermost first.
    pub via: Vec<&'static str>,
}

impl At {
    /// The path of the member, with `!` between the layers; nothing for the content of a compressed file.
    pub fn member(&self) -> Option<BString> {
        (!self.names.is_empty()).then(|| bstr::join("!", &self.names).into())
    }
}

/// What could not be done, or is worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It cannot be read, or not to its end.
    Damaged(String),
    /// It uses something that is not supported.
    Unsupported(String),
    /// It is encrypted.
    Encrypted,
    /// There are more layers.
    TooDeep(u8),
    /// It decompresses to more than this many bytes.
    TooLarge(u64),
    /// It has more members than this.
    TooMany(u64),
    /// One member is larger than this.
    LongMember(u64),
    /// The name of a member leads out of the archive.
    LeadsOut,
}

/// Told what is in an archive.
pub trait Visitor {
    /// Something to scan.
    fn content(&mut self, at: &At, bytes: &[u8]);
    /// Something to tell.
    fn note(&mut self, at: &At, note: Note);
}

/// A kind of file that has others in it, or text that is not to be seen as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stream(stream::Format),
    Tar,
    Zip,
    SevenZ,
    Sqlite,
    Pdf,
}

/// Bytes at the start of a file that tell its kind.
const HEAD: usize = 512;

fn kind(head: &[u8]) -> Option<Kind> {
    if let Some(format) = stream::format(head) {
        return Some(Kind::Stream(format));
    }
    let kinds: [(&[u8], Kind); 5] = [
        (b"PK\x03\x04", Kind::Zip),
        (b"PK\x05\x06", Kind::Zip),
        (b"7z\xbc\xaf\x27\x1c", Kind::SevenZ),
        (b"SQLite format 3\0", Kind::Sqlite),
        (b"%PDF-", Kind::Pdf),
    ];
    let known = kinds.into_iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| kind);
    known.or_else(|| tar::is_tar(head).then_some(Kind::Tar))
}

/// Is this a file to be opened?
pub fn is_archive(bytes: &[u8]) -> bool {
    kind(bytes.get(..HEAD).unwrap_or(bytes)).is_some()
}

/// Goes through everything in an archive. Its own bytes are not visited.
pub fn walk(bytes: &[u8], limits: Limits, visitor: &mut dyn Visitor) {
    let by_ratio = (bytes.len() as u64).saturating_mul(RATIO).max(HARMLESS);
    let meter = Meter::new(limits.bytes.min(by_ratio));
    let mut walker = Walker { visitor, limits, meter: &meter, members: 0, at: At::default(), over: false };
    // A decoder that panics on hostile bytes is a decoder that could not read them.
    let walked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| walker.top(bytes)));
    let at = walker.at.clone();
    if walked.is_err() {
        walker.visitor.note(&at, Note::Damaged("its decoder gave up".into()));
    }
    if meter.is_over() {
        walker.visitor.note(&At::default(), Note::TooLarge(meter.limit()));
    }
}

/// A walk under way.
struct Walker<'w> {
    visitor: &'w mut dyn Visitor,
    limits: Limits,
    meter: &'w Meter,
    members: u64,
    at: At,
    /// A limit ended it.
    over: bool,
}

impl Walker<'_> {
    fn top(&mut self, bytes: &[u8]) {
        let Some(kind) = kind(bytes.get(..HEAD).unwrap_or(bytes)) else { return };
        match kind {
            Kind::Stream(format) => self.stream(&mut &bytes[..], format, 0),
            Kind::Tar => self.tar(&mut &bytes[..], 0),
            whole => self.whole(bytes, whole, 0),
        }
    }

    /// Is there nothing more to do?
    fn is_over(&self) -> bool {
        self.over || self.meter.is_over()
    }

    fn note(&mut self, note: Note) {
        self.visitor.note(&self.at, note);
    }

    /// Looks at what a reader gives: another layer, or content. `depth` layers are around it.
    fn open(&mut self, reader: &mut dyn Read, depth: u8) {
        let mut head = Vec::with_capacity(HEAD);
        // Errors are kept by the meter that every reader goes through.
        let _ = Read::take(&mut *reader, HEAD as u64).read_to_end(&mut head);
        let kind = kind(&head);
        let mut reader = io::Read::chain(&head[..], reader);
        match kind {
            Some(_) if depth >= self.limits.depth => {
                self.note(Note::TooDeep(self.limits.depth));
                self.content(&mut reader);
            }
            Some(Kind::Stream(format)) => self.stream(&mut reader, format, depth),
            Some(Kind::Tar) => self.tar(&mut reader, depth),
            Some(whole) => {
                let bytes = self.read(&mut reader);
                self.whole(&bytes, whole, depth);
            }
            None => self.content(&mut reader),
        }
    }

    fn content(&mut self, reader: &mut dyn Read) {
        let bytes = self.read(reader);
        if bytes.is_empty() {
            return;
        }
        self.visitor.content(&self.at, &bytes);
        if self.at.via.last() == Some(&"zip") && self.at.names.last().is_some_and(|name| office::is_text(name)) {
            let text = office::joined(&bytes);
            if !text.is_empty() && self.meter.spend(text.len() as u64) {
                self.text("text", &text);
            }
        }
    }

    fn read(&mut self, reader: &mut dyn Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = Read::take(&mut *reader, MEMBER + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > MEMBER {
            bytes.truncate(MEMBER as usize);
            self.note(Note::LongMember(MEMBER));
        }
        bytes
    }

    fn stream(&mut self, reader: &mut dyn Read, format: stream::Format, depth: u8) {
        self.at.via.push(format.name());
        let error = RefCell::new(None);
        match stream::decoder(reader, format) {
            Ok(decoder) => self.open(&mut Metered::new(decoder, self.meter, &error), depth + 1),
            Err(e) => drop(error.replace(Some(e.to_string()))),
        }
        self.damaged(error.into_inner());
        self.at.via.pop();
    }

    fn damaged(&mut self, error: Option<String>) {
        if let Some(error) = error {
            self.note(Note::Damaged(error));
        }
    }

    fn whole(&mut self, bytes: &[u8], kind: Kind, depth: u8) {
        match kind {
            Kind::Zip => self.zip(bytes, depth),
            Kind::SevenZ => self.sevenz(bytes, depth),
            Kind::Sqlite => self.sqlite(bytes),
            Kind::Pdf => self.pdf(bytes),
            Kind::Stream(_) | Kind::Tar => {}
        }
    }

    /// Looks at a member of an archive. False: there is nothing more to do.
    fn member(&mut self, name: &[u8], reader: &mut dyn Read, depth: u8) -> bool {
        if self.is_over() {
            return false;
        }
        self.members += 1;
        if self.members > MEMBERS {
            self.over = true;
            self.visitor.note(&At::default(), Note::TooMany(MEMBERS));
            return false;
        }
        self.at.names.push(name.into());
        if leads_out(name) {
            self.note(Note::LeadsOut);
        }
        let error = RefCell::new(None);
        self.open(&mut Metered::new(reader, self.meter, &error), depth + 1);
        self.damaged(error.into_inner());
        self.at.names.pop();
        !self.is_over()
    }

    /// Tells something of a member that is not opened.
    fn note_of(&mut self, name: &[u8], note: Note) {
        self.at.names.push(name.into());
        self.note(note);
        self.at.names.pop();
    }

    /// Gives text that was taken out of a document.
    fn text(&mut self, name: impl Into<BString>, text: &[u8]) {
        self.at.names.push(name.into());
        self.visitor.content(&self.at, text);
        self.at.names.pop();
    }
}

/// An absolute path, or one that goes up.
fn leads_out(name: &[u8]) -> bool {
    let is_separator = |b: &u8| matches!(b, b'/' | b'\\');
    name.first().is_some_and(is_separator)
        || name.get(1) == Some(&b':') && name.first().is_some_and(u8::is_ascii_alphabetic)
        || name.split(is_separator).any(|part| part == b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let cases: &[(&[u8], Option<Kind>)] = &[
            (b"\x1f\x8b\x08\0", Some(Kind::Stream(stream::Format::Gzip))),
            (b"BZh91AY&SY", Some(Kind::Stream(stream::Format::Bzip2))),
            (b"BZh is a word", None),
            (b"\xfd7zXZ\0", Some(Kind::Stream(stream::Format::Xz))),
            (b"\x28\xb5\x2f\xfd", Some(Kind::Stream(stream::Format::Zstd))),
            (b"PK\x03\x04", Some(Kind::Zip)),
            (b"PK is text", None),
            (b"", None),
            (&[0; 512], None),
        ];
        for (head, want) in cases {
            assert_eq!(kind(head), *want, "{head:?}");
        }
    }

    #[test]
    fn names_that_lead_out() {
        for (name, want) in [
            ("a/b", false),
            ("a/..b/c..", false),
            ("../a", true),
            ("a/../../b", true),
            ("/etc/passwd", true),
            ("C:\\x", true),
            ("a\\..\\b", true),
        ] {
            assert_eq!(leads_out(name.as_bytes()), want, "{name}");
        }
    }
}
