//! The words of names, by what they say about the value.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

/// Which of the lists a word is on, or several words are together; one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists(u16);

impl Lists {
    pub(super) const PASSWORD: Self = Self(1);
    pub(super) const KEY_HEADS: Self = Self(1 << 1);
    pub(super) const KEY_NOT: Self = Self(1 << 2);
    pub(super) const KEY_NAMES: Self = Self(1 << 3);
    pub(super) const HEADS: Self = Self(1 << 4);
    pub(super) const TAILS: Self = Self(1 << 5);
    pub(super) const ABOUT: Self = Self(1 << 6);
    pub(super) const SEALED: Self = Self(1 << 7);
    pub(super) const RUNS: Self = Self(1 << 8);
    pub(super) const DERIVED: Self = Self(1 << 9);
    pub(super) const PASSING: Self = Self(1 << 10);

    /// The lists that a lower-case word is on.
    pub(super) fn of(word: &[u8]) -> Self {
        WORDS.get(word).copied().unwrap_or_default()
    }

    /// Those that any of some words is on.
    pub(super) fn any(lists: &[Self]) -> Self {
        lists.iter().fold(Self::default(), |all, one| Self(all.0 | one.0))
    }

    /// Is it on this one?
    pub(super) fn on(self, list: Self) -> bool {
        self.0 & list.0 != 0
    }
}

/// The words are known beforehand, so the hash may be quick.
static WORDS: LazyLock<HashMap<&[u8], Lists, FixedState>> = LazyLock::new(|| {
    let lists = [
        (Lists::PASSWORD, PASSWORD),
        (Lists::KEY_HEADS, KEY_HEADS),
        (Lists::KEY_NOT, KEY_NOT),
        (Lists::KEY_NAMES, KEY_NAMES),
        (Lists::HEADS, HEADS),
        (Lists::TAILS, TAILS),
        (Lists::ABOUT, ABOUT),
        (Lists::SEALED, SEALED),
        (Lists::RUNS, RUNS),
        (Lists::DERIVED, DERIVED),
        (Lists::PASSING, PASSING),
    ];
    let mut words = HashMap::default();
    for (list, word) in lists.iter().flat_map(|(list, words)| words.iter().map(move |word| (list, word))) {
        words.entry(word.as_bytes()).or_insert_with(Lists::default).0 |= list.0;
    }
    words
});

/// Lower-case words that end a name which promises a password.
#[rustfmt::skip]
const PASSWORD: &[&str] = &[
    "pass", "passwd", "password", "passwords", "passphrase", "passcode", "pwd", "pw", "psw", "pswd", "passwrd",
    "passwort", "userpass", "dbpass", "mypass", "rootpass", "adminpass", "sshpass", "ldappass", "bindpass",
    "smtppass", "mailpass", "keypass", "storepass", "sudopass", "ftppass", "testpass", "authpass", "proxypass",
    "motdepasse", "passord", "srcstorepass", "deststorepass", "srckeypass", "destkeypass", "keystorepass",
    "truststorepass", "mysqlpass", "bindpw", "authtok", "rootpw", "userpw", "dbpw", "passw", "identified", "requirepass",
];

/// What glued words end with that promise a password: `mypassword`.
pub(super) const PASSWORD_ENDS: &[&str] = &["password", "passwd", "passphrase", "pwd", "passwords", "passwort"];

/// Words before `key`, or glued to it, that make it a secret.
#[rustfmt::skip]
const KEY_HEADS: &[&str] = &[
    "api", "secret", "access", "private", "auth", "encryption", "encrypt", "encrypting", "crypto", "crypt", "cipher",
    "aes", "des", "hmac", "master", "license", "licence", "ssh", "shared", "session", "signing", "sign", "signature",
    "jwt", "app", "application", "consumer", "client", "account", "service", "webhook", "admin", "server", "deploy",
    "n", "seed", "subscription", "cookie", "oauth", "rest", "rsa", "write", "read", "integration", "management",
    "ingest", "ingestion", "azure", "aws", "stripe", "google", "maps", "mailgun", "sendgrid", "merchant", "security",
    "decryption", "decrypt", "pre", "psk", "wpa", "wifi", "root", "dev", "prod", "test", "live", "sandbox",
    "instrumentation", "function", "host", "code", "sas", "tenant", "vault", "unseal", "recovery",
    "symmetric", "pri", "prv", "priv", "sa", "gpg", "pgp", "tls", "ssl", "x", "token", "request", "developer", "dd",
    "algolia", "datadog", "search", "database", "db", "storage", "password", "pass", "base", "salt", "login",
    "invite", "mac", "p", "primary", "secondary", "hashing", "validation", "machine",
];

/// Words before `key` with which it is none.
#[rustfmt::skip]
const KEY_NOT: &[&str] = &[
    "public", "pub", "pk", "foreign", "publishable", "publishing", "authorized", "verification", "verifying",
    "minisign", "site", "website", "cache", "memo", "sort", "partition", "primary",
];

/// Words right before `key` with which it names something, or is sent in the clear.
const KEY_NAMES: &[&str] = &["project", "websocket", "socket"];

/// Words before a key word with which the value is a text about it, or a switch.
#[rustfmt::skip]
const HEADS: &[&str] = &[
    "no", "has", "is", "forgot", "forgotten", "reset", "show", "hide", "invalid", "missing", "require", "required",
    "requires", "enable", "enabled", "disable", "disabled", "forget", "use", "using", "with", "without", "needs",
    "need", "allow", "max", "min", "label", "error", "err", "msg", "message", "title", "placeholder", "hint", "help",
    "text", "desc", "description", "next", "page", "continuation", "pagination", "cancel", "cancellation", "wrong",
    "enter", "get", "find", "validate", "check", "verify", "generate", "remove", "delete", "skip", "if", "on",
    "should", "can", "lbl", "txt", "btn", "input", "sort", "cache", "hot", "group", "parent", "index", "unique",
    "translation", "i18n", "row", "column", "field", "lookup", "primary", "foreign", "partition", "public",
    "remember", "ask", "prompt", "weak", "short", "incorrect", "bad", "not", "empty", "save", "store", "change",
    "update", "create", "csrf", "xsrf", "sync", "idempotency", "dedup", "routing", "event", "arrow", "any", "wrap",
    "load", "parse", "import", "export", "search", "type", "typed", "submit", "existing", "pull", "separator",
    "delimiter", "start", "end", "open", "close", "lex", "supports", "withdrawal",
];

/// Words after a key word that leave it what it is.
#[rustfmt::skip]
const TAILS: &[&str] = &[
    "value", "val", "text", "txt", "str", "string", "plain", "plaintext", "raw", "b", "base", "hex", "old", "new",
    "current", "confirm", "confirmation", "again", "repeat", "prod", "production", "dev", "test", "staging", "live",
    "default", "admin", "root", "user", "a", "c", "primary", "secondary", "one", "two", "first", "second", "v", "key",
    "secret", "token", "bytes", "const", "constant", "param", "parameter", "data", "content", "clear", "master", "db",
    "database", "example", "sample", "real", "main", "only", "local", "x", "y", "alt", "other", "another", "fallback",
    "sandbox", "client", "server", "api", "rw", "ro", "arg", "var", "hash256", "utf", "json", "code", "basic",
    "bearer", "draft", "header", "banco", "bd", "bdd", "usuario", "utilisateur", "benutzer", "do", "da", "del", "de",
];

/// Last words of a name whose value is no secret but something about one: `key_id`, `token_url`, `secret_name`.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "id", "ids", "sid", "arn", "name", "names", "url", "uri", "path", "file", "files", "filename", "dir", "command",
    "cmd", "type", "types", "expires", "expiry", "expiration", "ttl", "at", "age", "length", "len", "size", "count",
    "prefix", "suffix", "format", "label", "title", "field", "error", "message", "policy", "provider", "service",
    "endpoint", "host", "issuer", "audience", "addr", "address", "algorithm", "alg", "algo", "mode", "scope", "scopes", "env", "ref",
    "index", "version", "pattern", "regex", "charset", "hint", "placeholder", "description", "help", "method",
    "scheme", "strategy", "class", "store", "manager", "handler", "factory", "generator", "encoder", "location",
    "usage", "eight", "four", "cancel", "ok", "invalid", "button", "btn", "prompt", "caption", "tooltip", "owner",
    "username", "guid", "uuid", "site", "tag", "permissions", "category", "icon", "color", "colour", "style", "width",
    "height", "rules", "validator", "validation", "strength", "mismatch", "expired", "incorrect", "wrong", "protected",
    "public", "signature", "signatures", "payload", "verifier", "date", "accessor", "supported", "question", "identity",
];

/// Words with which the value is derived from a secret: behind the key word it is no secret, before it hardly.
#[rustfmt::skip]
const SEALED: &[&str] = &[
    "hash", "hashed", "md5", "digest", "encrypted", "crypt", "sha", "md", "bcrypt", "enc", "sealed", "fingerprint",
    "checksum", "kcv", "ciphertext", "wrapped", "sealedsecret", "thumbprint",
];

/// Words before `pass` with which it is one run of several over the same data.
const RUNS: &[&str] =
    &["first", "second", "third", "one", "two", "single", "multi", "final", "last", "render", "shader", "filter"];

/// Of these, the words that do not name a kind of key.
const DERIVED: &[&str] =
    &["encrypted", "crypted", "hashed", "sealed", "wrapped", "ciphertext", "digest", "checksum", "fingerprint"];

/// Words before `token` with which it opens nothing.
#[rustfmt::skip]
const PASSING: &[&str] = &[
    "page", "nextpage", "next", "continuation", "pagination", "cursor", "csrf", "xsrf", "authenticity", "antiforgery",
    "forgery", "idempotency", "cancellation", "cancel", "action", "lock", "serialized", "resumption",
];
