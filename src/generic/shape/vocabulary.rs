//! Words that stand where a secret would: one list, and for each word what it says where.

/// Counts in the share of a value of a name that placeholder words make up.
pub const SHARE: u8 = 1;
/// Counts in the share of the body of a token.
pub const BODY: u8 = 2;
/// Says of a value of a name, by its mere presence, that it is none.
pub const SAYS: u8 = 4;
/// Says so of the body of a token.
pub const BODY_SAYS: u8 = 8;
/// Stands, as all of it, in the place of the password of a URL.
pub const WHOLE: u8 = 16;
/// Is one of several words that say what belongs in the place of the password of a URL.
pub const PART: u8 = 32;
/// Is the password that databases and brokers come with.
pub const DEFAULT: u8 = 64;

/// The words that count for one of these.
pub fn words(of: u8) -> Vec<&'static str> {
    WORDS.iter().filter(|(uses, _)| uses & of != 0).flat_map(|(_, words)| *words).copied().collect()
}

/// Every word, lower case, once.
#[rustfmt::skip]
const WORDS: &[(u8, &[&str])] = &[
    (SHARE | BODY | WHOLE | PART, &["password", "secret", "token", "key"]),
    (SHARE | WHOLE | PART, &["passwd", "pass", "pwd", "user", "username"]),
    (SHARE | PART, &["passphrase", "my", "the", "id", "name", "db", "database"]),
    (SHARE | BODY | WHOLE, &["apikey", "api_key", "none", "null"]),
    (SHARE | BODY, &[
        "api-key", "sample", "fake", "replace", "insert", "todo", "xxxx", "0000", "1111", "aaaa", "abcd",
        "deadbeef", "foobar", "foo", "bar", "baz", "lorem", "ipsum", "this", "not", "real", "private", "string",
    ]),
    (SHARE | BODY | SAYS | BODY_SAYS | WHOLE, &["changeme", "redacted"]),
    (SHARE, &[
        "changeit", "change", "me", "tester", "xxx", "abc", "123", "qwerty", "asdf", "qwer", "new", "old", "public",
        "login", "auth", "random", "super", "secure", "long", "very", "enter", "valid", "invalid", "wrong", "bad",
        "good", "app", "server", "service", "data", "prod", "stage", "staging", "welcome", "hello", "world",
        "letmein", "p@ssw0rd", "passw0rd", "pa$$w0rd", "generated", "credentials", "credential", "sec", "tok",
        "salt", "nonce", "hash", "for", "to", "a", "is", "in", "with", "of", "and", "that", "it", "only", "used",
        "bearer", "basic", "xyz", "zzz", "mock", "stub", "fixture", "mysecret", "mypwd", "account", "goes", "any",
        "unused", "ignored", "yadda",
    ]),
    (SHARE | BODY | SAYS | BODY_SAYS | WHOLE | PART, &["example"]),
    (SHARE | BODY | SAYS | BODY_SAYS, &["placeholder"]),
    (SHARE | BODY | SAYS | WHOLE, &["dummy"]),
    (SHARE | BODY | PART, &["your", "here", "some", "value", "access", "client"]),
    (SHARE | BODY | DEFAULT, &["test", "1234", "12345"]),
    (SHARE | DEFAULT, &[
        "testing", "123456", "admin", "root", "guest", "demo", "default", "postgres", "mysql", "mongo", "redis",
        "rabbitmq", "local", "dev", "mypass",
    ]),
    (SHARE | BODY | BODY_SAYS | WHOLE, &["undefined"]),
    (SHARE | WHOLE, &["pw", "mypassword"]),
    (BODY | SAYS | BODY_SAYS, &["change_me", "change-me"]),
    (BODY, &["abcdef", "bcdef", "56789", "67890", "34567", "cafebabe", "live"]),
    (SAYS, &[
        "changethis", "change_this", "change-this",
        "notreal", "not-real", "sanitized", "filtered", "obfuscated", "scrubbed", "wrongpass", "wrong-pass",
        "wrong_pass", "incorrect",
    ]),
    (WHOLE, &["yourpassword", "your_password", "your-password", "my-secret-pw", "mysecretpassword"]),
    (PART, &["api", "proxy"]),
    (DEFAULT, &["mongodb", "docker", "development", "postgrespassword", "adminadmin", "minioadmin"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_stands_once_and_each_use_has_words() {
        let mut all: Vec<&str> = WORDS.iter().flat_map(|(_, words)| *words).copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|word| *word == word.to_ascii_lowercase()));
        for of in [SHARE, BODY, SAYS, BODY_SAYS, WHOLE, PART, DEFAULT] {
            assert!(words(of).len() >= 5, "{of}");
        }
    }
}
