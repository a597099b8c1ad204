//! Evidence for and against a value being a secret. The weights stand in [`weights`], and only there.

use crate::generic::assign::{self, Op, Quote, Site};
use crate::generic::name::{Class, Name};
use crate::generic::shape::{self, Counts};
use crate::generic::view::View;
use crate::generic::weights::{self, Evidence};
use crate::generic::words::{self, Likeness};

/// Shortest value that can be a secret.
const SHORTEST: usize = 4;
/// Bytes on each side in which texts for people are looked for.
const TEXTS: usize = 200;
/// Bytes before the name in which a user name is looked for.
const NEAR: usize = 200;

/// Everything that speaks for or against a value; `None` if it cannot be a secret at all, or if the sum of the weights
/// cannot reach `least`.
pub fn evidence(view: &mut View<'_>, name: &Name, site: &Site, least: i32) -> Option<Vec<Evidence>> {
    let raw = view.slice(site.value.clone());
    let value: Vec<u8> = match site.pieces.as_slice() {
        [] => raw.to_vec(),
        pieces => pieces.iter().flat_map(|p| view.slice(p.clone()).to_vec()).collect(),
    };
    let control = value.iter().any(|b| b.is_ascii_control() && !b.is_ascii_whitespace());
    // Blocks with armour are for the rules that can read them.
    if value.len() < SHORTEST || control || shape::is_sealed(&value) || value.windows(10).any(|w| w == b"-----BEGIN") {
        return None;
    }
    // `Digest nonce="..."`: the inner value has a name of its own.
    if value
        .split(|b| *b == b'=')
        .rev()
        .skip(1)
        .any(|head| assign::has_key_word(&head[head.len().saturating_sub(16)..]))
    {
        return None;
    }
    let value = shape::decoded(&value).unwrap_or(value);
    let counts = shape::counts(&value);
    let likeness = words::likeness(&value);
    let mut list = Vec::with_capacity(16);
    let mut add = |holds: bool, evidence: Evidence| {
        if holds {
            list.push(evidence);
        }
    };
    of_name(name, &mut add);
    of_site(site, &mut add);
    of_characters(&value, &counts, &mut add);
    of_words(&value, &likeness, view.slice(site.name.clone()), &mut add);
    of_shape(&value, &likeness, &mut add);
    let bare = site.quote != Quote::Quoted;
    add(shape::is_between_literals(&value) || bare && shape::is_code_piece(&value), Evidence::CodePiece);
    add(site.op == Op::Flag && value.starts_with(b"--"), Evidence::CodePiece);
    add(bare && shape::is_type(&value), Evidence::Constant);
    let print =
        value.iter().filter(|b| **b != b' ').all(u8::is_ascii_hexdigit) && matches!(value.len(), 8 | 16 | 40 | 50);
    add(name.around.gpg && print, Evidence::KeyPrint);
    add(site.op == Op::Pair && shape::are_siblings(view.slice(site.name.clone()), &value), Evidence::Siblings);
    add(is_wide_text(&value, &counts), Evidence::WideText);
    add(counts.upper == 1 && value[0].is_ascii_uppercase() && counts.lower + 1 == value.len(), Evidence::OneWord);
    let word = value.iter().all(u8::is_ascii_lowercase) || value.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    add(name.class == Class::Token && word, Evidence::ParserToken);
    let capitals = value.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    add(site.wrapped && capitals, Evidence::WrappedName);
    let hash = counts.digit > 0 && value.len() >= 8 && value.iter().all(u8::is_ascii_hexdigit);
    let is_id = hash || value.starts_with(b"0x") || shape::is_uuid(&value);
    add(name.class == Class::BareKey && is_id, Evidence::BareKeyHash);
    add(view.before(site.value.start) == Some(b'`') && value.contains(&b' '), Evidence::Template);
    // Most values are no secrets, and what stands around them need not be read.
    if weights::sum(&list) + weights::AROUND < least {
        return None;
    }
    around(view, name, site, &value, &mut list);
    Some(list)
}

/// What the text around name and value says.
fn around(view: &mut View<'_>, name: &Name, site: &Site, value: &[u8], list: &mut Vec<Evidence>) {
    let mut add = |holds: bool, evidence: Evidence| {
        if holds {
            list.push(evidence);
        }
    };
    let bare = site.quote != Quote::Quoted;
    let line = view.line_to(site.name.start, 160);
    let after = view.line_from(site.value.end, 80);
    let words = line.trim_ascii().contains(&b' ') && line.iter().filter(|b| **b == b' ').count() >= 3;
    add(bare && is_code_line(view, site, line, after), Evidence::BareCode);
    add(is_comment(line), Evidence::Comment);
    add(words && (bare && site.op == Op::Colon || site.op == Op::Space), Evidence::Prose);
    add(among_texts(view, site), Evidence::AmongTexts);
    let badge = |part: &[u8]| memchr::memmem::find(line, part).is_some();
    let hex = value.len() >= 32 && value.iter().all(u8::is_ascii_hexdigit);
    let summed = [&b"checksum/"[..], b"hash/", b"sha256/", b"checksum."].iter().any(|part| line.ends_with(part));
    add(hex && summed, Evidence::Sum);
    let named_token = name.class == Class::Token && line.ends_with(b"&") || site.op == Op::Query;
    add(named_token && (badge(b"badge") || badge(b".svg?")), Evidence::Badge);
    let near = view.slice(site.name.start.saturating_sub(NEAR)..site.name.start);
    let says = |word: &[u8]| {
        memchr::memchr2_iter(word[0], word[0].to_ascii_uppercase(), near)
            .any(|i| near.get(i..i + word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word)))
    };
    let words: [&[u8]; 12] = [
        b"kdf",
        b"cipher",
        b"dklen",
        b"scrypt",
        // A page's own, and the answer to a challenge.
        b"<script",
        b"<style",
        b"<link",
        b"<meta",
        b"csp",
        b"content_security",
        b"realm",
        b"digest",
    ];
    let public = value.starts_with(b"0x") || name.class == Class::Salt && words.iter().any(|word| says(word));
    add(name.class == Class::Salt && public, Evidence::PublicSalt);
    add(says(b"user") || says(b"login") || says(b"email") || says(b"-u "), Evidence::UserNear);
}

/// Letters that English lacks, written as they are or as `\u00e9`, and none of what passwords have besides.
fn is_wide_text(value: &[u8], counts: &Counts) -> bool {
    let escapes = value.windows(2).filter(|w| w == b"\\u").count();
    if counts.wide == 0 && escapes == 0 {
        return false;
    }
    // Four digits belong to each escape.
    let letters = value.iter().filter(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
    let digits = counts.digit.saturating_sub(escapes * 4);
    digits == 0 && letters > escapes * 2 && !value.iter().any(|b| b"$%^&*#@+=~|<>".contains(b))
}

fn of_name(name: &Name, add: &mut impl FnMut(bool, Evidence)) {
    let class = match name.class {
        Class::Password => Evidence::NamePassword,
        Class::Secret => Evidence::NameSecret,
        Class::Token => Evidence::NameToken,
        Class::Key => Evidence::NameKey,
        Class::BareKey => Evidence::NameBareKey,
        Class::Auth => Evidence::NameAuth,
        Class::Salt => Evidence::NameSalt,
    };
    add(true, class);
    add(name.around.head, Evidence::NameHead);
    add(name.around.tail, Evidence::NameTail);
    add(name.around.sealed, Evidence::NameSealed);
    add(name.around.plural, Evidence::NamePlural);
    add(name.around.more, Evidence::NameMore);
    add(name.around.passing, Evidence::NamePassing);
}

fn of_site(site: &Site, add: &mut impl FnMut(bool, Evidence)) {
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
    };
    add(true, op);
    let quote = match site.quote {
        Quote::Quoted => Evidence::Quoted,
        Quote::Bare => Evidence::Bare,
        Quote::BareAmong => Evidence::BareAmong,
    };
    add(true, quote);
    add(site.joined, Evidence::Joined);
    add(site.wrapped, Evidence::Wrapped);
    add(site.phrase, Evidence::Phrase);
    add(!site.pieces.is_empty(), Evidence::Pieces);
}

fn of_characters(value: &[u8], c: &Counts, add: &mut impl FnMut(bool, Evidence)) {
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
    add(true, length);
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
    add(true, kind);
    add(c.lower > 0 && c.upper > 0 && c.digit > 0, Evidence::ThreeKinds);
    add(c.changes * 3 >= value.len() && value.len() >= 8, Evidence::ManyChanges);
    let few = match value.len() {
        0..8 => 3,
        8..16 => 5,
        _ => 7,
    };
    add(c.distinct < few, Evidence::FewSymbols);
}

fn of_words(value: &[u8], likeness: &Likeness, name: &[u8], add: &mut impl FnMut(bool, Evidence)) {
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
    add(true, like);
    let share = shape::placeholder_share(value);
    add((25..60).contains(&share), Evidence::Placeholder1);
    add(share >= 60, Evidence::Placeholder2);
    add(shape::sequence_share(value) >= 50, Evidence::Sequence);
    let letters = |text: &[u8]| -> Vec<u8> {
        text.iter().filter(|b| b.is_ascii_alphabetic()).map(u8::to_ascii_lowercase).collect()
    };
    let (own, of_name) = (letters(value), letters(name));
    add(own.len() >= 3 && (own == of_name || of_name.ends_with(&own) || own.ends_with(&of_name)), Evidence::SameWord);
}

fn of_shape(value: &[u8], likeness: &Likeness, add: &mut impl FnMut(bool, Evidence)) {
    add(shape::is_template(value), Evidence::Template);
    add(shape::is_left_out(value), Evidence::LeftOut);
    add(shape::is_numeric(value), Evidence::Numeric);
    add(shape::is_label(value), Evidence::Label);
    add(shape::is_regex(value), Evidence::Regex);
    add(shape::is_address(value), Evidence::Address);
    add(shape::says_example(value), Evidence::SaysExample);
    add(shape::is_path(value), Evidence::Path);
    add(shape::is_file(value), Evidence::File);
    add(shape::is_code(value), Evidence::Code);
    add(shape::is_uuid(value), Evidence::Uuid);
    add(shape::is_identifier(value, likeness.bits), Evidence::Identifier);
    add(shape::is_constant(value), Evidence::Constant);
    let at = value.iter().position(|b| *b == b'@');
    add(at.is_some_and(|i| i > 1 && value[i + 1..].contains(&b'.')), Evidence::Email);
    let base64 = value.len() >= 16
        && value.len().is_multiple_of(4)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'))
        && (value.ends_with(b"=") || value.contains(&b'+') || value.contains(&b'/'));
    add(base64, Evidence::Base64);
}

/// Do the lines around hold texts for people: words with blanks between them in quotes, or letters beyond ASCII?
fn among_texts(view: &mut View<'_>, site: &Site) -> bool {
    let mut texts = 0;
    let from = site.name.start.saturating_sub(TEXTS);
    let parts = [view.slice(from..site.name.start), view.slice(site.value.end..site.value.end + TEXTS)];
    for line in parts.iter().flat_map(|part| part.split(|b| *b == b'\n')) {
        let tied = line.iter().position(|b| matches!(b, b'=' | b':' | b'>'));
        let Some(right) = tied.map(|i| line[i + 1..].trim_ascii()) else { continue };
        let quoted = matches!(right.first(), Some(b'"' | b'\'' | b'>')) || right.contains(&b'"');
        let blanks = right.iter().filter(|b| **b == b' ').count();
        let letters = right.iter().filter(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
        texts +=
            usize::from(quoted && letters * 10 >= right.len() * 7 && (blanks >= 2 || right.iter().any(|b| *b >= 0xc3)));
    }
    texts >= 2
}

fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    [&b"#"[..], b"//", b"*", b"/*", b"--", b";", b"<!--", b"%", b"rem ", b"REM "]
        .iter()
        .any(|mark| line.starts_with(mark))
}

/// Does a bare value stand in a line of a programming language, where it is a variable?
fn is_code_line(view: &mut View<'_>, site: &Site, line: &[u8], after: &[u8]) -> bool {
    let after = after.trim_ascii();
    let ends = matches!(after.first(), Some(b';' | b')' | b'(' | b'[' | b'{' | b'+' | b'?' | b'.' | b':'))
        || after.starts_with(b",") && site.op != Op::Equals
        || after.ends_with(b"{")
        || after.ends_with(b";");
    let start = line.trim_ascii_start();
    let words = [
        &b"let "[..],
        b"var ",
        b"const ",
        b"val ",
        b"def ",
        b"if ",
        b"return ",
        b"private ",
        b"public ",
        b"static ",
        b"final ",
        b"my ",
        b"local ",
        b"this.",
        b"self.",
        b"func ",
        b"fn ",
        b"function",
        b"for ",
        b"while ",
        b"new ",
        b"@",
        b"elif ",
        b"else",
        b"assert",
        b"expect",
        b"case ",
        b"async ",
        b"await ",
        b"protected ",
        b"internal ",
        b"readonly ",
        b"auto ",
        b"String ",
        b"string ",
        b"char ",
        b"int ",
        b"(",
        b"unless ",
    ];
    let opens = words.iter().any(|w| start.starts_with(w)) || start.contains(&b'(');
    let spaced = site.op == Op::Equals && view.before(site.value.start) == Some(b' ');
    ends || opens || spaced && site.name.end < site.value.start && start.ends_with(b".")
}
