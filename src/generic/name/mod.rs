//! What the name of a key says: `db_password`, `apiKey`, `X-Auth-Token`, `passwordFieldLabel`.

mod lists;
mod split;

use std::ops::Range;

use lists::{KEY_HEADS, Lists, PASSWORD_ENDS};
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

/// Reads a name in which a key word begins at `hit`, the last one in it.
pub fn read(name: &[u8], hit: usize) -> Option<Name> {
    let mut words = Words::new(name);
    let list: Vec<Range<usize>> = words.by_ref().take(12).collect();
    let hit = if name.get(hit) == Some(&b'_') { hit + 1 } else { hit };
    let at = list.iter().rposition(|w| w.contains(&hit))?;
    let small = name.to_ascii_lowercase();
    let lower = |w: &Range<usize>| &small[w.clone()];
    let word = std::str::from_utf8(lower(&list[at])).ok()?;
    let (before, after) = (&list[..at], &list[at + 1..]);
    let head = before.last().and_then(|w| std::str::from_utf8(lower(w)).ok()).unwrap_or_default();
    // `x_key` is a key, `BibTeX_key` is none.
    let head = if head.len() == 1 && before.len() > 1 { "" } else { head };
    let (class, plural) = class(word, head)?;
    let [said_before, said_after] = [before, after].map(|words| Lists::of_any(words.iter().map(lower)));
    let any = |words: &[Range<usize>], of: &[u8]| words.iter().any(|w| lower(w) == of);
    if said_before.on(Lists::KEY_NOT) || word == "pass" && Lists::of(head.as_bytes()).on(Lists::RUNS) || word == "chpwd"
    {
        return None;
    }
    // `auth.sid`: the id of a session, which opens it. `oauth.client` is the id of a client.
    let last = after.last().map(lower);
    let session = class == Class::Auth && last == Some(b"sid");
    let client = class == Class::Auth && after.first().is_some_and(|w| lower(w) == b"client");
    let digits = |w: &[u8]| w.iter().all(u8::is_ascii_digit);
    // `key_addr_str`: how it is written is said last.
    let mut said = after.iter().rev().map(lower).skip_while(|w| matches!(*w, b"str" | b"string" | b"hex" | b"bytes"));
    let about = said.next().is_some_and(|w| Lists::of(w).on(Lists::ABOUT));
    if about && !session
        || client
        || after.iter().any(|w| matches!(lower(w), b"prototype" | b"pub" | b"public"))
        || class == Class::Password && last == Some(b"encoded")
        || said_after.on(Lists::SEALED)
        || is_random(name)
        || is_file(name)
        || is_locale(name, &list, at)
    {
        return None;
    }
    let around = Around {
        head: said_before.on(Lists::HEADS),
        tail: !session && after.iter().map(lower).any(|w| !digits(w) && !Lists::of(w).on(Lists::TAILS)),
        sealed: said_before.on(Lists::SEALED),
        derived: matches!(class, Class::Key | Class::BareKey | Class::Password | Class::Auth)
            && said_before.on(Lists::DERIVED)
            || matches!(class, Class::Token | Class::Secret) && any(before, b"hashed")
            || class == Class::Password && head == "encoded",
        // `X-Ops-Authorization-1`: a line of the signature of a request.
        passing: word == "authorization" && after.len() == 1 && digits(lower(&after[0]))
            // The address that a validator is paid out to.
            || class == Class::Auth && any(before, b"withdrawal")
            || class == Class::Token
                && (is_passing(before.iter().map(lower))
                    || ["csrf", "xsrf", "opaquelock"].iter().any(|w| word.starts_with(w))),
        gpg: class == Class::Key
            && (matches!(head, "gpg" | "pgp" | "signing") || matches!(word, "signingkey" | "gpgkey" | "pgpkey")),
        nonce: class == Class::Salt && word.ends_with("nonce"),
        random: reads_random(name),
        access: word == "accesskey" || class == Class::Key && head == "access",
        plural,
        more: list.len() > 1,
    };
    Some(Name { class, around })
}

/// Is it a token that only says where a list goes on, which form was sent, or which request is which?
fn is_passing<'w>(mut before: impl DoubleEndedIterator<Item = &'w [u8]>) -> bool {
    match before.next_back() {
        Some(b"request") => before.next_back() == Some(b"client"),
        last => last.is_some_and(|w| Lists::of(w).on(Lists::PASSING)),
    }
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
fn class(word: &str, head: &str) -> Option<(Class, bool)> {
    let on = |list: Lists, word: &str| Lists::of(word.as_bytes()).on(list);
    // `mot_de_passe`
    let found = if on(Lists::PASSWORD, word)
        || word == "passe" && head == "de"
        || PASSWORD_ENDS.iter().any(|e| word.ends_with(e))
    {
        (Class::Password, word.ends_with("ds"))
    } else if let Some(stem) = word.strip_suffix("keys").or_else(|| word.strip_suffix("key")) {
        let plural = word.ends_with('s');
        // In one word (`apikey`), or in two.
        let (stem, glued) = if stem.is_empty() { (head, false) } else { (stem, true) };
        if on(Lists::KEY_NOT, stem) || on(Lists::KEY_NAMES, stem) {
            return None;
        }
        let known = on(Lists::KEY_HEADS, stem) || KEY_HEADS.iter().any(|h| h.len() > 4 && stem.ends_with(h));
        match (known, glued) {
            (true, _) => (Class::Key, plural),
            // `monkey`, `hotkey`, `turkey`
            (false, true) => return None,
            (false, false) => (Class::BareKey, plural),
        }
    } else if word.ends_with("secret") || word.ends_with("secrets") {
        (Class::Secret, word.ends_with('s'))
    } else if (word.ends_with("token") || word.ends_with("tokens")) && !word.contains("webtoken") {
        (Class::Token, word.ends_with('s'))
    } else if matches!(word, "auth" | "authorization" | "oauth" | "basicauth" | "httpauth" | "auths") {
        (Class::Auth, false)
    } else if matches!(word, "credential" | "credentials" | "cred" | "creds" | "usercredentials") {
        (Class::Auth, word.ends_with('s'))
    } else if matches!(word, "salt" | "nonce" | "passwordsalt" | "saltvalue" | "cnonce") {
        (Class::Salt, false)
    } else {
        return None;
    };
    Some(found)
}
