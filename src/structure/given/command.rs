//! Commands that take a password by an option whose name does not say so, or by its place: `mysql -u root -p...`.
//!
//! It cuts a command into its words itself: crates that do so give the words as texts, without the places where they
//! stand, and call it an error when a quote is not closed, as in a command that stands within the literal of a program, or
//! is cut off at the end of what is looked at.

use std::ops::Range;

use super::{nothing, password, weigh};
use crate::generic::Class;
use crate::structure::primitives::window;
use crate::structure::{Input, Outcome, Rng};

/// How far behind the command's name the password is looked for.
const AHEAD: usize = 400;

/// How a command takes a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// `-p password`
    Apart(&'static str),
    /// `-ppassword`
    Glued(&'static str),
    /// Either.
    Both(&'static str),
    /// The word after a number of words that are no options.
    Word(usize),
    /// The last word, if an option with this letter stands before.
    LastWith(u8),
    /// Behind this sign in the value of an option: `-U user%password`.
    In(&'static str, u8),
    /// The word behind one that begins like this: `net use \\host password`.
    Behind(&'static str),
}

/// The commands, each with a blank behind, and how they take a password.
const COMMANDS: &[(&[&str], Takes)] = &[
    (&["sshpass "], Takes::Both("-p")),
    (
        &[
            "mysql ",
            "mysqldump ",
            "mysqladmin ",
            "mysqlimport ",
            "mysqlshow ",
            "mysqlcheck ",
            "mariadb ",
            "mariadb-dump ",
        ],
        Takes::Glued("-p"),
    ),
    (&["redis-cli "], Takes::Apart("-a")),
    (
        &[
            "mongo ",
            "mongosh ",
            "mongodump ",
            "mongorestore ",
            "mongoexport ",
            "mongoimport ",
            "docker login ",
            "podman login ",
            "skopeo login ",
            "buildah login ",
            "nerdctl login ",
            "registry login ",
            "az login ",
            "oc login ",
            "cf login ",
            "cqlsh ",
            "rdesktop ",
            "twine upload ",
        ],
        Takes::Apart("-p"),
    ),
    (&["ldapsearch ", "ldapadd ", "ldapmodify ", "ldapdelete ", "ldapwhoami ", "ldappasswd "], Takes::Both("-w")),
    (&["sqlcmd ", "bcp ", "ipmitool ", "mosquitto_pub ", "mosquitto_sub "], Takes::Both("-P")),
    (&["plink ", "pscp "], Takes::Apart("-pw")),
    (&["htpasswd "], Takes::LastWith(b'b')),
    (&["smbclient ", "rpcclient "], Takes::In("-U", b'%')),
    (&["rabbitmqctl add_user ", "rabbitmqctl change_password ", "net user "], Takes::Word(1)),
    (&["net use "], Takes::Behind("\\\\")),
    (&["zip -P ", "zip -r -P ", "unzip -P "], Takes::Word(0)),
    (&["7z ", "7za "], Takes::Glued("-p")),
    (&["psexec ", "PsExec.exe "], Takes::Apart("-p")),
    (&["xfreerdp ", "wlfreerdp "], Takes::Glued("/p:")),
    (&["lftp "], Takes::In("-u", b',')),
    (&["mc alias set "], Takes::Word(3)),
];

/// Commands that programs run with a list of words: `["mysql", "-p..."]`.
const LISTED: &[&str] = &[
    "sshpass",
    "mysql",
    "mysqldump",
    "mysqladmin",
    "mariadb",
    "redis-cli",
    "mongo",
    "mongosh",
    "mongodump",
    "mongorestore",
    "docker",
    "podman",
    "ldapsearch",
    "sqlcmd",
];

/// Words of a command that may stand between its name and its options.
const LOGIN: &str = "login";

pub(super) fn check(input: &Input<'_>) -> Outcome {
    let (range, past) = window(input.hay, input.end, AHEAD);
    let text = input.hay.get(range.clone()).unwrap_or_default();
    let token = std::str::from_utf8(input.token()).unwrap_or_default();
    let value = match token.strip_suffix(['"', '\'']) {
        Some(name) => in_list(name, text),
        None => takes(token).and_then(|takes| takes.find(text, &words(text))),
    };
    match value {
        Some(value) => weigh(input, Class::Password, range.start + value.start..range.start + value.end, past),
        None => nothing(input, past),
    }
}

fn takes(command: &str) -> Option<Takes> {
    COMMANDS.iter().find(|(names, _)| names.contains(&command)).map(|(_, takes)| *takes)
}

/// The password among the words of a list that begins with a command.
fn in_list(name: &str, text: &[u8]) -> Option<Range<usize>> {
    if !LISTED.contains(&name) {
        return None;
    }
    let words = listed(text);
    if let Some(takes) = takes(&format!("{name} ")) {
        return takes.find(text, &words);
    }
    let login = words.iter().position(|w| text[w.clone()] == *LOGIN.as_bytes())?;
    takes(&format!("{name} {LOGIN} "))?.find(text, &words[login + 1..])
}

/// The literals of a list, from the one on that comes next, also those of a list within.
fn listed(text: &[u8]) -> Vec<Range<usize>> {
    let (mut words, mut at) = (Vec::new(), 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b',' | b'[' => at += 1,
            byte if byte.is_ascii_whitespace() => at += 1,
            b'"' | b'\'' => match text[at + 1..].iter().position(|b| *b == byte || *b == b'\n') {
                Some(len) if text[at + 1 + len] == byte => {
                    words.push(at + 1..at + 1 + len);
                    at += len + 2;
                }
                _ => break,
            },
            // A name, which stands for a text.
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') && !words.is_empty() => {
                let len =
                    text[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')).count();
                words.push(at..at);
                at += len;
            }
            _ => break,
        }
    }
    words
}

/// The words of a command up to its end, without the quotes around them. It ends with its line, unless that is continued,
/// at a sign that begins another, and at a quote around all of it.
fn words(text: &[u8]) -> Vec<Range<usize>> {
    let (mut words, mut at) = (Vec::new(), 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b' ' | b'\t' | b'\x0c' => at += 1,
            b'\\' if text[at + 1..].starts_with(b"\n") => at += 2,
            b'\\' if text[at + 1..].starts_with(b"\r\n") => at += 3,
            b'\n' | b'\r' | b';' | b'|' | b'&' | b')' | b'`' | b'#' => break,
            b'"' | b'\'' => match text[at + 1..].iter().position(|b| *b == byte || *b == b'\n') {
                Some(len) if text[at + 1 + len] == byte => {
                    words.push(at + 1..at + 1 + len);
                    at += len + 2;
                }
                _ => break,
            },
            _ => {
                let start = at;
                let ends = |i: &usize| text[*i].is_ascii_whitespace() || b"\"';|&`)<>".contains(&text[*i]);
                // An escaped quote belongs to the text that the command stands in.
                let escaped = |i: &usize| text[*i] == b'\\' && matches!(text.get(i + 1), Some(b'"' | b'\''));
                at = (start..text.len()).find(|i| ends(i) || escaped(i)).unwrap_or(text.len());
                if text.get(at) == Some(&b'\\') {
                    words.push(start..at);
                    break;
                }
                // `-p'...'`: the quotes are within the word.
                match text.get(at) {
                    Some(&quote @ (b'"' | b'\'')) if text[start] == b'-' => {
                        let len = text[at + 1..].iter().position(|b| *b == quote || *b == b'\n');
                        match len.filter(|len| text[at + 1 + len] == quote) {
                            Some(len) => {
                                words.push(start..at + 1 + len);
                                at += len + 2;
                            }
                            // The quote around all of the command.
                            None => {
                                words.push(start..at);
                                break;
                            }
                        }
                    }
                    Some(b'"' | b'\'') => {
                        words.push(start..at);
                        break;
                    }
                    _ => words.push(start..at),
                }
                if matches!(text.get(at), Some(b'<' | b'>')) {
                    at += 1;
                }
            }
        }
    }
    words
}

impl Takes {
    fn find(self, text: &[u8], words: &[Range<usize>]) -> Option<Range<usize>> {
        let word = |range: &Range<usize>| &text[range.clone()];
        let is_option = |range: &Range<usize>| word(range).starts_with(b"-");
        let behind = |name: &str| words.iter().position(|w| word(w) == name.as_bytes()).and_then(|i| words.get(i + 1));
        let glued = |name: &str| {
            let w = words.iter().find(|w| word(w).len() > name.len() && word(w).starts_with(name.as_bytes()))?;
            let quoted = matches!(text.get(w.start + name.len()), Some(b'"' | b'\''));
            Some(w.start + name.len() + usize::from(quoted)..w.end)
        };
        let value = match self {
            Self::Apart(name) => behind(name).cloned(),
            Self::Glued(name) => glued(name),
            Self::Both(name) => behind(name).cloned().or_else(|| glued(name)),
            Self::Word(number) => words.iter().filter(|w| !is_option(w)).nth(number).cloned(),
            Self::LastWith(letter) => {
                let given =
                    words.iter().any(|w| is_option(w) && !word(w).starts_with(b"--") && word(w).contains(&letter));
                words.last().filter(|w| given && words.len() > 2 && !is_option(w)).cloned()
            }
            Self::In(name, sign) => {
                let user = behind(name)?;
                let at = word(user).iter().position(|b| *b == sign)?;
                Some(user.start + at + 1..user.end)
            }
            Self::Behind(head) => {
                let at = words.iter().position(|w| word(w).starts_with(head.as_bytes()))?;
                words.get(at + 1).filter(|w| !word(w).starts_with(b"/")).cloned()
            }
        };
        value.filter(|value| !value.is_empty() && !word(value).starts_with(b"-") && !word(value).starts_with(b"/"))
    }
}

pub(super) fn mint(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("sshpass -p {} ssh worker@db", password(rng)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Anchoring, builtin};

    fn given(line: &str) -> Option<&str> {
        let (name, takes) = COMMANDS
            .iter()
            .find_map(|(names, t)| Some((names.iter().find(|n| line.starts_with(**n))?, t)))
            .expect("known");
        let text = &line[name.len()..];
        takes.find(text.as_bytes(), &words(text.as_bytes())).map(|value| &text[value])
    }

    #[test]
    fn commands_give_passwords() {
        for (line, want) in [
            ("sshpass -p 'a b' ssh x", Some("a b")),
            ("sshpass -pab ssh x", Some("ab")),
            ("sshpass -e ssh x", None),
            ("mysql -u root -p'a b' app", Some("a b")),
            ("mysql -u root -pab\"", Some("ab")),
            ("mysql -u root -p app", None),
            ("mysql database; x -pab", None),
            ("redis-cli -h x \\\n  -a ab ping", Some("ab")),
            ("docker login -u x -p ab registry", Some("ab")),
            ("docker login -u x -p \"$PW\" registry", Some("$PW")),
            ("ldapsearch -x -D cn=a -w ab -b dc", Some("ab")),
            ("htpasswd -nb bob ab", Some("ab")),
            ("htpasswd -c file bob", None),
            ("smbclient //x/y -U bob%ab", Some("ab")),
            ("net use z: \\\\srv\\share ab /user:x", Some("ab")),
            ("net user bob ab /add", Some("ab")),
            ("net user bob /delete", None),
            ("zip -P ab out.zip x", Some("ab")),
            ("7z a -pab out.7z x", Some("ab")),
            ("xfreerdp /u:bob /p:ab /v:srv", Some("ab")),
            ("lftp -u bob,ab host", Some("ab")),
            ("mc alias set store https://x ADMIN ab", Some("ab")),
        ] {
            assert_eq!(given(line), want, "{line}");
        }
    }

    #[test]
    fn lists_give_passwords() {
        for (name, text, want) in [
            ("sshpass", ", \"-p\", \"ab\", \"ssh\"])", Some("ab")),
            ("mysql", ", '-u', user, '-pab', 'app']", Some("ab")),
            ("mysql", ", '-u', user, '-p' + pw]", None),
            ("mysql", ": 'x', '-pab'", None),
            ("docker", ", ['login', '-u', 'bob', '-p', 'ab'])", Some("ab")),
            ("docker", ", ['run', '-p', '80:80'])", None),
            ("docker", ", ['login', '-p', password])", None),
        ] {
            assert_eq!(in_list(name, text.as_bytes()).map(|value| &text[value]), want, "{name}{text}");
        }
    }

    proptest::proptest! {
        /// Every word is in the text, behind the one before, and each step leads on.
        #[test]
        fn any_text_has_an_end(text in "[-a \t\r\n\x0b\x0c\\\\\"'`;|&)<>#]{0,60}") {
            let words = words(text.as_bytes());
            assert!(words.len() <= text.len() && words.windows(2).all(|w| w[0].end <= w[1].start), "{words:?}");
        }
    }

    #[test]
    fn the_rule_looks_for_every_command() {
        let set = builtin::rules().expect("built-in rules");
        let at = set.metas().iter().position(|m| m.id.as_str() == "generic-command-password").expect("the rule");
        let Anchoring::Literal(anchor) = &set.rules()[at].anchoring else { panic!("no literals") };
        let mut have: Vec<&[u8]> = anchor.literals.iter().map(Vec::as_slice).collect();
        let listed: Vec<String> = LISTED.iter().flat_map(|n| [format!("{n}\""), format!("{n}'")]).collect();
        let mut want: Vec<&[u8]> = COMMANDS.iter().flat_map(|(names, _)| *names).map(|n| n.as_bytes()).collect();
        want.extend(listed.iter().map(String::as_bytes));
        have.sort_unstable();
        want.sort_unstable();
        assert_eq!(have, want);
    }
}
