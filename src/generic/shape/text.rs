//! Texts for people, and what people type: labels, sentences, combinations of keys, rules for a field of a form.

/// A text for people: it ends like a label or a sentence.
pub fn is_label(value: &[u8]) -> bool {
    let ends = value.ends_with(b":") || value.ends_with(b"...") || value.ends_with("\u{2026}".as_bytes());
    let sentence = value.contains(&b' ') && matches!(value.last(), Some(b'.' | b'!' | b'?'));
    ends && value.len() > 4 || sentence || says_length(value)
}

/// `16 bytes AES-128`: how long a secret is, in place of one.
fn says_length(value: &[u8]) -> bool {
    let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = &value[digits..];
    digits > 0 && [&b" bytes"[..], b" byte ", b" bits", b" bit ", b" char"].iter().any(|unit| rest.starts_with(unit))
}

/// Words of a language: nothing but letters and what stands between words in a text, and no groups of equal length, as
/// passwords for programs are written.
pub fn is_phrase(value: &[u8], likeness: f32) -> bool {
    let letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
    let (mut words, mut plain, mut all, mut letters) = (0, 0, 0, 0);
    let (mut first, mut even) = (0, true);
    for word in value.split(|b| *b == b' ').filter(|w| !w.is_empty()) {
        let inner = word.iter().filter(|b| letter(b)).count();
        plain += usize::from(word.iter().all(|b| letter(b) || b"'().,:;!?/-&\\".contains(b)));
        words += usize::from(inner >= 2);
        first = if all == 0 { inner } else { first };
        even &= inner == first;
        all += 1;
        letters += inner;
    }
    let known = words == 4 && likeness > 0.0 && letters * 10 >= value.len() * 6;
    let sentence = known || words >= 5 && letters * 10 >= value.len() * 7;
    let capital = value[0].is_ascii_uppercase() && value.iter().skip(1).filter(|b| b.is_ascii_uppercase()).count() <= 1;
    let few = words >= 3 && !even || words == 2 && (all > 2 || capital || likeness > UNLIKE);
    sentence || plain == all && few
}

/// Words of a language that the table of letters does not know are still likelier than this.
pub(super) const UNLIKE: f32 = -6.0;

/// A combination of keys: `ctrl+shift+j`.
pub fn is_shortcut(value: &[u8]) -> bool {
    const KEYS: &[&[u8]] =
        &[b"ctrl", b"control", b"shift", b"alt", b"option", b"cmd", b"command", b"super", b"meta", b"win", b"mod"];
    let Some(end) = value.iter().position(|b| matches!(b, b'+' | b'-')) else { return false };
    let one = |key: &[u8]| key.len() <= 2 || key.get(1) == Some(&b',');
    KEYS.iter().any(|key| value[..end].eq_ignore_ascii_case(key)) && (value[end] == b'+' || one(&value[end + 1..]))
}

/// Rules for a field of a form: `required|string|min:6`, `between:60,60`.
pub fn is_field_rules(value: &[u8]) -> bool {
    let mut colons = 0;
    let rule = |part: &[u8]| {
        let mut halves = part.splitn(2, |b| *b == b':');
        let word = halves.next().unwrap_or_default();
        let limits = halves.next();
        colons += usize::from(limits.is_some());
        word.len() >= 2
            && word.iter().all(|b| b.is_ascii_lowercase() || *b == b'_')
            && limits
                .is_none_or(|l| !l.is_empty() && l.iter().all(|b| b.is_ascii_alphanumeric() || b",._-\\".contains(b)))
    };
    let all = value.split(|b| *b == b'|').all(rule);
    let limits = value.iter().rev().take_while(|b| b.is_ascii_digit() || matches!(b, b',' | b'.')).count();
    all && (value.contains(&b'|')
        || colons == 1 && limits > 0 && value[value.len() - limits - 1] == b':' && value.contains(&b','))
}
