//! 7z.

use std::cell::RefCell;
use std::io::{self, Cursor, Read};

use sevenz_rust2::{ArchiveReader, Error, Password};

use super::stream::Metered;
use super::{Note, Walker};

/// The members of a block, which are one stream. Decoders that failed may go on for ever if they are asked again.
struct Fused<'r> {
    reader: &'r mut dyn Read,
    failed: bool,
}

impl Read for Fused<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(0);
        }
        self.reader.read(buffer).inspect_err(|e| self.failed = !is_wrong_sum(e))
    }
}

/// Only the content of a member is wrong; what stands behind it can be read.
fn is_wrong_sum(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|e| e.downcast_ref());
    matches!(inner, Some(Error::ChecksumVerificationFailed))
}

impl Walker<'_> {
    pub(super) fn sevenz(&mut self, bytes: &[u8], depth: u8) {
        self.at.via.push("7z");
        let walked = ArchiveReader::new(Cursor::new(bytes), Password::empty()).and_then(|mut archive| {
            archive.set_thread_count(1);
            archive.for_each_entries(|entry, reader| {
                if entry.is_directory() || !entry.has_stream() {
                    return Ok(true);
                }
                let mut reader = Fused { reader, failed: false };
                if !self.member(entry.name().as_bytes(), &mut reader, depth) {
                    return Ok(false);
                }
                // The next member stands behind this one in the same stream. What is skipped counts as well.
                let error = RefCell::new(None);
                io::copy(&mut Metered::new(&mut reader, self.meter, &error), &mut io::sink())?;
                if reader.failed {
                    return Err(io::Error::other("what stands behind a damaged member cannot be read").into());
                }
                Ok(!self.is_over())
            })
        });
        if let Err(e) = walked
            && !self.is_over()
        {
            self.note(note(&e));
        }
        self.at.via.pop();
    }
}

fn note(error: &Error) -> Note {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => Note::Encrypted,
        Error::UnsupportedCompressionMethod(name) if name.to_ascii_uppercase().contains("AES") => Note::Encrypted,
        Error::UnsupportedCompressionMethod(name) => {
            Note::Unsupported(format!("compression method {name} is not supported"))
        }
        Error::Unsupported(what) => Note::Unsupported(what.to_string()),
        Error::MaxMemLimited { .. } => {
            Note::Unsupported("it wants more memory than is given to one archive".to_owned())
        }
        other => Note::Damaged(other.to_string()),
    }
}
