//! Evidence for and against a value being a secret. The weights stand in [`weights`], and only there.

mod around;

use std::borrow::Cow;

use around::{
    around, called, is_before_ciphertext, is_declared, is_first_of_more, is_first_of_two, is_item, is_listed, looks_up,
};

use crate::generic::assign::{self, Op, Quote, Site};
use crate::generic::name::{Class, Name};
use crate::generic::shape::{self, Counts};
use crate::generic::view::View;
use crate::generic::weights::{self, Evidence};
use crate::generic::words::{self, Likeness};

/// Shortest value that can be a secret.
const SHORTEST: usize = 4;

/// Letters that follow each other better than this may be a word that the table of letters does not know.
const WORD: f32 = -8.0;

/// Longest value that is too short for a key or token.
const SHORT_KEY: usize = 5;

/// What is known of a value, and what it weighs.
struct Scale {
    list: Vec<Evidence>,
    sum: i32,
    least: i32,
}

impl Scale {
    fn new(least: i32) -> Self {
        Self { list: Vec::with_capacity(24), sum: weights::START, least }
    }

    fn add(&mut self, holds: bool, evidence: Evidence) {
        if holds {
            self.list.push(evidence);
            self.sum += weights::of(evidence);
        }
    }

    /// Can the sum still be high enough if no more than this is added?
    fn may_reach(&self, more: i32) -> bool {
        self.sum.saturating_add(more) >= self.least
    }
}

/// A value to be judged.
struct Value<'a> {
    text: &'a [u8],
    counts: Counts,
    likeness: Likeness,
}

/// Everything that speaks for or against a value; `None` if it cannot be a secret at all, or if the sum of the weights
/// cannot reach `least`. Most values are no secrets: what takes longer is looked at last, if it can matter then.
pub fn evidence(view: &mut View<'_>, name: &Name, site: &Site, least: i32) -> Option<Vec<Evidence>> {
    let raw: Cow<'_, [u8]> = match site.pieces.as_slice() {
        [] => view.slice(site.value.clone()).into(),
        pieces => pieces.iter().flat_map(|p| view.slice(p.clone()).to_vec()).collect(),
    };
    if !is_text(&raw) || is_binary(&raw) {
        return None;
    }
    let plain = shape::decoded(&raw).or_else(|| shape::unescaped(&raw));
    let text = plain.as_deref().unwrap_or(&raw);
    if plain.is_some() && !is_text(text) {
        return None;
    }
    let value = Value { text, counts: shape::counts(text), likeness: words::likeness(text) };
    let mut scale = Scale::new(least);
    if site.op != Op::Given {
        of_name(name, &mut scale);
    }
    of_site(site, &mut scale);
    of_characters(&value, &mut scale);
    like(&value.likeness, &mut scale);
    if !scale.may_reach(weights::SHAPE + weights::AROUND) || is_no_value(name.class, &raw) {
        return None;
    }
    of_words(text, view.slice(site.name.clone()), &mut scale);
    of_shape(&value, &mut scale);
    if !scale.may_reach(weights::SHAPE + weights::AROUND) {
        return None;
    }
    of_use(view, name, site, &value, &mut scale);
    of_class(view, name, site, &value, &mut scale);
    if !scale.may_reach(weights::AROUND) {
        return None;
    }
    around(view, name, site, text, &mut scale.list);
    Some(scale.list)
}

/// Is it long enough, and of characters that people can type?
fn is_text(value: &[u8]) -> bool {
    value.len() >= SHORTEST && !value.iter().any(|b| b.is_ascii_control() && !b.is_ascii_whitespace())
}

/// Bytes of a program or a picture? A letter of an old encoding may be one.
fn is_binary(value: &[u8]) -> bool {
    value.iter().filter(|b| **b >= 0x80).count() > 1 && std::str::from_utf8(value).is_err()
}

/// Sealed, packed, or with a name or an armour of its own inside?
fn is_no_value(class: Class, raw: &[u8]) -> bool {
    // `Digest nonce="..."`: the inner value has a name of its own.
    let mut heads = raw.split(|b| *b == b'=').rev().skip(1);
    heads.any(|head| assign::has_key_word(&head[head.len().saturating_sub(16)..]))
        || shape::is_sealed(raw)
        || shape::is_packed(raw)
        || class == Class::Password && shape::is_hash_in_base64(raw)
        // Blocks with armour are for the rules that can read them.
        || raw.windows(10).any(|w| w == b"-----BEGIN")
}

/// What the place of a value says together with what it looks like.
fn of_use(view: &mut View<'_>, name: &Name, site: &Site, value: &Value<'_>, scale: &mut Scale) {
    let Value { text, counts, likeness } = value;
    let bare = site.quote != Quote::Quoted;
    let left_open = |open: u8, close: u8| text.contains(&open) && !text.contains(&close);
    let opens = site.quote == Quote::BareAmong && (left_open(b'(', b')') || left_open(b'[', b']'));
    scale.add(
        shape::is_between_literals(text) || bare && shape::is_code_piece(text) || opens || shape::is_entry(text),
        Evidence::CodePiece,
    );
    let filled = site.pieces.first().is_some_and(|p| shape::is_template(view.slice(p.clone())));
    scale.add(filled && !shape::is_template(text), Evidence::Template);
    scale.add(is_part_of_name(view.slice(site.name.clone()), text, bare), Evidence::PartOfName);

    scale.add(bare && is_field(view, site), Evidence::CodePiece);
    scale.add(!bare && shape::has_breaks(text), Evidence::Breaks);
    scale.add(name.class == Class::Salt && text.len() < 9, Evidence::ShortSalt);
    scale.add(site.op == Op::Call && is_first_of_more(view, site), Evidence::FirstOfMore);
    scale.add(site.op == Op::Flag && text.starts_with(b"--"), Evidence::CodePiece);
    scale.add(shape::is_class_path(text), Evidence::ClassPath);
    scale.add(shape::is_injection(text), Evidence::Injection);
    scale.add(matches!(name.class, Class::Password | Class::Secret) && is_of_policy(text, counts), Evidence::Policy);
    scale.add(shape::is_shortcut(text) || shape::is_field_rules(text), Evidence::Shortcut);
    scale.add(counts.space > 0 && shape::is_phrase(text, likeness.bits), Evidence::TextPhrase);
    scale.add(name.class == Class::BareKey && text.iter().any(|b| matches!(b, b' ' | b'~')), Evidence::KeyText);
    scale.add(site.op == Op::Pair && is_listed(view, site) && !is_declared(view, site), Evidence::Listed);
    let named = shape::is_uuid(text) || likeness.bits > 0.0;
    let section = site.wrapped && is_first_of_two(view, site);
    scale.add(site.wrapped && (named || section) && looks_up(view, site), Evidence::LookedUp);
    scale.add(bare && shape::is_type(text), Evidence::Constant);
    // `password := Password`: a variable.
    let letters = text.iter().all(u8::is_ascii_alphabetic) && text[0].is_ascii_uppercase();
    let declares = bare && letters && view.line_to(site.value.start, 8).trim_ascii_end().ends_with(b":=");
    scale.add(declares, Evidence::CodePiece);
    // `L&ouml;senord` in a file of settings: only its start was read.
    let entity = text.iter().rposition(|b| *b == b'&').map(|at| &text[at + 1..]);
    let cut = entity.is_some_and(|e| (2..8).contains(&e.len()) && e.iter().all(u8::is_ascii_lowercase));
    scale.add(bare && cut && view.get(site.value.end) == Some(b';'), Evidence::CodePiece);
    if site.op == Op::Call || site.wrapped && !(named || section) {
        let asked = if site.op == Op::Call { view.slice(site.name.clone()) } else { called(view, site) };
        scale.add(gets(asked) && assign::has_key_word(asked), Evidence::LookedUp);
    }
}

/// What a value looks like under a name of a class.
fn of_class(view: &mut View<'_>, name: &Name, site: &Site, value: &Value<'_>, scale: &mut Scale) {
    let Value { text, counts, likeness } = value;
    scale.add(name.around.gpg && is_key_print(text), Evidence::KeyPrint);
    scale.add(site.op == Op::Pair && shape::are_siblings(view.slice(site.name.clone()), text), Evidence::Siblings);
    scale.add(is_wide_text(text, counts) || shape::is_few_escapes(text), Evidence::WideText);
    scale.add(counts.upper == 1 && text[0].is_ascii_uppercase() && counts.lower + 1 == text.len(), Evidence::OneWord);
    scale.add(counts.lower == text.len() && likeness.bits > WORD && likeness.bits < 4.0, Evidence::LowerWord);
    let capitals = text.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    let word = capitals || counts.lower == text.len();
    scale.add(name.class == Class::Token && word, Evidence::ParserToken);
    scale.add(site.wrapped && capitals, Evidence::WrappedName);
    let hash = counts.digit > 0 && text.len() >= 8 && text.iter().all(u8::is_ascii_hexdigit);
    let is_id = hash || text.starts_with(b"0x") || shape::is_uuid(text);
    scale.add(name.class == Class::BareKey && is_id, Evidence::BareKeyHash);
    let closed = matches!(view.get(site.name.end), Some(b'"' | b'\''));
    let record = closed || name.class == Class::BareKey && is_item(view, site);
    // `android:key="..."`: an attribute with a namespace.
    let attribute = site.op == Op::Equals && view.before(site.name.start) == Some(b':');
    let record = record && site.op == Op::Colon || attribute;
    scale.add(name.class == Class::BareKey && record, Evidence::KeyOfRecord);
    scale.add(name.class == Class::BareKey && site.op == Op::Query, Evidence::KeyOfQuery);
    scale.add(name.class != Class::Password && text.len() <= SHORT_KEY, Evidence::ShortKey);
    scale.add(is_before_ciphertext(view, site, text), Evidence::SealedBehind);
    scale.add(view.before(site.value.start) == Some(b'`') && text.contains(&b' '), Evidence::Template);
}

/// Is it what people make up when they are asked for letters, digits and signs: `Dragon2024@x`?
fn is_of_policy(value: &[u8], counts: &Counts) -> bool {
    let sign = value.iter().any(|b| b"!@#$%^&*?".contains(b));
    let other = value.iter().any(|b| !b.is_ascii_alphanumeric() && !b"!@#$%^&*?-_.+".contains(b));
    (8..=20).contains(&value.len()) && sign && !other && counts.digit >= 2 && counts.lower + counts.upper >= 3
}

/// Is it the name of a function that gets a secret by its name: `get_user_secret("...")`?
fn gets(name: &[u8]) -> bool {
    let last = name.rsplit(|b| *b == b'.').next().unwrap_or_default();
    [&b"get"[..], b"find", b"load", b"fetch", b"lookup"].iter().any(|word| {
        let next = last.get(word.len());
        last.starts_with(word) && next.is_some_and(|b| *b == b'_' || b.is_ascii_uppercase())
    })
}

/// The fingerprint of a key of GnuPG, or the end of one: hex digits with blanks, and a sign that no other key will do.
fn is_key_print(value: &[u8]) -> bool {
    let print = value.strip_suffix(b"!").unwrap_or(value);
    let print = print.strip_prefix(b"0x").unwrap_or(print);
    let digits = print.iter().filter(|b| b.is_ascii_hexdigit()).count();
    if print.contains(&b',') {
        return print.split(|b| *b == b',').all(is_key_print);
    }
    matches!(digits, 8 | 16 | 32 | 40) && print.iter().all(|b| b.is_ascii_hexdigit() || *b == b' ')
}

/// Is the value a part of its name (`options_revIvl_key: revIvl`), or a member that is called alike (`p.JWTKey = o.JWTKey`)?
fn is_part_of_name(name: &[u8], value: &[u8], bare: bool) -> bool {
    let last = |text: &[u8]| text.rsplit(|b| *b == b'.').next().unwrap_or_default().to_ascii_lowercase();
    let inside = value.len() >= 5 && value.len() < name.len() && name.windows(value.len()).any(|w| w == value);
    let secret = |text: &[u8]| text.iter().any(u8::is_ascii_digit);
    inside && !secret(value) || bare && value.contains(&b'.') && !secret(value) && last(name) == last(value)
}

/// A field of a template or a format, with how it is written: `{password:>20}`.
fn is_field(view: &mut View<'_>, site: &Site) -> bool {
    let end = site.name.end;
    // `${secret:base36:32}`: what it is made of, and how long it is.
    let mut parts = view.slice(site.value.clone()).splitn(2, |b| *b == b':');
    let word = parts.next().is_some_and(|w| w.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    let length = parts.next().is_some_and(|n| n.iter().all(|b| b.is_ascii_digit() || *b == b'-'));
    if site.op == Op::Default && word && length {
        return true;
    }
    site.op == Op::Colon
        && view.before(site.name.start) == Some(b'{')
        && view.get(end) == Some(b':')
        && !view.get(end + 1).is_some_and(|b| b.is_ascii_whitespace())
}

/// Letters that English lacks, and none of what passwords have besides.
fn is_wide_text(value: &[u8], counts: &Counts) -> bool {
    let text = counts.digit == 0 && !value.iter().any(|b| b"$%^&*#@+=~|<>".contains(b));
    let sentence = counts.space > 0 && (counts.lower + counts.upper + counts.wide) * 10 >= value.len() * 6;
    counts.wide > 0 && (text || sentence)
}

fn of_name(name: &Name, scale: &mut Scale) {
    let class = match name.class {
        Class::Password => Evidence::NamePassword,
        Class::Secret => Evidence::NameSecret,
        Class::Token => Evidence::NameToken,
        Class::Key => Evidence::NameKey,
        Class::BareKey => Evidence::NameBareKey,
        Class::Auth => Evidence::NameAuth,
        Class::Salt => Evidence::NameSalt,
    };
    scale.add(true, class);
    scale.add(name.around.head, Evidence::NameHead);
    scale.add(name.around.tail, Evidence::NameTail);
    scale.add(name.around.sealed, Evidence::NameSealed);
    scale.add(name.around.derived, Evidence::NameDerived);
    scale.add(name.around.plural, Evidence::NamePlural);
    scale.add(name.around.more, Evidence::NameMore);
    scale.add(name.around.passing, Evidence::NamePassing);
    scale.add(name.around.nonce, Evidence::NameNonce);
    scale.add(name.around.random, Evidence::NameRandom);
}

fn of_site(site: &Site, scale: &mut Scale) {
    let op = match site.op {
        Op::Equals => Evidence::OpEquals,
        Op::Colon => Evidence::OpColon,
        Op::Arrow => Evidence::OpArrow,
        Op::Compare => Evidence::OpCompare,
        Op::Default => Evidence::OpDefault,
        Op::Pair => Evidence::OpPair,
        Op::Call => Evidence::OpCall,
        Op::Element => Evidence::OpElement,
        Op::Flag => Evidence::OpFlag,
        Op::Space => Evidence::OpSpace,
        Op::Query => Evidence::OpQuery,
        Op::Given => Evidence::Given,
    };
    scale.add(true, op);
    let quote = match site.quote {
        Quote::Quoted => Evidence::Quoted,
        Quote::Bare => Evidence::Bare,
        Quote::BareAmong => Evidence::BareAmong,
    };
    scale.add(true, quote);
    scale.add(site.joined, Evidence::Joined);
    scale.add(site.wrapped, Evidence::Wrapped);
    scale.add(site.phrase, Evidence::Phrase);
    scale.add(!site.pieces.is_empty(), Evidence::Pieces);
}

fn of_characters(value: &Value<'_>, scale: &mut Scale) {
    let Value { text: value, counts: c, .. } = value;
    let length = match value.len() {
        0..6 => Evidence::LengthTo5,
        6..8 => Evidence::Length6,
        8..12 => Evidence::Length8,
        12..16 => Evidence::Length12,
        16..24 => Evidence::Length16,
        24..40 => Evidence::Length24,
        40..128 => Evidence::Length40,
        _ => Evidence::Length128,
    };
    scale.add(true, length);
    let hex = value.iter().all(u8::is_ascii_hexdigit) && c.digit > 0 && c.lower + c.upper > 0;
    let kind = if c.digit == value.len() {
        Evidence::Digits
    } else if hex && value.len() >= 32 {
        Evidence::HexLong
    } else if hex && value.len() >= 12 {
        Evidence::HexShort
    } else if c.wide > 0 {
        Evidence::Wide
    } else if c.space > 0 {
        Evidence::Spaces
    } else if c.special > 0 {
        Evidence::Specials
    } else if c.lower == value.len() {
        Evidence::LowerOnly
    } else if c.upper == value.len() {
        Evidence::UpperOnly
    } else if c.digit == 0 {
        Evidence::Letters
    } else {
        Evidence::LettersDigits
    };
    scale.add(true, kind);
    scale.add(c.lower > 0 && c.upper > 0 && c.digit > 0, Evidence::ThreeKinds);
    scale.add(c.changes * 3 >= value.len() && value.len() >= 8, Evidence::ManyChanges);
    let few = match value.len() {
        0..8 => 3,
        8..16 => 5,
        _ => 7,
    };
    scale.add(c.distinct < few, Evidence::FewSymbols);
}

fn like(likeness: &Likeness, scale: &mut Scale) {
    let bits = likeness.bits;
    let like = if likeness.letters == 0 {
        Evidence::LikeNone
    } else if bits >= 16.0 {
        Evidence::LikeWords4
    } else if bits >= 9.0 {
        Evidence::LikeWords3
    } else if bits >= 4.0 {
        Evidence::LikeWords2
    } else if bits >= 0.0 {
        Evidence::LikeWords1
    } else if bits >= -5.0 {
        Evidence::LikeRandom1
    } else if bits >= -14.0 {
        Evidence::LikeRandom2
    } else {
        Evidence::LikeRandom3
    };
    scale.add(true, like);
}

fn of_words(value: &[u8], name: &[u8], scale: &mut Scale) {
    let share = shape::placeholder_share(value);
    scale.add((25..60).contains(&share), Evidence::Placeholder1);
    scale.add(share >= 60, Evidence::Placeholder2);
    scale.add(shape::sequence_share(value) >= 50, Evidence::Sequence);
    let letters = |text: &[u8]| -> Vec<u8> {
        text.iter().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect()
    };
    let (own, of_name) = (letters(value), letters(name));
    scale.add(
        own.len() >= 3 && (own == of_name || of_name.ends_with(&own) || own.ends_with(&of_name)),
        Evidence::SameWord,
    );
}

fn of_shape(value: &Value<'_>, scale: &mut Scale) {
    let Value { text: value, likeness, .. } = value;
    scale.add(shape::is_template(value), Evidence::Template);
    scale.add(shape::is_left_out(value), Evidence::LeftOut);
    scale.add(shape::is_numeric(value), Evidence::Numeric);
    scale.add(shape::is_label(value), Evidence::Label);
    scale.add(shape::is_regex(value), Evidence::Regex);
    scale.add(shape::is_address(value), Evidence::Address);
    scale.add(shape::says_example(value), Evidence::SaysExample);
    scale.add(shape::is_path(value), Evidence::Path);
    scale.add(shape::is_file(value), Evidence::File);
    scale.add(shape::is_code(value), Evidence::Code);
    scale.add(shape::is_uuid(value), Evidence::Uuid);
    scale.add(shape::is_identifier(value, likeness.bits), Evidence::Identifier);
    scale.add(shape::is_constant(value), Evidence::Constant);
    let at = value.iter().position(|b| *b == b'@');
    scale.add(at.is_some_and(|i| i > 1 && value[i + 1..].contains(&b'.')), Evidence::Email);
    let base64 = value.len() >= 16
        && value.len().is_multiple_of(4)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'))
        && (value.ends_with(b"=") || value.contains(&b'+') || value.contains(&b'/'));
    scale.add(base64, Evidence::Base64);
}
