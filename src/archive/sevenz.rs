//! 7z.

use std::io::{self, Cursor};

use sevenz_rust2::{ArchiveReader, Error, Password};

use super::{Note, Walker};

impl Walker<'_> {
    pub(super) fn sevenz(&mut self, bytes: &[u8], depth: u8) {
        self.at.via.push("7z");
        let walked = ArchiveReader::new(Cursor::new(bytes), Password::empty()).and_then(|mut archive| {
            archive.set_thread_count(1);
            archive.for_each_entries(|entry, reader| {
                if entry.is_directory() || !entry.has_stream() {
                    return Ok(true);
                }
                let more = self.member(entry.name().as_bytes(), reader, depth);
                if more {
                    // The next member stands behind this one in the same stream.
                    io::copy(reader, &mut io::sink()).map_err(Error::from)?;
                }
                Ok(more)
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
