//! Text of office documents whose runs were cut: an editor puts what was typed at different times, or is spelt wrong, into
//! runs of its own, so that a token may stand there in pieces with tags between them.

use memchr::{memchr, memmem};

/// Ends of paragraphs, cells and lines, in the words of the formats.
const ENDS: &[&[u8]] = &[
    b"/w:p",
    b"w:br",
    b"w:tab",
    b"/a:p",
    b"a:br",
    b"/si",
    b"/text:p",
    b"/text:h",
    b"text:line-break",
    b"text:tab",
    b"text:s",
    b"/w:tc",
    b"/table:table-cell",
];

/// Is a member of this name the text of an office document?
pub(super) fn is_text(name: &[u8]) -> bool {
    let named = |start: &[u8]| name.starts_with(start) && name.ends_with(b".xml");
    named(b"word/") || named(b"ppt/") || named(b"xl/") || name == b"content.xml"
}

/// The paragraphs that have tags inside of a word, a line each and without the tags; nothing if there are none.
pub(super) fn joined(xml: &[u8]) -> Vec<u8> {
    let (mut out, mut line, mut cut, mut rest) = (Vec::new(), Vec::new(), false, xml);
    // Whatever has no tags between letters is found as it stands.
    while let Some(open) = memchr(b'<', rest) {
        let text = &rest[..open];
        let layout = text.trim_ascii().is_empty() && memchr(b'\n', text).is_some();
        if !text.is_empty() && !layout {
            cut |= line.last().is_some_and(u8::is_ascii_graphic) && text[0].is_ascii_graphic();
            line.extend_from_slice(text);
        }
        let Some(close) = memchr(b'>', &rest[open..]) else { break };
        let tag = &rest[open + 1..open + close];
        let name = &tag[..tag.iter().position(|b| b.is_ascii_whitespace()).unwrap_or(tag.len())];
        if ENDS.contains(&name.strip_suffix(b"/").unwrap_or(name)) {
            if cut {
                out.append(&mut line);
                out.push(b'\n');
            }
            line.clear();
            cut = false;
        }
        rest = &rest[open + close + 1..];
    }
    if memmem::find(&out, b"\n").is_none() { Vec::new() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_were_cut() {
        let xml = b"<w:p><w:r><w:t>one two</w:t></w:r></w:p>\n<w:p><w:r><w:t>key: ab</w:t></w:r>\n  <w:proofErr/>\
            <w:r><w:t xml:space=\"preserve\">cd </w:t></w:r><w:r><w:t>x</w:t></w:r></w:p><w:p>\n</w:p>";
        assert_eq!(joined(xml), b"key: abcd x\n");
        assert_eq!(joined(b"<text:p>a<text:span>b</text:span></text:p><text:p>c</text:p>"), b"ab\n");
        assert!(joined(b"<w:p><w:t>one</w:t><w:br/><w:t>two</w:t></w:p> <").is_empty());
        assert!(joined(b"no tags").is_empty());
    }
}
