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
/// Letters that follow each other better than this may be a word that the table of letters does not know.
const WORD: f32 = -8.0;
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
    if value.len() < SHORTEST
        || control
        || shape::is_sealed(&value)
        || shape::is_packed(&value)
        || value.windows(10).any(|w| w == b"-----BEGIN")
    {
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
    let value = shape::decoded(&value).or_else(|| shape::unescaped(&value)).unwrap_or(value);
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
    let opens = site.quote == Quote::BareAmong && value.contains(&b'(') && !value.contains(&b')');
    add(shape::is_between_literals(&value) || bare && shape::is_code_piece(&value) || opens, Evidence::CodePiece);
    add(!bare && shape::has_breaks(&value), Evidence::Breaks);
    add(name.class == Class::Salt && value.len() < 9, Evidence::ShortSalt);
    add(site.op == Op::Call && is_first_of_more(view, site), Evidence::FirstOfMore);
    add(site.op == Op::Flag && value.starts_with(b"--"), Evidence::CodePiece);
    add(shape::is_class_path(&value), Evidence::ClassPath);
    add(shape::is_shortcut(&value) || shape::is_field_rules(&value), Evidence::Shortcut);
    add(counts.space > 0 && shape::is_phrase(&value, likeness.bits), Evidence::TextPhrase);
    add(name.class == Class::BareKey && value.iter().any(|b| matches!(b, b' ' | b'~')), Evidence::KeyText);
    add(site.op == Op::Pair && is_listed(view, site), Evidence::Listed);
    let named = shape::is_uuid(&value) || likeness.bits > 0.0;
    add(site.wrapped && named && looks_up(view, site), Evidence::LookedUp);
    add(bare && shape::is_type(&value), Evidence::Constant);
    let print =
        value.iter().filter(|b| **b != b' ').all(u8::is_ascii_hexdigit) && matches!(value.len(), 8 | 16 | 40 | 50);
    add(name.around.gpg && print, Evidence::KeyPrint);
    add(site.op == Op::Pair && shape::are_siblings(view.slice(site.name.clone()), &value), Evidence::Siblings);
    add(is_wide_text(&value, &counts), Evidence::WideText);
    add(counts.upper == 1 && value[0].is_ascii_uppercase() && counts.lower + 1 == value.len(), Evidence::OneWord);
    add(counts.lower == value.len() && likeness.bits > WORD && likeness.bits < 4.0, Evidence::LowerWord);
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

/// Is the name itself one text of a list, behind another: `"secret","token","..."`? Options of a command are written so, too.
fn is_listed(view: &mut View<'_>, site: &Site) -> bool {
    let quote = view.before(site.name.start);
    if !matches!(quote, Some(b'"' | b'\'' | b'`')) {
        return false;
    }
    let left = view.line_to(site.name.start - 1, 16);
    let left = left.strip_suffix(b"\\").unwrap_or(left).trim_ascii_end();
    left.strip_suffix(b",").is_some_and(|l| matches!(l.last(), Some(b'"' | b'\'' | b'`')))
}

/// Is the value the first argument of several, and the next one no literal: `set_password("service", user, password)`?
fn is_first_of_more(view: &mut View<'_>, site: &Site) -> bool {
    let rest = view.line_from(site.value.end, 24);
    let Some(rest) = rest.get(1..).and_then(|r| r.trim_ascii_start().strip_prefix(b",")) else { return false };
    rest.trim_ascii_start().first().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'$' | b'_' | b'@'))
}

/// Is the value handed to a function that looks something up: `keyring.get_password("x")`, `credentials("x")`?
fn looks_up(view: &mut View<'_>, site: &Site) -> bool {
    const WORDS: &[&[u8]] =
        &[b"get", b"find", b"load", b"read", b"fetch", b"lookup", b"env", b"prompt", b"ask", b"input"];
    let between = view.slice(site.name.end..site.value.start);
    let Some(open) = between.iter().rposition(|b| *b == b'(') else { return false };
    let head = &between[..open];
    let start = head.iter().rposition(|b| !assign::in_name(*b)).map_or(0, |i| i + 1);
    let last = head[start..].rsplit(|b| *b == b'.').next().unwrap_or_default();
    let says = |w: &&[u8]| last.len() >= w.len() && last[..w.len()].eq_ignore_ascii_case(w);
    assign::has_key_word(last) || WORDS.iter().any(says)
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
    let letters = !value.iter().any(u8::is_ascii_digit);
    add((letters || value.contains(&b' ')) && among_texts(view, site), Evidence::AmongTexts);
    add(hex_of_sum(value) && among_sums(view, site, value.len()), Evidence::Sum);
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
    let words: [&[u8]; 16] = [
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
        b"publickey",
        b"certificate",
        b"metadata",
        b"crypted",
    ];
    let dated = value.starts_with(b"20") && value.len() > 10 && value[4] == b'-' && value[7] == b'-';
    // An attribute of a page.
    let dated = dated || view.slice(site.name.clone()).starts_with(b"data-");
    let public = value.starts_with(b"0x")
        || site.op == Op::Query
        || dated
        || name.class == Class::Salt && words.iter().any(|word| says(word));
    add(name.class == Class::Salt && public, Evidence::PublicSalt);
    let hashes = [&b"hash"[..], b"crypt", b"digest", b"md5"].iter().any(|word| says(word));
    add(name.class == Class::Password && hex_of_sum(value) && hashes, Evidence::HashNear);
    add(says(b"user") || says(b"login") || says(b"email") || says(b"-u "), Evidence::UserNear);
}

/// Letters that English lacks, and none of what passwords have besides.
fn is_wide_text(value: &[u8], counts: &Counts) -> bool {
    let text = counts.digit == 0 && !value.iter().any(|b| b"$%^&*#@+=~|<>".contains(b));
    let sentence = counts.space > 0 && (counts.lower + counts.upper + counts.wide) * 10 >= value.len() * 6;
    counts.wide > 0 && (text || sentence)
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
    add(name.around.derived, Evidence::NameDerived);
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
    let from = site.name.start.saturating_sub(TEXTS);
    let parts = [view.slice(from..site.name.start), view.slice(site.value.end..site.value.end + TEXTS)];
    let texts: usize = parts.iter().flat_map(|part| part.split(|b| *b == b'\n')).map(text_of_line).sum();
    texts >= 2 * TEXT
}

/// How much a line with a text for people says.
const TEXT: usize = 3;

/// Is it as long as the sums of files are?
fn hex_of_sum(value: &[u8]) -> bool {
    matches!(value.len(), 32 | 40 | 64 | 96 | 128) && value.iter().all(u8::is_ascii_hexdigit)
}

/// Do other sums of the same length stand around, none of them under a name that promises a secret?
fn among_sums(view: &mut View<'_>, site: &Site, len: usize) -> bool {
    let from = site.name.start.saturating_sub(2 * TEXTS);
    let before = view.slice(from..site.name.start);
    let after = view.slice(site.value.end..site.value.end + 2 * TEXTS);
    let lines = before.split(|b| *b == b'\n').chain(after.split(|b| *b == b'\n'));
    let sums = lines.filter(|line| {
        let sum = |word: &[u8]| word.len() == len && word.iter().all(u8::is_ascii_hexdigit);
        line.split(|b| !b.is_ascii_alphanumeric()).any(sum) && !assign::has_key_word(line)
    });
    sums.count() >= 2
}

/// Does a line give a name a text for people? A word with a capital may be one. Lines without breaks hold many.
fn text_of_line(line: &[u8]) -> usize {
    let mut sum = 0;
    let mut rest = line;
    loop {
        let end = memchr::memmem::find(rest, b"\",").map_or(rest.len(), |i| i + 2);
        let (entry, behind) = rest.split_at(end);
        sum += text_of(entry);
        if behind.is_empty() {
            return sum;
        }
        rest = behind;
    }
}

fn text_of(entry: &[u8]) -> usize {
    // `<string name="x">Text</string>`
    if let Some(at) = memchr::memmem::find(entry, b"\">") {
        let text = &entry[at + 2..];
        let capital = text.first().is_some_and(|b| b.is_ascii_uppercase() || *b >= 0xc3);
        let letters = text.iter().take(4).skip(1).all(|b| b.is_ascii_lowercase() || *b >= 0x80 || *b == b' ');
        return if capital && letters && text.len() > 4 { TEXT } else { 0 };
    }
    let tied = entry.iter().position(|b| matches!(b, b'=' | b':' | b'>'));
    let Some(right) = tied.map(|i| entry[i + 1..].trim_ascii()) else { return 0 };
    let right = right.strip_prefix(b">").map_or(right, <[u8]>::trim_ascii_start);
    let quoted = matches!(right.first(), Some(b'"' | b'\'' | b'>')) || right.contains(&b'"');
    let blanks = right.iter().filter(|b| **b == b' ').count();
    let letters = right.iter().filter(|b| b.is_ascii_alphabetic() || **b >= 0x80).count();
    let escaped = memchr::memmem::find(right, b"\\u").is_some();
    if !quoted || !escaped && letters * 10 < right.len() * 7 {
        return 0;
    }
    if blanks >= 2 || escaped || right.iter().any(|b| *b >= 0xc3) {
        return TEXT;
    }
    let capital = right.get(1).is_some_and(u8::is_ascii_uppercase) && right.get(2).is_some_and(u8::is_ascii_lowercase);
    if capital { TEXT - 1 } else { 0 }
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
