//! What the name of a key says: `db_password`, `apiKey`, `X-Auth-Token`, `passwordFieldLabel`.

mod lists;
mod split;

use std::ops::Range;

use lists::{Lists, PASSWORD_ENDS};
use split::Words;

use crate::generic::words;

/// What kind of secret a name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// password, passwd, pwd, passphrase
    Password,
    /// secret
    Secret,
    /// token
    Token,
    /// API key, access key, private key: `key` with a word before it
    Key,
    /// `key` alone, which mostly is the key of a map
    BareKey,
    /// auth, authorization, credential
    Auth,
    /// salt, nonce
    Salt,
}

impl Class {
    /// Every kind that rules can name.
    pub const ALL: [Self; 6] = [Self::Password, Self::Secret, Self::Token, Self::Key, Self::Auth, Self::Salt];

    /// The word in rule files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Secret => "secret",
            Self::Token => "token",
            Self::Key | Self::BareKey => "key",
            Self::Auth => "credential",
            Self::Salt => "salt",
        }
    }

    /// The kind that a word in a rule file stands for.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == name)
    }
}

/// What stands around the key word in a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// A word before it says that this is no secret: `forgot_password`, `is_token`, `label_password`.
    pub head: bool,
    /// A word after it makes it something else: `password_field`, `token_type`, `key_id`.
    pub tail: bool,
    /// A word before it says that the value is derived or sealed: `hashed_password`, `sealed_key`.
    pub sealed: bool,
    /// A word before it says for sure that the value is derived from it: `encrypted_key`.
    pub derived: bool,
    /// Several of them: `tokens`, `passwords`.
    pub plural: bool,
    /// Words around it beside the key word itself.
    pub more: bool,
    /// A token that opens nothing: `page_token`, `csrf_token`.
    pub passing: bool,
    /// A number that is used once: `nonce`, `cnonce`.
    pub nonce: bool,
    /// The name looks random itself, as those of generated documents do: `tYws7pooSYEb`.
    pub random: bool,
    /// `access_key`, which mostly names the owner of a secret beside it.
    pub access: bool,
    /// A key of GnuPG, which people name by its fingerprint.
    pub gpg: bool,
}

/// A name that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The kind of secret.
    pub class: Class,
    /// The other words.
    pub around: Around,
}

/// Most words of a name that are looked at.
const WORDS: usize = 12;

/// Longest name that is read.
const LONGEST: usize = 128;

/// Reads a name in which a key word begins at `hit`, the last one in it.
pub fn read(name: &[u8], hit: usize) -> Option<Name> {
    let mut places: [Range<usize>; WORDS] = Default::default();
    let count = places.iter_mut().zip(Words::new(name)).map(|(place, word)| *place = word).count();
    let hit = if name.get(hit) == Some(&b'_') { hit + 1 } else { hit };
    let at = places[..count].iter().rposition(|w| w.contains(&hit))?;
    let mut small = [0; LONGEST];
    let small = small.get_mut(..name.len())?;
    small.copy_from_slice(name);
    small.make_ascii_lowercase();
    let words: [&[u8]; WORDS] = std::array::from_fn(|i| &small[places[i].clone()]);
    let (before, word, after) = (&words[..at], words[at], &words[at + 1..count]);
    let head = before.last().copied().unwrap_or_default();
    // `x_key` is a key, `BibTeX_key` is none.
    let head = if head.len() == 1 && before.len() > 1 { b"" } else { head };
    let (class, plural) = class(word, head)?;
    let lists: [Lists; WORDS] =
        std::array::from_fn(|i| if i == at || i >= count { Lists::default() } else { Lists::of(words[i]) });
    let (lists_before, lists_after) = (&lists[..at], &lists[at + 1..count]);
    let (said_before, said_after) = (Lists::any(lists_before), Lists::any(lists_after));
    if said_before.on(Lists::KEY_NOT) || word == b"pass" && Lists::of(head).on(Lists::RUNS) || word == b"chpwd" {
        return None;
    }
    // `auth.sid`: the id of a session, which opens it. `oauth.client` is the id of a client.
    let last = after.last().copied();
    let session = class == Class::Auth && last == Some(b"sid");
    let client = class == Class::Auth && after.first().is_some_and(|w| *w == b"client");
    let digits = |w: &[u8]| w.iter().all(u8::is_ascii_digit);
    // `key_addr_str`: how it is written is said last.
    let how = after.iter().rev().take_while(|w| matches!(**w, b"str" | b"string" | b"hex" | b"bytes")).count();
    let about = lists_after[..after.len() - how].last().is_some_and(|lists| lists.on(Lists::ABOUT));
    if about && !session
        || client
        || after.iter().any(|w| matches!(*w, b"prototype" | b"pub" | b"public"))
        || class == Class::Password && last == Some(b"encoded")
        || said_after.on(Lists::SEALED)
        || is_random(name)
        || is_file(name)
        || is_locale(name, &places[..count], at)
    {
        return None;
    }
    let around = Around {
        head: said_before.on(Lists::HEADS),
        tail: !session && after.iter().zip(lists_after).any(|(w, lists)| !digits(w) && !lists.on(Lists::TAILS)),
        sealed: said_before.on(Lists::SEALED),
        derived: matches!(class, Class::Key | Class::BareKey | Class::Password | Class::Auth)
            && said_before.on(Lists::DERIVED)
            || matches!(class, Class::Token | Class::Secret) && before.contains(&&b"hashed"[..])
            || class == Class::Password && head == b"encoded",
        // `X-Ops-Authorization-1`: a line of the signature of a request.
        passing: word == b"authorization" && after.len() == 1 && digits(after[0])
            // The address that a validator is paid out to.
            || class == Class::Auth && before.contains(&&b"withdrawal"[..])
            || class == Class::Token
                && (is_passing(before)
                    || [&b"csrf"[..], b"xsrf", b"opaquelock"].iter().any(|w| word.starts_with(w))),
        gpg: class == Class::Key
            && (matches!(head, b"gpg" | b"pgp" | b"signing") || matches!(word, b"signingkey" | b"gpgkey" | b"pgpkey")),
        nonce: class == Class::Salt && word.ends_with(b"nonce"),
        random: reads_random(name),
        access: word == b"accesskey" || class == Class::Key && head == b"access",
        plural,
        more: count > 1,
    };
    Some(Name { class, around })
}

/// Is it a token that only says where a list goes on, which form was sent, or which request is which?
fn is_passing(before: &[&[u8]]) -> bool {
    before.ends_with(&[b"client", b"request"]) || before.last().is_some_and(|w| Lists::of(w).on(Lists::PASSING))
}

/// The name of a source file, in a list of sums: `token.rs`.
fn is_file(name: &[u8]) -> bool {
    let Some(dot) = memchr::memrchr(b'.', name) else { return false };
    #[rustfmt::skip]
    let known = matches!(
        &name[dot + 1..],
        b"rs" | b"go" | b"py" | b"js" | b"ts" | b"tsx" | b"jsx" | b"java" | b"rb" | b"php" | b"c" | b"h" | b"cc" | b"cpp"
            | b"cs" | b"kt" | b"swift" | b"md" | b"html" | b"css" | b"scss" | b"svg" | b"png" | b"map" | b"mjs" | b"pem"
            | b"der" | b"vue" | b"dll" | b"exe" | b"so" | b"jar" | b"class"
    );
    known
}

/// A language and its country: `en_PW` is the English of Palau.
fn is_locale(name: &[u8], words: &[Range<usize>], at: usize) -> bool {
    let language = at.checked_sub(1).map(|i| &name[words[i].clone()]);
    const OTHERS: &[&[u8]] = &[b"db", b"pg", b"wp", b"ad", b"ftp", b"ssh"];
    &name[words[at].clone()] == b"PW"
        && language.is_some_and(|w| !OTHERS.contains(&w))
        && language.is_some_and(|w| matches!(w.len(), 2 | 3) && w.iter().all(u8::is_ascii_lowercase))
}

/// Does a name change between letters and digits as no name does? Then it is, or holds, a secret itself.
fn is_random(name: &[u8]) -> bool {
    if !name.iter().any(u8::is_ascii_digit) {
        return false;
    }
    let mixed = |w: &&[u8]| w[0].is_ascii_alphabetic() && w[1].is_ascii_digit();
    let kind = |b: u8| (b.is_ascii_digit(), b.is_ascii_uppercase());
    let changes = |piece: &[u8]| piece.windows(2).filter(|w| kind(w[0]) != kind(w[1])).count();
    name.split(|b| !b.is_ascii_alphanumeric()).any(|piece| {
        let digits = piece.windows(2).filter(mixed).count();
        digits >= 3 || digits >= 1 && piece.len() >= 11 && changes(piece) * 2 > piece.len()
    })
}

/// Do the letters of a name in both cases follow each other as in no language?
fn reads_random(name: &[u8]) -> bool {
    const UNLIKE: f32 = -8.0;
    let both = name.iter().any(u8::is_ascii_lowercase) && name.iter().any(u8::is_ascii_uppercase);
    both && name.len() >= 9 && words::likeness(name).bits < UNLIKE
}

/// The kind of secret that a word promises, and whether it is a plural.
fn class(word: &[u8], head: &[u8]) -> Option<(Class, bool)> {
    let on = |list: Lists, word: &[u8]| Lists::of(word).on(list);
    let ends = |end: &str| word.ends_with(end.as_bytes());
    let plural = word.ends_with(b"s");
    // `mot_de_passe`
    let french = word == b"passe" && head == b"de";
    let found = if on(Lists::PASSWORD, word) || french || PASSWORD_ENDS.iter().any(|end| ends(end)) {
        (Class::Password, ends("ds"))
    } else if let Some(stem) = word.strip_suffix(b"keys").or_else(|| word.strip_suffix(b"key")) {
        // In one word (`apikey`), or in two.
        let (stem, glued) = if stem.is_empty() { (head, false) } else { (stem, true) };
        if on(Lists::KEY_NOT, stem) || on(Lists::KEY_NAMES, stem) {
            return None;
        }
        match (on(Lists::KEY_HEADS, stem) || ends_in_head(stem), glued) {
            (true, _) => (Class::Key, plural),
            // `monkey`, `hotkey`, `turkey`
            (false, true) => return None,
            (false, false) => (Class::BareKey, plural),
        }
    } else if ends("secret") || ends("secrets") {
        (Class::Secret, plural)
    } else if (ends("token") || ends("tokens")) && !word.windows(8).any(|w| w == b"webtoken") {
        (Class::Token, plural)
    } else {
        match word {
            b"auth" | b"authorization" | b"oauth" | b"basicauth" | b"httpauth" | b"auths" => (Class::Auth, false),
            b"credential" | b"credentials" | b"cred" | b"creds" | b"usercredentials" => (Class::Auth, plural),
            b"salt" | b"nonce" | b"passwordsalt" | b"saltvalue" | b"cnonce" => (Class::Salt, false),
            _ => return None,
        }
    };
    Some(found)
}

/// Do some letters end in a longer word that makes a key a secret: `myservice`?
fn ends_in_head(stem: &[u8]) -> bool {
    /// Shortest of those words.
    const LONGER: usize = 5;
    (1..=stem.len().saturating_sub(LONGER)).any(|from| Lists::of(&stem[from..]).on(Lists::KEY_HEADS))
}
