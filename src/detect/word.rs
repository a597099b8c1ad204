//! Does a context word stand in a text as a word of its own, or is it letters in the middle of something else?

use std::ops::Range;

use crate::detect::beside::BESIDE;

/// Does a short name stand in the middle of encoded text? There every one of them turns up by chance.
fn in_encoded(hay: &[u8], span: &Range<usize>) -> bool {
    let is_code = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let before = hay[span.start.saturating_sub(BESIDE)..span.start].iter().rev().take_while(is_code).count();
    let after = hay[span.end..].iter().take(BESIDE).take_while(is_code).count();
    let run = &hay[span.start - before..span.end + after];
    let has = |is: fn(&u8) -> bool| run.iter().any(is);
    run.len() >= ENCODED
        && run.iter().filter(|b| b.is_ascii_digit()).count() >= 2
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
}

/// Length from which on letters and digits are no name.
const ENCODED: usize = 28;

/// A word begins where no letter of the same kind precedes it, and a short one ends likewise.
pub fn stands_alone(hay: &[u8], span: &Range<usize>) -> bool {
    let first = hay[span.start];
    let last = hay[span.end - 1];
    let (before, after) = (span.start.checked_sub(1).and_then(|at| hay.get(at)), hay.get(span.end));
    let is = |byte: Option<&u8>, what: fn(&u8) -> bool| byte.is_some_and(what);
    let digit_beside = is(before, u8::is_ascii_digit) && is(after, u8::is_ascii_hexdigit)
        || is(before, u8::is_ascii_hexdigit) && is(after, u8::is_ascii_digit);
    if digit_beside && hay[span.clone()].iter().all(u8::is_ascii_hexdigit) {
        // `fb` in the middle of hex digits is no name.
        return false;
    }
    let begins = match span.start.checked_sub(1).map(|i| hay[i]) {
        Some(before) if before.is_ascii_alphabetic() && first.is_ascii_alphabetic() => {
            before.is_ascii_lowercase() && first.is_ascii_uppercase()
        }
        _ => true,
    };
    let long = span.len() > 4;
    let ends = long
        || begins && goes_on_as_key(&hay[span.end..])
        || match hay.get(span.end) {
            Some(after) if after.is_ascii_alphabetic() && last.is_ascii_alphabetic() => {
                last.is_ascii_lowercase() && after.is_ascii_uppercase()
                    // FOOApiKey
                    || last.is_ascii_uppercase() && after.is_ascii_uppercase() && hay.get(span.end + 1).is_some_and(u8::is_ascii_lowercase)
            }
            _ => true,
        };
    // Hints stand inside compounds too: apikey, authtoken.
    let known = long || is_hint(&hay[span.clone()]);
    ((begins && ends) || known && ends && in_compound(hay, span)) && (known || !in_encoded(hay, span))
}

/// `acmekey`, `acmeapitoken`: what follows a short name is the rest of a key name.
fn goes_on_as_key(text: &[u8]) -> bool {
    const PARTS: [&[u8]; 8] = [b"api", b"key", b"token", b"secret", b"auth", b"pass", b"access", b"pwd"];
    PARTS.iter().any(|part| text.get(..part.len()).is_some_and(|t| t.eq_ignore_ascii_case(part)))
}

fn is_hint(word: &[u8]) -> bool {
    [b"key".as_slice(), b"pass", b"auth", b"pwd"].iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// `apikey`, `accesskey`, `authtoken`: the word ends a compound of letters.
fn in_compound(hay: &[u8], span: &Range<usize>) -> bool {
    hay.get(span.end).is_none_or(|b| !b.is_ascii_alphabetic())
}
