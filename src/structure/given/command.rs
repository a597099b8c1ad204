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
    Apart(&'static [&'static str]),
    /// `-ppassword`
    Glued(&'static [&'static str]),
    /// Either.
    Both(&'static str),
    /// Behind an option that ends with this letter: `-rP password`.
    Ends(u8),
    /// The word after a number of words that are no options.
    Word(usize),
    /// The last word, if an option with this letter stands before.
    LastWith(u8),
    /// Behind this sign in the value of an option: `-U user%password`.
    In(&'static str, u8),
    /// The word behind one that begins like this, or behind the user that follows it: `net use \\\\host password`.
    Behind(&'static str),
    /// `user/password@database`
    Slash,
}

/// The commands, and how they take a password. The rule looks for parts of their names, as few as are rare in other text. A blank stands behind each, or a quote if it is one of [`LISTED`].
#[rustfmt::skip]
const COMMANDS: &[(&[&str], Takes)] = &[
    (&["sshpass"], Takes::Both("-p")),
    (&["mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlshow", "mysqlcheck", "mariadb", "mariadb-dump", "7z", "7za", "7za.exe", "unrar"], Takes::Glued(&["-p"])),
    (&["rar"], Takes::Glued(&["-hp","-p"])),
    (&["redis-cli"], Takes::Apart(&["-a"])),
    (&["mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "docker login", "podman login", "skopeo login", "registry login", "az login", "oc login", "cf login", "cqlsh", "rdesktop", "twine upload", "psexec", "PsExec.exe"], Takes::Apart(&["-p"])),
    (&["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldappasswd"], Takes::Both("-w")),
    (&["sqlcmd", "bcp", "ipmitool", "mosquitto_pub", "mosquitto_sub"], Takes::Both("-P")),
    (&["zip", "unzip"], Takes::Ends(b'P')),
    (&["plink", "pscp"], Takes::Apart(&["-pw"])),
    (&["htpasswd"], Takes::LastWith(b'b')),
    (&["smbclient", "rpcclient"], Takes::In("-U", b'%')),
    (&["lftp"], Takes::In("-u", b',')),
    (&["rabbitmqctl add_user", "rabbitmqctl change_password", "net user"], Takes::Word(1)),
    (&["mc alias set"], Takes::Word(3)),
    (&["net use"], Takes::Behind("\\\\")),
    (&["sqlplus"], Takes::Slash),
    (&["xfreerdp", "wlfreerdp"], Takes::Glued(&["/p:"])),
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
    let (stem, hay) = (input.token(), input.hay);
    // The name of a program in quotes.
    if let [name @ .., b'"' | b'\''] = stem {
        return in_words(input, input.end, |text| in_list(std::str::from_utf8(name).ok()?, text));
    }
    let mut found = None;
    for start in starts(hay, input.start) {
        let is_here = |name: &str| {
            hay[start..].starts_with(name.as_bytes())
                && start + name.len() >= input.end.saturating_sub(2)
                && match hay.get(start + name.len()) {
                    Some(b' ') => true,
                    Some(b'"' | b'\'') => LISTED.contains(&name),
                    _ => false,
                }
        };
        let all = COMMANDS.iter().flat_map(|(names, takes)| names.iter().map(move |name| (*name, *takes)));
        found = found.or_else(|| {
            all.filter(|(name, _)| is_here(name)).map(|(n, takes)| (start + n.len(), n, takes)).next_back()
        });
    }
    match found {
        Some((end, _, takes)) if hay[end] == b' ' => in_words(input, end + 1, |text| takes.find(text, &words(text))),
        Some((end, name, _)) => in_words(input, end + 1, |text| in_list(name, text)),
        None => {
            let read = input.start.saturating_sub(LONGEST)..(input.end + LONGEST).min(hay.len() + 1);
            Outcome { read, ..nothing(input, input.end) }
        }
    }
}

/// Where the name of a command may begin in which a stem stands: the word of the stem, and the one before it.
fn starts(hay: &[u8], stem: usize) -> [usize; 3] {
    let floor = stem.saturating_sub(LONGEST / 2);
    let back = |at: usize, word: bool| {
        let is =
            |b: &&u8| word == (b.is_ascii_alphanumeric() || matches!(**b, b'_' | b'-' | b'.')) && (word || **b == b' ');
        at - hay[floor.min(at)..at].iter().rev().take_while(is).count()
    };
    let own = back(stem, true);
    // Behind the end of a colour.
    let coloured = matches!(hay[..stem], [.., b'0'..=b'9' | b'[', b'm']);
    [own, back(back(own, false), true), if coloured { stem } else { own }]
}

/// Bytes on each side of a stem in which the whole name stands.
const LONGEST: usize = 32;

/// Judges what is found in the text from a place on.
fn in_words(input: &Input<'_>, from: usize, find: impl FnOnce(&[u8]) -> Option<Range<usize>>) -> Outcome {
    let (range, past) = window(input.hay, from, AHEAD);
    let outcome = match find(&input.hay[range.clone()]) {
        Some(value) => weigh(input, Class::Password, range.start + value.start..range.start + value.end, past),
        None => nothing(input, past),
    };
    let read = outcome.read.start.min(input.start.saturating_sub(LONGEST))..outcome.read.end;
    Outcome { read, ..outcome }
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
    if let Some(takes) = takes(name) {
        return takes.find(text, &words);
    }
    let login = words.iter().position(|w| text[w.clone()] == *LOGIN.as_bytes())?;
    takes(&format!("{name} {LOGIN}"))?.find(text, &words[login + 1..])
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
        let plain = |number: usize| words.iter().filter(|w| !is_option(w)).nth(number);
        let place = |name: &str| words.iter().position(|w| word(w) == name.as_bytes());
        let behind = |name: &str| words.get(place(name)? + 1);
        let apart = |names: &[&str]| names.iter().find_map(|name| behind(name)).cloned();
        let glued = |name: &str| {
            let w = words.iter().find(|w| word(w).len() > name.len() && word(w).starts_with(name.as_bytes()))?;
            let quoted = matches!(text.get(w.start + name.len()), Some(b'"' | b'\''));
            Some(w.start + name.len() + usize::from(quoted)..w.end)
        };
        let value = match self {
            Self::Apart(names) => apart(names),
            Self::Glued(names) => names.iter().find_map(|name| glued(name)),
            Self::Both(name) => apart(&[name]).or_else(|| glued(name)),
            Self::Ends(letter) => {
                let ends = |w: &Range<usize>| is_option(w) && word(w).ends_with(&[letter]) && word(w).len() <= 6;
                words.get(words.iter().position(ends)? + 1).cloned()
            }
            Self::Word(number) => plain(number).cloned(),
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
                let mut next = words.iter().position(|w| word(w).starts_with(head.as_bytes()))? + 1;
                next += usize::from(words.get(next).is_some_and(|w| word(w).starts_with(b"/user:")));
                words.get(next).cloned()
            }
            Self::Slash => words.iter().find_map(|w| slashed(text, w)),
        };
        value.filter(|value| !value.is_empty() && !word(value).starts_with(b"-") && !word(value).starts_with(b"/"))
    }
}

/// The password of a word like `user/password@database`.
fn slashed(text: &[u8], word: &Range<usize>) -> Option<Range<usize>> {
    let all = &text[word.clone()];
    let slash = all.iter().position(|b| *b == b'/')?;
    let user = all[..slash].rsplit(|b| *b == b'=').next().unwrap_or_default();
    let known = !user.is_empty() && user.iter().all(|b| b.is_ascii_alphanumeric() || b"_$#".contains(b));
    let end = all.iter().rposition(|b| *b == b'@').filter(|at| *at > slash);
    let close = end.unwrap_or(all.len());
    known.then_some(word.start + slash + 1..word.start + close)
}

pub(super) fn mint(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("sshpass -p {} ssh worker@db", password(rng)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Anchoring, builtin};

    /// What is looked for: a part of the name of each command, as few as are rare enough in other text.
    #[rustfmt::skip]
    const STEMS: &[&str] = &[
        "sshpass", "mysql", "mariadb", "mongo", "redis-cli", " login ", "7z ", "7za", "rar ", "cqlsh ", "rdesktop ",
        "twine upload", "psexec ", "PsExec", "ldap", "sqlcmd", "bcp ", "ipmitool", "mosquitto_", "zip -", "plink ", "pscp ",
        "htpasswd ", "smbclient ", "rpcclient ", "lftp ", "rabbitmqctl ", "mc alias set", "net use", "sqlplus ", "freerdp ",
        "docker\"", "docker'", "podman\"", "podman'",
    ];

    fn given(line: &str) -> Option<&str> {
        let all = COMMANDS.iter().flat_map(|(names, takes)| names.iter().map(move |name| (name, takes)));
        let known = all.filter(|(name, _)| line.starts_with(*name) && line[name.len()..].starts_with(' '));
        let (name, takes) = known.max_by_key(|(name, _)| name.len()).expect("known");
        let text = &line[name.len() + 1..];
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
            ("zip -rP ab out.zip x", Some("ab")),
            ("unzip -o -P ab x.zip", Some("ab")),
            ("zip -r out.zip ab", None),
            ("rar a -hpab x.rar", Some("ab")),
            ("net use z: \\\\srv\\share /user:x ab", Some("ab")),
            ("sqlplus -s scott/ab@orcl @x.sql", Some("ab")),
            ("sqlplus / as sysdba", None),
            ("sqlplus scott @dir/x.sql", None),
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
        let mut want: Vec<&[u8]> = STEMS.iter().map(|stem| stem.as_bytes()).collect();
        have.sort_unstable();
        want.sort_unstable();
        assert_eq!(have, want);
        for name in COMMANDS.iter().flat_map(|(names, _)| *names) {
            assert!(STEMS.iter().any(|stem| format!("{name} ").contains(stem.trim_end_matches('-'))), "{name}");
            assert!(name.len() <= LONGEST);
        }
        for name in LISTED {
            let quoted = [format!("{name}\""), format!("{name}'")];
            let stems = quoted.iter().all(|q| STEMS.contains(&q.as_str()));
            assert!(stems || STEMS.iter().any(|stem| name.contains(stem)), "{name}");
        }
    }
}
