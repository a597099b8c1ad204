//! Commits, tags and trees as git writes them.

use std::borrow::Cow;

use bstr::{BStr, ByteSlice};
use gix::ObjectId;

use crate::finding::CommitInfo;

/// What a commit object says, as far as provenance needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitData {
    /// Root tree.
    pub tree: ObjectId,
    /// Parents, in order.
    pub parents: Vec<ObjectId>,
    /// Author date, seconds since 1970.
    pub time: i64,
}

/// Reads a commit object; `None` if it is no commit.
pub fn commit(bytes: &[u8]) -> Option<CommitData> {
    let mut lines = bytes.lines();
    let tree = ObjectId::from_hex(lines.next()?.strip_prefix(b"tree ")?).ok()?;
    let mut parents = Vec::new();
    for line in lines {
        if let Some(id) = line.strip_prefix(b"parent ") {
            parents.push(ObjectId::from_hex(id).ok()?);
        } else if let Some(author) = line.strip_prefix(b"author ") {
            return Some(CommitData { tree, parents, time: signature_time(author) });
        } else {
            break;
        }
    }
    Some(CommitData { tree, parents, time: 0 })
}

/// When a commit was made, seconds since 1970: of the two dates the one that follows the order of history.
pub fn committed(bytes: &[u8]) -> Option<i64> {
    let header = &bytes[..bytes.find(b"\n\n").unwrap_or(bytes.len())];
    header.lines().find_map(|line| line.strip_prefix(b"committer ")).map(signature_time)
}

/// Author and first line of a commit, for people.
pub fn info(id: &ObjectId, bytes: &[u8]) -> CommitInfo {
    let author = bytes.lines().find_map(|l| l.strip_prefix(b"author ")).unwrap_or_default();
    let open = author.find_byte(b'<').unwrap_or(author.len());
    let close = author.find_byte(b'>').unwrap_or(author.len());
    let email = author.get(open + 1..close).unwrap_or_default();
    let summary = bytes.find(b"\n\n").and_then(|at| bytes[at + 2..].lines().next()).unwrap_or_default();
    CommitInfo {
        id: id.to_string(),
        author: author[..open].trim().to_str_lossy().into_owned(),
        email: email.to_str_lossy().into_owned(),
        time: signature_time(author),
        summary: summary.to_str_lossy().chars().take(120).collect(),
    }
}

/// `Name <mail> 1700000000 +0100`: the number.
fn signature_time(signature: &[u8]) -> i64 {
    let after = signature.rfind_byte(b'>').map_or(signature, |at| &signature[at + 1..]);
    after.fields().next().and_then(|n| n.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// A commit or tag without its ids and without its cryptographic signatures: the part that people write.
pub fn without_signature(bytes: &[u8]) -> Cow<'_, [u8]> {
    let header = &bytes[..bytes.find(b"\n\n").unwrap_or(bytes.len())];
    let start = header.find(b"\nauthor ").or_else(|| header.find(b"\ntag ")).map_or(0, |at| at + 1);
    let mut out = Cow::Borrowed(&bytes[start..]);
    let mut from = 0;
    while let Some(found) = out[from..].find(b"-----BEGIN ") {
        let begin = from + found;
        match signature_end(&out, begin) {
            Some(end) => {
                let line = out[..begin].rfind_byte(b'\n').map_or(0, |at| at + 1);
                out = Cow::Owned([&out[..line], &out[end..]].concat());
                from = line;
            }
            None => from = begin + 1,
        }
    }
    out
}

/// Where a signature that begins here ends. What only looks like one, and holds something else, is text.
fn signature_end(text: &[u8], begin: usize) -> Option<usize> {
    const KINDS: [&[u8]; 3] = [b"PGP SIGNATURE", b"SSH SIGNATURE", b"SIGNED MESSAGE"];
    let kind = KINDS.into_iter().find(|kind| text[begin + 11..].starts_with(&[kind, &b"-----"[..]].concat()))?;
    let line = text[..begin].rfind_byte(b'\n').map_or(0, |at| at + 1);
    // Lines of a header that goes on begin with a space.
    let (key, indent) = match &text[line..begin] {
        b"" => (false, &b""[..]),
        b"gpgsig " | b"gpgsig-sha256 " => (true, &b" "[..]),
        b" " => (false, &b" "[..]),
        _ => return None,
    };
    let end_line = [b"-----END ", kind, b"-----"].concat();
    let mut at = begin;
    let mut in_header = true;
    for (n, line) in text[begin..].lines_with_terminator().enumerate() {
        at += line.len();
        if n == 0 {
            continue;
        }
        let line = line.trim_end();
        let line = if line.is_empty() { line } else { line.strip_prefix(indent)? };
        if line == end_line.as_slice() {
            // A header may end with an empty line of its own.
            let more = if key && text[at..].starts_with(b" \n") { 2 } else { 0 };
            return Some(at + more);
        }
        in_header &= !line.is_empty();
        let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || b"+/=".contains(b);
        let note = in_header && [&b"Version: "[..], b"Comment: ", b"Hash: "].iter().any(|name| line.starts_with(name));
        if !note && (line.len() > 76 || !line.iter().all(is_base64)) {
            return None;
        }
    }
    None
}

/// An entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeEntry<'a> {
    /// Is it a tree itself?
    pub is_tree: bool,
    /// A submodule: its commit is in another repository.
    pub is_submodule: bool,
    /// File name.
    pub name: &'a BStr,
    /// Raw object id.
    pub id: &'a [u8],
}

/// The entries of a tree with ids of `hash_len` bytes; ends at the first damage.
pub fn tree(mut bytes: &[u8], hash_len: usize) -> impl Iterator<Item = TreeEntry<'_>> {
    std::iter::from_fn(move || {
        let space = memchr::memchr(b' ', bytes.get(..8.min(bytes.len()))?)?;
        let zero = space + 1 + memchr::memchr(0, &bytes[space + 1..])?;
        let id = bytes.get(zero + 1..zero + 1 + hash_len)?;
        let mode = &bytes[..space];
        let entry = TreeEntry {
            is_tree: mode == b"40000" || mode == b"040000",
            is_submodule: mode == b"160000",
            name: bytes[space + 1..zero].as_bstr(),
            id,
        };
        bytes = &bytes[zero + 1 + hash_len..];
        Some(entry)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const COMMIT: &[u8] = b"tree 1111111111111111111111111111111111111111\nparent 2222222222222222222222222222222222222222\n\
author A B <a@b.c> 1700000000 +0100\ncommitter A B <a@b.c> 1700000001 +0100\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\nFirst line\n\nmore\n";

    #[test]
    fn commits() {
        let commit = commit(COMMIT).unwrap();
        assert_eq!((commit.parents.len(), commit.time), (1, 1_700_000_000));
        let info = info(&commit.tree, COMMIT);
        assert_eq!((info.author.as_str(), info.email.as_str(), info.summary.as_str()), ("A B", "a@b.c", "First line"));
    }

    #[test]
    fn signatures_are_left_out() {
        let written = without_signature(COMMIT);
        assert!(written.starts_with(b"author A B"));
        assert!(!written.contains_str("PGP") && written.contains_str("+0100\n\nFirst line"), "{}", written.as_bstr());
    }

    #[test]
    fn what_looks_like_a_signature_stays() {
        let begin = "-----BEGIN PGP SIGNATURE-----\n";
        let end = "-----END PGP SIGNATURE-----\n";
        let cases = [
            (format!("tag x\n\nv1\n{begin}\nAbc+/=\n{end}"), "tag x\n\nv1\n".to_owned()),
            (format!("tag x\n\nv1\n{begin}\nAbc\n{end}after\n"), "tag x\n\nv1\nafter\n".into()),
            (format!("tag x\n\nv1\n{begin}\nAbc\n"), format!("tag x\n\nv1\n{begin}\nAbc\n")),
            (format!("tag x\n\nv1\n{begin}key = word\n{end}"), format!("tag x\n\nv1\n{begin}key = word\n{end}")),
            (format!("tag x\n\n> {begin}Abc\n{end}"), format!("tag x\n\n> {begin}Abc\n{end}")),
            (format!("author a\ngpgsig {begin} \n Abc\n {end} \n\nm"), "author a\n\nm".into()),
            (
                format!("author a\nmergetag object 1\n v1\n {begin} Abc\n {end}\nm"),
                "author a\nmergetag object 1\n v1\n\nm".into(),
            ),
        ];
        for (text, want) in cases {
            assert_eq!(without_signature(format!("object 1\n{text}").as_bytes()).as_bstr(), want.as_bytes().as_bstr());
        }
        // A header without an author does not hide what stands before the word in the message.
        let odd = b"tree 1\n\nkey\nauthor x\n";
        assert_eq!(without_signature(odd).as_bstr(), odd.as_bstr());
    }

    #[test]
    fn trees() {
        let mut bytes = b"100644 a b\0".to_vec();
        bytes.extend([1; 20]);
        bytes.extend(b"40000 dir\0");
        bytes.extend([2; 20]);
        let entries: Vec<_> = tree(&bytes, 20).map(|e| (e.is_tree, e.name.to_string(), e.id[0])).collect();
        assert_eq!(entries, [(false, "a b".into(), 1), (true, "dir".into(), 2)]);
        assert_eq!(tree(&bytes[..25], 20).count(), 0);
    }
}
