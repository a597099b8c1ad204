//! What stands right before a value: what it is given to, and the name of that.

use std::ops::Range;

use crate::rules::format::is_token_byte;

/// The name of what is called with a value among its arguments: `new Acme(`, `acme.Client(`.
#[derive(Clone, Debug)]
pub struct Call {
    /// The whole name with its parts.
    chain: Range<usize>,
    /// The last part.
    last: Range<usize>,
}

impl Call {
    /// The call around a value at `at`. Its other arguments are plain: names, numbers and texts.
    pub fn around(hay: &[u8], at: usize, floor: usize) -> Option<Self> {
        let before = &hay[floor..at];
        let plain = |b: u8| {
            is_token_byte(b) && b != b'=' || b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b',' | b'$')
        };
        let open = before.iter().rposition(|&b| !plain(b)).filter(|&open| before[open] == b'(')?;
        let name = &before[..open];
        let len = |text: &[u8], more: &[u8]| {
            text.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_' || more.contains(b)).count()
        };
        let (last, chain) = (len(name, b""), len(name, b".:->"));
        let end = floor + open;
        (last > 0).then(|| Self { chain: end - chain..end, last: end - last..end })
    }

    /// Is it the word that is called, or a client that is made of it?
    pub fn is_of(&self, hay: &[u8], word: &Range<usize>) -> bool {
        const ENDINGS: [&[u8]; 7] = [b"", b"search", b"client", b"restclient", b"api", b"apiclient", b"sdk"];
        const MAKERS: [&[u8]; 10] = [
            b"client",
            b"restclient",
            b"new",
            b"create",
            b"init",
            b"initialize",
            b"configure",
            b"setup",
            b"auth",
            b"login",
        ];
        let is = |range: Range<usize>, among: &[&[u8]]| {
            among.iter().any(|text| hay[range.clone()].eq_ignore_ascii_case(text))
        };
        let within = self.chain.start <= word.start && word.end <= self.chain.end;
        let begins = within && (word.start == self.chain.start || !hay[word.start - 1].is_ascii_alphanumeric());
        let part = || {
            word.end..word.end + hay[word.end..self.chain.end].iter().take_while(|b| b.is_ascii_alphanumeric()).count()
        };
        begins && is(part(), &ENDINGS) && (part().end == self.chain.end || is(self.last.clone(), &MAKERS))
    }
}

/// The name right before a value, with all of its parts or with the last of those that dots join: `ACME_API_KEY` before
/// `= "`.
pub fn name_of(hay: &[u8], at: usize, floor: usize, whole: bool) -> Range<usize> {
    let in_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-') || whole && *b == b'.';
    let from = at.saturating_sub(NAME).max(floor);
    let gap = hay[from..at].iter().rev().take(BESIDE).take_while(|b| !in_name(b) && **b != b'\n').count();
    let name = &hay[from..at - gap];
    let counter = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let end = at - gap - counter;
    let len = hay[from..end].iter().rev().take_while(|b| in_name(b)).count();
    end - len..end
}

/// `publicResourceKey`, `public_x`.
pub fn is_public_name(name: &[u8]) -> bool {
    const PUBLIC: &[u8] = b"public";
    name.windows(PUBLIC.len()).enumerate().any(|(at, part)| {
        let begins = at == 0 || !name[at - 1].is_ascii_alphabetic() || part[0].is_ascii_uppercase();
        begins && part.eq_ignore_ascii_case(PUBLIC)
    })
}

/// Does a value follow on the line, and then another line?
pub fn is_spent(between: &[u8]) -> bool {
    let Some(end) = between.iter().position(|&b| b == b'\n') else { return false };
    between[..end].split(|&b| !is_token_byte(b)).any(|run| run.len() >= VALUE && run.iter().any(u8::is_ascii_digit))
}

/// Length from which on a value can be a secret of a rule that wants context.
const VALUE: usize = 16;

/// Is a value at `at` given to something? `key = value`, `"key": "value"`, `--key value`, `(value`, `Bearer value`.
pub fn is_assigned(hay: &[u8], at: usize) -> bool {
    // In paths and base64; no escape ends so.
    if at > 0 && matches!(hay[at - 1], b'/' | b'+' | b'.' | b'-') {
        return false;
    }
    let floor = at.saturating_sub(BESIDE);
    let mut i = at;
    let (mut spaced, mut quoted, mut next_line) = (false, false, false);
    while i > floor {
        let (byte, width) = last_character(&hay[floor..i]);
        i -= width - 1;
        match byte {
            b'"' | b'\'' | b'`' | b'\\' => quoted = true,
            // b"..." and r'...' of several languages
            b'b' | b'r' | b'u' | b'f' if i < at && matches!(hay[i], b'"' | b'\'') => {}
            b' ' | b'\t' => spaced = true,
            b'\r' | b'\n' => next_line = true,
            b'=' | b':' | b'>' | b'(' | b',' | b'[' | b'{' | b'|' => return true,
            // Objective-C's @"..."; without a quote it stands before a version or a host.
            b'@' => return quoted,
            b => return spaced && !next_line && (b.is_ascii_alphanumeric() || b == b'_'),
        }
        i -= 1;
    }
    i == 0 || at == 0
}

/// The last character of a text as a reader of the decoded text would see it, and how many bytes it takes: `%3D`, `&quot;`,
/// `\u0022` and `\x3a` are one character, a colour of a terminal is a blank.
fn last_character(text: &[u8]) -> (u8, usize) {
    let last = text[text.len() - 1];
    let hex = |digits: usize| {
        let from = text.len().checked_sub(digits)?;
        u8::from_str_radix(std::str::from_utf8(&text[from..]).ok()?, 16).ok()
    };
    let before = |digits: usize| &text[..text.len().saturating_sub(digits)];
    match last {
        b';' => {
            let entities: [(&[u8], u8); 9] = [
                (b"&quot;", b'"'),
                (b"&#34;", b'"'),
                (b"&#x22;", b'"'),
                (b"&apos;", b'\''),
                (b"&#39;", b'\''),
                (b"&#x27;", b'\''),
                (b"&gt;", b'>'),
                (b"&#61;", b'='),
                (b"&nbsp;", b' '),
            ];
            let entity = entities.iter().find(|(name, _)| text.ends_with(name));
            entity.map_or((last, 1), |(name, byte)| (*byte, name.len()))
        }
        b'm' => {
            let codes = before(1).iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
            let start = &before(1)[..text.len() - 1 - codes];
            let escape = [&b"\x1b["[..], b"\\e[", b"\\033[", b"\\x1b["].into_iter().find(|e| start.ends_with(e));
            escape.map_or((last, 1), |escape| (b' ', escape.len() + codes + 1))
        }
        _ if before(2).ends_with(b"%") => hex(2).map_or((last, 1), |byte| (byte, 3)),
        _ if before(4).ends_with(b"\\u") => hex(4).map_or((last, 1), |byte| (byte, 6)),
        _ if before(2).ends_with(b"\\x") => hex(2).map_or((last, 1), |byte| (byte, 4)),
        _ => (last, 1),
    }
}

/// Bytes before a value that [`is_assigned`] looks at.
pub const BESIDE: usize = 16;

/// How far back a quoted name is followed.
pub const NAME: usize = 120;

/// Is a value at `at` given to the path of a file, as in lists of checksums? `"src/private-key.pem":"value`
pub fn follows_path(hay: &[u8], at: usize) -> bool {
    let before = &hay[at.saturating_sub(NAME)..at];
    let skip = |b: &u8| matches!(b, b'"' | b'\'' | b' ' | b'\t' | b':' | b'=' | b'>');
    let gap = before.iter().rev().take_while(|b| skip(b)).count();
    let quoted = before[before.len() - gap..].iter().filter(|b| matches!(b, b'"' | b'\'')).count() >= 2;
    let name = &before[..before.len() - gap];
    let start = name.iter().rposition(|b| matches!(b, b'"' | b'\'' | b'\n')).map_or(0, |i| i + 1);
    let name = &name[start..];
    quoted && name.contains(&b'/') && !name.iter().any(|b| matches!(b, b'?' | b'=' | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assigned() {
        for (text, want) in [
            ("a%3D", true),
            ("a&quot;: &quot;", true),
            ("a=\x1b[1;32m", true),
            ("a\\u003d\\u0022", true),
            ("a%41", false),
            ("a=", true),
            ("a: \"", true),
            ("--key ", true),
            ("f(", true),
            ("a-b/", false),
            ("x", false),
        ] {
            assert_eq!(is_assigned(text.as_bytes(), text.len()), want, "{text}");
        }
    }
}
