//! What may stand directly before and after a token, and what transport leaves there.

use crate::rules::class::Class;
use crate::rules::format::is_token_byte;

/// Bytes before a match that [`left`] looks at.
pub const LOOK_BACK: usize = 8;

/// May a token begin at `at`? `first` is the class of the token's first piece if it is no literal.
///
/// Not after a letter, digit or `_`, unless these are the end of an escape sequence (`\n`, `\u0022`, `%3D`, ANSI colour).
pub fn left(hay: &[u8], at: usize, first: Option<&Class>) -> bool {
    let Some(&before) = at.checked_sub(1).and_then(|i| hay.get(i)) else { return true };
    let joined =
        is_word(before) || first.is_some_and(|class| class.has(before) && !matches!(before, b'=' | b'/' | b':'));
    !joined || after_escape(&hay[at.saturating_sub(LOOK_BACK)..at])
}

/// May a token whose last piece is of class `last` end at `at`?
pub fn right(hay: &[u8], at: usize, last: &Class) -> bool {
    match hay.get(at) {
        None => true,
        Some(&next) => {
            !last.has(next) && !(next.is_ascii_alphanumeric() && (last.has(b'a') || last.has(b'A') || last.has(b'0')))
        }
    }
}

/// May some token begin at `at`, whatever its alphabet? [`left`] says so only where this does.
pub fn could_begin(hay: &[u8], at: usize) -> bool {
    left(hay, at, None)
}

/// Could an escape sequence end inside the run of token characters that begins at `at`, or is it part of a longer run?
pub fn may_hold_escape(hay: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|i| hay[i]);
    before.is_some_and(|b| matches!(b, b'\\' | b'%' | b'[' | b';') || is_token_byte(b))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Does the text end with an escape sequence?
fn after_escape(text: &[u8]) -> bool {
    let hex = |part: &[u8]| part.iter().all(u8::is_ascii_hexdigit);
    match text {
        [.., b'\\', b'n' | b't' | b'r' | b'b' | b'f' | b'v' | b'0' | b'a' | b'e'] => true,
        _ => {
            let ends = |marker: &[u8], digits: usize| {
                text.len() >= marker.len() + digits
                    && hex(&text[text.len() - digits..])
                    && text[..text.len() - digits].ends_with(marker)
            };
            ends(b"%", 2) || ends(b"\\x", 2) || ends(b"\\u", 4) || ansi(text)
        }
    }
}

/// `ESC [ 1 ; 3 2 m`
fn ansi(text: &[u8]) -> bool {
    let Some((b'm', rest)) = text.split_last() else { return false };
    let digits = rest.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    rest[..rest.len() - digits].ends_with(b"\x1b[") || rest[..rest.len() - digits].ends_with(b"\\e[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_stand_before() {
        let cases: &[(&str, bool)] = &[
            ("", true),
            (" ", true),
            ("\"", true),
            ("=", true),
            ("x", false),
            ("_", false),
            ("9", false),
            ("-", true),
            ("\\n", true),
            ("\\t", true),
            ("\\x", false),
            ("%3D", true),
            ("%3", false),
            ("\\u0022", true),
            ("\\x22", true),
            ("\x1b[1;32m", true),
            ("[32m", false),
            (";", true),
            ("\u{00e9}", true),
        ];
        for (before, want) in cases {
            assert_eq!(left(format!("{before}tok").as_bytes(), before.len(), None), *want, "{before:?}");
        }
    }

    #[test]
    fn what_may_stand_after() {
        let hex = Class::named("hex").expect("alphabet");
        for (after, want) in [("", true), ("\"", true), ("a", false), ("z", false), ("\\n", true), ("-", true)] {
            assert_eq!(right(format!("ff{after}").as_bytes(), 2, &hex), want, "{after:?}");
        }
    }
}
