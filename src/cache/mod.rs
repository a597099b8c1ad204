//! What earlier scans found out about packs and histories, kept in the user's cache directory.
//!
//! A pack never changes, so what a scan with the same rules saw in it stays true. The record of a pack holds which of its
//! objects have something to report (never what), its directory of entries, and what provenance needs of its commits and
//! trees. The record of a history holds where in its packs matches stand, and what commits did to those files. None holds
//! content of a file or anything that a rule matches: with a secret in the *name* of a file there is no record. The
//! ids of the objects in its packs are kept beside it, since these may be packed anew.
//!
//! Records are named by a digest of program, rules, options and the checksum of the pack, the largest one for a history; the
//! list of ids by the directory of the objects.
//! They are written under another name and moved into place, so runs at the same time do not disturb each other; a damaged,
//! foreign or missing one is as good as none. Deleting them costs only time.

pub mod wire;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

/// All records together may take up so many bytes; the ones that were not used for the longest time go first.
const MOST: u64 = 4 << 30;

/// Records that were not used for so long are removed.
const KEEP: Duration = Duration::from_secs(60 * 86_400);

/// What the names of records begin with, and those that are being written. Nothing else in the directory is touched: it may
/// be one that somebody keeps other things in.
const PREFIXES: [&str; 3] = ["keyscan-pack-", "keyscan-history-", "keyscan-ids-"];
const UNFINISHED: &str = "keyscan-unfinished-";

/// What was not finished for so long will not be.
const ABANDONED: Duration = Duration::from_secs(86_400);

/// What a record begins with: the format of this file. Its full name follows.
const MAGIC: &[u8; 8] = b"keyscan1";

/// The records of one set of rules and options.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
    digest: [u8; 32],
}

impl Store {
    /// Records in a directory for scans with everything that `parts` name.
    pub fn new(directory: PathBuf, parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Self { directory, digest: digest.finalize().into() }
    }

    /// The name of the record of something with this checksum, and where it is.
    fn name(&self, what: &str, checksum: &[u8]) -> ([u8; 32], PathBuf) {
        let name = Sha256::new().chain_update(self.digest).chain_update(what).chain_update(checksum).finalize();
        let path = self.directory.join(format!("keyscan-{what}-{}", data_encoding::HEXLOWER.encode(&name[..16])));
        (name.into(), path)
    }

    /// The record of something with this checksum; `what` it is: "pack", "history".
    pub fn load(&self, what: &str, checksum: &[u8]) -> Option<Vec<u8>> {
        let (name, path) = self.name(what, checksum);
        let mut bytes = fs::read(&path).ok()?;
        let body = bytes.len().checked_sub(4)?;
        let sum = u32::from_le_bytes(*bytes[body..].first_chunk()?);
        bytes.truncate(body);
        let head = [&MAGIC[..], &name].concat();
        if crc32fast::hash(&bytes) != sum || !bytes.starts_with(&head) {
            return None;
        }
        bytes.drain(..head.len());
        // When it was last used; if that cannot be noted, it is removed sooner.
        let _ = fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(bytes)
    }

    /// Keeps a record. That it cannot be kept is no failure of a scan.
    pub fn save(&self, what: &str, checksum: &[u8], record: &[u8]) {
        let _ = self.write(what, checksum, record);
        tidy(&self.directory);
    }

    fn write(&self, what: &str, checksum: &[u8], record: &[u8]) -> std::io::Result<()> {
        create_private(&self.directory)?;
        let (name, path) = self.name(what, checksum);
        let mut sum = crc32fast::Hasher::new();
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.directory)?;
        for part in [&MAGIC[..], &name, record] {
            sum.update(part);
            file.write_all(part)?;
        }
        file.write_all(&sum.finalize().to_le_bytes())?;
        file.persist(path)?;
        Ok(())
    }
}

/// Makes a directory that only its owner can read.
fn create_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Removes records that nobody used for long, what runs that were killed left, and the oldest if there are too many.
fn tidy(directory: &Path) {
    let Ok(listing) = fs::read_dir(directory) else { return };
    let mut records: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in listing.filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        let is = |prefix: &str| name.to_str().is_some_and(|name| name.starts_with(prefix));
        let Ok(about) = entry.metadata() else { continue };
        let Some(used) = about.modified().ok().filter(|_| about.is_file()) else { continue };
        if PREFIXES.into_iter().any(is) {
            records.push((used, about.len(), entry.path()));
        } else if is(UNFINISHED) && used.elapsed().is_ok_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
    records.sort();
    let mut total: u64 = records.iter().map(|(_, len, _)| len).sum();
    for (used, len, path) in records {
        let old = used.elapsed().is_ok_and(|age| age > KEEP);
        if !old && total <= MOST {
            break;
        }
        if fs::remove_file(path).is_ok() {
            total -= len;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn old_records_go_and_nothing_else_does() {
        let room = tempfile::tempdir().unwrap();
        let store = Store::new(room.path().to_owned(), &[b"rules"]);
        store.save("pack", b"old", b"a record");
        let others = ["photo.jpg", "pack-0123.pack", "keyscan.yaml"];
        others.iter().for_each(|name| fs::write(room.path().join(name), "precious").unwrap());
        fs::write(room.path().join(format!("{UNFINISHED}x")), "half").unwrap();
        let long_ago = SystemTime::now() - KEEP - ABANDONED;
        for entry in fs::read_dir(room.path()).unwrap() {
            let file = fs::File::options().append(true).open(entry.unwrap().path()).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        store.save("pack", b"new", b"another");
        assert_eq!(store.load("pack", b"old"), None);
        assert_eq!(store.load("pack", b"new").as_deref(), Some(&b"another"[..]));
        assert!(others.iter().all(|name| room.path().join(name).exists()), "files of others are not touched");
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), others.len() + 1);
    }
}
