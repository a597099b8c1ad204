//! What the text around name and value says about the value.

use crate::generic::assign::{self, Op, Quote, Site};
use crate::generic::name::{Class, Name};
use crate::generic::view::View;
use crate::generic::weights::Evidence;

/// Bytes on each side in which texts for people are looked for.
const TEXTS: usize = 200;

/// Bytes before the name in which a user name is looked for.
const NEAR: usize = 200;

/// Is the value what begins a pair of initialisation vector and ciphertext: `iv||ciphertext`, both in base64?
pub(super) fn is_before_ciphertext(view: &mut View<'_>, site: &Site, value: &[u8]) -> bool {
    let is_code = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    if site.quote == Quote::Quoted || !view.has(site.value.end, b"||") || !value.iter().all(is_code) {
        return false;
    }
    let rest = view.line_from(site.value.end + 2, CIPHERTEXT);
    rest.iter().take_while(|b| is_code(b)).count() >= CIPHERTEXT
}

/// Shortest ciphertext in base64.
const CIPHERTEXT: usize = 16;

/// What the text around name and value says.
pub(super) fn around(view: &mut View<'_>, name: &Name, site: &Site, value: &[u8], list: &mut Vec<Evidence>) {
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
    add(
        named_token
            && (badge(b"badge")
                || badge(b".svg?")
                || badge(b"shields.io/")
                || badge(b"/status?")
                || badge(b"alt=media&"))
            || name.class == Class::Token && opens_media(line),
        Evidence::Badge,
    );
    add(is_thumbprint(view, site, value), Evidence::Thumbprint);
    // `arn:aws:secretsmanager:...:secret:name`
    add(site.op == Op::Colon && badge(b"arn:aws"), Evidence::SealedBehind);
    add([&b"encrypted "[..], b"Encrypted ", b"hashed "].iter().any(|w| line.ends_with(w)), Evidence::NameDerived);
    add(name.class == Class::Password && is_beside_fail(view, site), Evidence::BesideFail);
    add(is_made_name(view, site, line), Evidence::MadeName);
    add(is_index(view, site), Evidence::IndexName);
    add(is_directory(view, site, line), Evidence::WorkingDirectory);
    add(name.class == Class::Password && is_user_hash(view, site, value), Evidence::UserHash);
    add(line.ends_with(b"public ") || line.ends_with(b"Public "), Evidence::SaidPublic);
    let signed = name.class == Class::Auth && line.ends_with(b"AWS4-HMAC-SHA256 ");
    let owner = is_owner(value) && (signed || name.around.access && secret_beside(view, site));
    add(owner, Evidence::OwnerBeside);
    add(name.class == Class::Secret && is_of_photo(view, site, value), Evidence::Photo);
    add(site.op == Op::Pair && others_alike(view, site, value), Evidence::Alike);
    let near = view.slice(site.name.start.saturating_sub(NEAR)..site.name.start);
    let says = |word: &[u8]| {
        memchr::memchr2_iter(word[0], word[0].to_ascii_uppercase(), near)
            .any(|i| near.get(i..i + word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word)))
    };
    let words: [&[u8]; 22] = [
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
        // What was sealed with an authenticated cipher.
        b"\"iv\"",
        b"aead",
        // Beside the hash that it was used for.
        b"iterations",
        b"secretdata",
        b"hashed",
        b"pbkdf",
    ];
    let dated = value.starts_with(b"20") && value.len() > 10 && value[4] == b'-' && value[7] == b'-';
    // An attribute of a page.
    let dated = dated || view.slice(site.name.clone()).starts_with(b"data-");
    let public = value.starts_with(b"0x")
        || site.op == Op::Query
        || dated
        || name.class == Class::Salt && words.iter().any(|word| says(word));
    let beside = name.class == Class::Salt && is_beside_hash(view, site, value);
    add(name.class == Class::Salt && (public || beside), Evidence::PublicSalt);
    let hashes = [&b"hash"[..], b"crypt", b"digest", b"md5"].iter().any(|word| says(word));
    let answer = view.slice(site.name.clone()).ends_with(b"answer");
    let salted = value.len() >= 32 && value.iter().all(u8::is_ascii_hexdigit) && is_beside_salt(view, site);
    let hash = name.class == Class::Password && (hex_of_sum(value) && hashes || salted) || answer && salted;
    add(hash, Evidence::HashNear);
    add(says(b"user") || says(b"login") || says(b"email") || says(b"-u "), Evidence::UserNear);
}

/// Does a hash stand around, of which this is the salt?
fn is_beside_hash(view: &mut View<'_>, site: &Site, value: &[u8]) -> bool {
    let from = site.name.start.saturating_sub(TEXTS);
    let parts = [view.slice(from..site.name.start), view.slice(site.value.end..site.value.end + TEXTS)];
    let hash = |word: &[u8]| word.len() >= 32 && word != value && word.iter().all(u8::is_ascii_hexdigit);
    let says =
        |part: &&[u8]| part.windows(4).any(|w| w.eq_ignore_ascii_case(b"pass") || w.eq_ignore_ascii_case(b"hash"));
    parts.iter().any(says) && parts.iter().any(|part| part.split(|b| !b.is_ascii_alphanumeric()).any(hash))
}

/// Does a salt stand beside, as beside a hash in a table of users?
fn is_beside_salt(view: &mut View<'_>, site: &Site) -> bool {
    let from = site.name.start.saturating_sub(BESIDE);
    let parts = [view.slice(from..site.name.start), view.slice(site.value.end..site.value.end + BESIDE)];
    let says = |part: &&[u8]| part.windows(4).any(|w| w.eq_ignore_ascii_case(b"salt"));
    parts.iter().any(says)
}

/// Is it what must pass a test, beside what must fail: `pass: '...', fail: '...'`?
fn is_beside_fail(view: &mut View<'_>, site: &Site) -> bool {
    if !matches!(view.slice(site.name.clone()), b"pass" | b"passes") {
        return false;
    }
    let from = site.name.start.saturating_sub(TEXTS);
    let parts = [view.slice(from..site.name.start), view.slice(site.value.end..site.value.end + TEXTS)];
    let says = |word: &[u8]| parts.iter().any(|part| memchr::memmem::find(part, word).is_some());
    says(b"fail(") || says(b"fail:") || says(b"fails:") || says(b"\"fail\"") || says(b"'fail'")
}

/// Do names that differ in one letter stand around, as a program makes them: `owd='a',Pwd='b',qwd='c'`?
fn is_made_name(view: &mut View<'_>, site: &Site, line: &[u8]) -> bool {
    let name = view.slice(site.name.clone());
    if name.len() > 4 || view.get(site.name.end) != Some(b'=') {
        return false;
    }
    let after = view.line_from(site.value.end, 80);
    let others = [line, after].into_iter().flat_map(|part| part.split(|b| *b == b',')).filter(|entry| {
        entry.get(name.len()) == Some(&b'=') && entry[1..name.len()] == name[1..] && entry[0] != name[0]
    });
    others.count() > 0
}

/// Is it the variable that holds the directory a program runs in: `os.environ["PWD"]`, `getenv("PWD")`?
fn is_directory(view: &mut View<'_>, site: &Site, line: &[u8]) -> bool {
    let before = &line[line.len().saturating_sub(16)..];
    view.slice(site.name.clone()) == b"PWD" && before.windows(3).any(|w| w.eq_ignore_ascii_case(b"env"))
}

/// Is it the name of an index in the statement that makes a table, before its columns: ``KEY `name` (`column`)``?
fn is_index(view: &mut View<'_>, site: &Site) -> bool {
    if site.op != Op::Space || !view.slice(site.name.clone()).eq_ignore_ascii_case(b"key") {
        return false;
    }
    let rest = view.line_from(site.value.end, 8);
    rest.strip_prefix(b"`").or(rest.strip_prefix(b"\"")).unwrap_or(rest).trim_ascii_start().starts_with(b"(")
}

/// Does a line end in the query of a file that a storage hands out to everybody: `?alt=media&token=`, escaped or not?
fn opens_media(line: &[u8]) -> bool {
    [&b"alt=media&"[..], b"alt=media&amp;", b"alt=media\\"].iter().any(|end| line.ends_with(end))
}

/// Is it as long as the thumbprint of a certificate, and does the text around speak of one?
fn is_thumbprint(view: &mut View<'_>, site: &Site, value: &[u8]) -> bool {
    if !matches!(value.len(), 40 | 64) || !value.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let from = site.name.start.saturating_sub(NEAR);
    let parts = [view.slice(from..site.value.start), view.slice(site.value.end..site.value.end + NEAR)];
    let says = |word: &[u8]| parts.iter().any(|part| memchr::memmem::find(part, word).is_some());
    says(b"humbprint") || says(b"THUMBPRINT")
}

/// Does the list around give others, under the same name, another value as long as this hash? They are hashes of passwords,
/// also with their salt.
fn is_user_hash(view: &mut View<'_>, site: &Site, value: &[u8]) -> bool {
    let hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    if value.len() < 32 || !hex(value) {
        return false;
    }
    let tied = view.slice(site.name.start..site.value.start);
    if tied.is_empty() || site.op == crate::generic::assign::Op::Given && tied.len() > TEXTS {
        return false;
    }
    let from = site.name.start.saturating_sub(2 * TEXTS);
    let parts = [view.slice(from..site.name.start), view.slice(site.value.end..site.value.end + 2 * TEXTS)];
    let mut others = parts.iter().flat_map(|part| {
        memchr::memmem::find_iter(part, tied).filter_map(|at| part.get(at + tied.len()..at + tied.len() + value.len()))
    });
    others.any(|other| other != value && hex(other))
}

/// Is the name itself one text of a list, behind another: `"secret","token","..."`? Options of a command are written so, too.
pub(super) fn is_listed(view: &mut View<'_>, site: &Site) -> bool {
    let quote = view.before(site.name.start);
    if !matches!(quote, Some(b'"' | b'\'' | b'`')) {
        return false;
    }
    let left = view.line_to(site.name.start - 1, 16);
    let left = left.strip_suffix(b"\\").unwrap_or(left).trim_ascii_end();
    left.strip_suffix(b",").is_some_and(|l| matches!(l.last(), Some(b'"' | b'\'' | b'`')))
}

/// Do the texts declare a constant, by its type, name and value: `buildConfigField("String", "API_KEY", "...")`?
pub(super) fn is_declared(view: &mut View<'_>, site: &Site) -> bool {
    let line = view.line_to(site.name.start, 64);
    [&b"buildConfigField"[..], b"resValue"].iter().any(|call| memchr::memmem::find(line, call).is_some())
}

/// Is the value the first argument of several: `set_password("service", user, password)`?
pub(super) fn is_first_of_more(view: &mut View<'_>, site: &Site) -> bool {
    let rest = view.line_from(site.value.end, 24);
    let Some(rest) = rest.get(1..).and_then(|r| r.trim_ascii_start().strip_prefix(b",")) else { return false };
    let next = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'$' | b'_' | b'@' | b'"' | b'\'');
    rest.trim_ascii_start().first().is_some_and(next)
}

/// Is the value handed to a function that looks something up: `keyring.get_password("x")`, `credentials("x")`?
pub(super) fn looks_up(view: &mut View<'_>, site: &Site) -> bool {
    let name = called(view, site);
    let last = name.rsplit(|b| *b == b'.').next().unwrap_or_default();
    assign::has_key_word(last) || assign::looks_up(last)
}

/// The name of the function that the value is handed to: `f.get_user_secret` of `p = f.get_user_secret("...")`.
pub(super) fn called<'a>(view: &mut View<'a>, site: &Site) -> &'a [u8] {
    let between = view.slice(site.name.end..site.value.start);
    let head = between.iter().rposition(|b| *b == b'(').map_or(&between[..0], |open| &between[..open]);
    head.rsplit(|b| !assign::in_name(*b)).next().unwrap_or_default()
}

/// Does the name begin an item of a list in YAML: `- key: value`?
pub(super) fn is_item(view: &mut View<'_>, site: &Site) -> bool {
    view.line_to(site.name.start, 80).trim_ascii() == b"-"
}

/// Is it the first of two texts: `config.get("section", "password")`?
pub(super) fn is_first_of_two(view: &mut View<'_>, site: &Site) -> bool {
    let rest = view.line_from(site.value.end, 8);
    let rest = rest.get(1..).and_then(|r| r.trim_ascii_start().strip_prefix(b","));
    rest.is_some_and(|r| matches!(r.trim_ascii_start().first(), Some(b'"' | b'\'')))
}

/// Is it like the id of an access key: capitals and digits, as AWS and those who copy it make them?
fn is_owner(value: &[u8]) -> bool {
    (16..=24).contains(&value.len()) && value.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Does the name of a secret key stand beside, behind the value or before the name? Or is it one of the claims of a token,
/// which the secret has signed?
fn secret_beside(view: &mut View<'_>, site: &Site) -> bool {
    let from = site.name.start.saturating_sub(BESIDE);
    let parts = [view.slice(from..site.name.start), view.slice(site.value.end..site.value.end + BESIDE)];
    let says = |part: &&[u8]| part.windows(6).any(|w| w.eq_ignore_ascii_case(b"secret"));
    let claims = [&b"\"aud\":"[..], b"\"exp\":", b"\"acr\":", b"\"iss\":"];
    parts.iter().any(says) || claims.iter().any(|claim| memchr::memmem::find(parts[1], claim).is_some())
}

/// Bytes on each side in which the other half of a pair of keys is looked for.
const BESIDE: usize = 100;

/// Is it the secret that makes the address of a photo, beside the number of its server and its farm or owner? It is public.
fn is_of_photo(view: &mut View<'_>, site: &Site, value: &[u8]) -> bool {
    if !(8..=18).contains(&value.len()) || !value.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let from = site.name.start.saturating_sub(BESIDE);
    let parts = [view.slice(from..site.name.start), view.slice(site.value.end..site.value.end + BESIDE)];
    let says = |word: &[u8]| parts.iter().any(|part| memchr::memmem::find(part, word).is_some());
    says(b"server") && (says(b"farm") || says(b"owner"))
}

/// Do several texts of the same length and kind stand in the lines around, as in a list of passwords with their hashes?
fn others_alike(view: &mut View<'_>, site: &Site, value: &[u8]) -> bool {
    if value.len() < 12 || !value.iter().any(u8::is_ascii_digit) {
        return false;
    }
    let from = site.name.start.saturating_sub(2 * TEXTS);
    let before = view.slice(from..site.name.start);
    let after = view.slice(site.value.end..site.value.end + 2 * TEXTS);
    let is_piece = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'.' | b'@' | b'-' | b'_');
    let alike = |text: &&[u8]| text.len() == value.len() && text.iter().any(u8::is_ascii_digit);
    [before, after].iter().flat_map(|part| part.split(|b| !is_piece(*b))).filter(alike).count() >= 2
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
