//! Code: calls, members, types, classes, identifiers, regular expressions.

use super::text::UNLIKE;
use super::{has, has_pair};

/// Code, not text: a call, a member, a cast, an index, an operator.
pub fn is_code(value: &[u8]) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$');
    let starts = value
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$' | b'@' | b'&' | b'*' | b'!' | b'(' | b'['));
    let member = value.windows(3).any(|w| word(&w[0]) && w[1] == b'.' && (w[2].is_ascii_alphabetic() || w[2] == b'_'))
        && value.iter().all(|b| {
            word(b) || matches!(b, b'.' | b'?' | b'!' | b'@' | b'&' | b'*' | b'(' | b')' | b'[' | b']' | b'-' | b'>')
        });
    let call = value
        .iter()
        .position(|b| *b == b'(')
        .is_some_and(|i| i == 0 || word(&value[i - 1]) || matches!(value[i - 1], b'!' | b'.'));
    let index = value.iter().position(|b| *b == b'[').is_some_and(|i| i == 0 || word(&value[i - 1]));
    let trimmed = value.trim_ascii();
    let open = value.len() != trimmed.len()
        && (matches!(trimmed.first(), Some(b'+' | b',' | b')' | b'.' | b'&' | b'|'))
            || matches!(trimmed.last(), Some(b'+' | b',' | b'(' | b'.' | b'&')));
    // `west.isClosed,east.isClosed`
    let letters = |w: &[u8]| !w.is_empty() && w.iter().all(u8::is_ascii_alphabetic);
    let members = value.contains(&b',')
        && value.split(|b| *b == b',').all(|part| part.contains(&b'.') && part.split(|b| *b == b'.').all(letters));
    // `"text",validate(p){...`
    let follows = value.first() == Some(&b',') && value.contains(&b'(') && value.contains(&b'{');
    open || follows
        || members
        || matches!(value.first(), Some(b')' | b',')) && value.contains(&b' ')
        || starts && (member || call || index)
        || has_pair(value, &[b"->", b"::", b"=>", b"&&"])
        || has(value, b"==") && !value.ends_with(b"==")
        || matches!(value.first(), Some(b'&' | b'*' | b'@' | b'!' | b'[' | b'(' | b'{' | b'|' | b'>' | b'='))
            && value.len() < 24
            && value[1..].iter().all(word)
}

/// A piece of SQL that ends the text it is put into: `x' OR '1'='1`, `1 UNION SELECT`.
pub fn is_injection(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    [&b"' or "[..], b"\" or ", b"'='", b" or 1=1", b"union select ", b"'--", b"' --", b"';drop ", b"'; drop "]
        .iter()
        .any(|part| has(&lower, part))
}

/// What stands between two literals that are joined: `" + f(x) + "`, `"), g("`.
pub fn is_between_literals(value: &[u8]) -> bool {
    let quotes = |b: &u8| matches!(b, b'"' | b'\'');
    let inner = value.trim_ascii();
    let start = inner.iter().take_while(|b| quotes(b)).count();
    let end = inner.iter().rev().take_while(|b| quotes(b)).count();
    let Some(inner) = inner.get(start..inner.len().saturating_sub(end)) else { return false };
    inner.len() >= 3
        && matches!(inner.first(), Some(b')' | b'+' | b',' | b'~' | b'.'))
        && matches!(inner.last(), Some(b'(' | b'+' | b',' | b'~' | b'[' | b'.' | b'='))
        && (inner.contains(&b' ') || !matches!(inner.last(), Some(b'=')) || inner.ends_with(b"+="))
}

/// The rest of an object literal (`!0,range:!0`), or a chain of assignments (`a.b=a.c=void`).
pub fn is_code_piece(value: &[u8]) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$');
    let entry = value.split(|b| *b == b',').skip(1).filter(|part| {
        let name = part.iter().take_while(|b| word(b)).count();
        name > 0 && part.get(name) == Some(&b':') && part[0].is_ascii_alphabetic()
    });
    let member = |part: &[u8]| {
        let letters = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'$');
        !part.is_empty() && part.split(|b| *b == b'.').all(|w| !w.is_empty() && w.iter().all(letters))
    };
    let mut chain = value.split(|b| *b == b'=');
    let assigned = value.contains(&b'=') && !value.ends_with(b"=") && value.contains(&b'.') && chain.all(member);
    // `Options{`, `!x?t:(`, `(0,c.format)`, `{a:3:{i:0`
    let open = matches!(value.last(), Some(b'{' | b'(' | b'['));
    let called_plain =
        value.strip_prefix(b"0,").is_some_and(|v| v.contains(&b'.') && v.iter().all(|b| word(b) || *b == b'.'));
    // `name|MaxUsers:5|Plan:free`
    let records = value.split(|b| *b == b'|').skip(1).filter(|part| {
        let name = part.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        name >= 2 && part.get(name) == Some(&b':')
    });
    let nested = has(value, b":{") || records.count() >= 2;
    // `vec![0u8`
    let calls = value.iter().take_while(|b| word(b)).count();
    let item = calls > 1 && !value[0].is_ascii_digit() && is_index(&value[calls..]);
    let called = calls > 1 && matches!(value.get(calls..calls + 2), Some(b"![" | b"!(" | b"!{"));
    // `yyvsp[0].str`, `?l2b(Text)`, `lib,dlpreopen`, `',__p+='`
    let member = value[0].is_ascii_alphabetic() && has(value, b"].");
    let macro_call = value[0] == b'?' && value.contains(&b'(');
    let mut listed = value.split(|b| *b == b',');
    let listed = value.contains(&b',') && listed.all(|w| w.len() >= 3 && w.iter().all(u8::is_ascii_lowercase));
    // `!0,d(),p(!1)`, `__pyx_t_2`, `**Note`
    let minified = value.len() > 2 && matches!(value[..3], [b'!', b'0' | b'1', b',' | b';' | b')']);
    let made =
        value.starts_with(b"__") && value.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_');
    minified
        || member
        || macro_call
        || listed
        || has(value, b"===")
        || made
        || value.starts_with(b"**")
        || item
        || is_log_tag(value)
        || entry.count() > 0
        || assigned
        || called
        || open
        || called_plain
        || nested
}

/// `[1]`, `[i]`
fn is_index(text: &[u8]) -> bool {
    let inner = text.strip_prefix(b"[").and_then(|t| t.strip_suffix(b"]"));
    inner.is_some_and(|i| matches!(i.len(), 1 | 2) && i.iter().all(u8::is_ascii_alphanumeric))
}

/// What stands at the head of a line of a log: `0011:Info:49ay`.
fn is_log_tag(value: &[u8]) -> bool {
    const LEVELS: &[&[u8]] = &[b"info", b"warn", b"warning", b"debug", b"error", b"trace", b"verbose", b"notice"];
    let mut parts = value.split(|b| *b == b':');
    value.iter().filter(|b| **b == b':').count() >= 2
        && parts.any(|part| LEVELS.iter().any(|level| part.eq_ignore_ascii_case(level)))
}

/// An entry of a map: `apiVersion: v1`. In the place of a secret it is the first line of a document.
pub fn is_entry(value: &[u8]) -> bool {
    let name = value.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let Some(rest) = value[name..].strip_prefix(b": ") else { return false };
    name >= 4 && value[0].is_ascii_lowercase() && rest.first().is_some_and(u8::is_ascii_alphanumeric) && rest.len() < 24
}

/// A type of a language: `Uint8Array`, `memoryview`.
pub fn is_type(value: &[u8]) -> bool {
    const ENDS: &[&[u8]] =
        &[b"Array", b"View", b"Buffer", b"String", b"Bytes", b"Provider", b"Config", b"Options", b"Type"];
    let call = value.iter().position(|b| *b == b'(');
    let value = &value[..call.unwrap_or(value.len())];
    let start = value.first().is_some_and(u8::is_ascii_uppercase);
    let few = value.iter().filter(|b| b.is_ascii_digit()).count() <= 2;
    value == b"memoryview"
        || value == b"bytearray"
        || start && few && value.iter().all(u8::is_ascii_alphanumeric) && ENDS.iter().any(|e| value.ends_with(e))
}

/// Do name and value begin alike, as constants in a list do: `GL_DRAW`, `GL_DST`?
pub fn are_siblings(name: &[u8], value: &[u8]) -> bool {
    let alike = name.iter().zip(value).take_while(|(a, b)| a == b).count();
    alike >= 3 && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'))
}

/// The name of a class with the names that it lies below: `Symfony\\Component\\Form\\Type`.
pub fn is_class_path(value: &[u8]) -> bool {
    let mut parts = value.split(|b| *b == b'\\').filter(|p| !p.is_empty());
    let count = value.iter().filter(|b| **b == b'\\').count();
    count >= 2 && parts.all(|p| p[0].is_ascii_uppercase() && p.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'))
}

/// A name in code: `DB_PASSWORD`, `user-token`, `accessToken`, `app.secret`: words joined, all of them letters.
pub fn is_identifier(value: &[u8], likeness: f32) -> bool {
    let joins = value
        .windows(3)
        .filter(|w| {
            w[0].is_ascii_alphabetic()
                && (matches!(w[1], b'_' | b'-' | b'.' | b':' | b'/')
                    || w[1].is_ascii_uppercase() && w[0].is_ascii_lowercase())
        })
        .count();
    let words = !value.iter().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    joins > 0
        && (likeness > 0.0 || words && likeness > UNLIKE)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'))
}

/// A piece of a regular expression.
pub fn is_regex(value: &[u8]) -> bool {
    if [&b"a-z"[..], b"A-Z", b"0-9"].iter().any(|range| has(value, range)) {
        return true;
    }
    value.iter().any(|b| b"[\\(*".contains(b))
        && [&b"(?"[..], b"[^", b"\\s", b"\\d", b"\\w", b"[a-z", b"[A-Z", b"[0-9", b".*", b".+)", b"]+", b"]{", b"\\S"]
            .iter()
            .any(|p| has(value, p))
}
