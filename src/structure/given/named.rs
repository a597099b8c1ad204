//! Names that promise a password in another language, or in short: `senha`, `contraseña`, `пароль`, `密码`, `pw`.
//!
//! Each stands for an English word, as which the name is read; the rest is judged as for any name ([`generic`]).

use super::{nothing, password, weighed};
use crate::generic;
use crate::structure::{Input, Outcome, Rng};

/// The words, in lower case, and what they stand for.
const WORDS: &[(&str, &str)] = &[
    ("senha", "password"),
    ("contrasena", "password"),
    ("contraseña", "password"),
    ("clave", "passkey"),
    ("haslo", "password"),
    ("hasło", "password"),
    ("wachtwoord", "password"),
    ("lösenord", "password"),
    ("sifre", "password"),
    ("şifre", "password"),
    ("пароль", "password"),
    ("密码", "password"),
    ("密碼", "password"),
    ("口令", "password"),
    ("パスワード", "password"),
    ("비밀번호", "password"),
    ("pw", "pw"),
];

pub(super) fn check(input: &Input<'_>) -> Outcome {
    let token = input.token();
    let text = String::from_utf8_lossy(token).to_lowercase();
    let Some((word, english)) = WORDS.iter().find(|(word, _)| text.starts_with(word)) else {
        return nothing(input, input.end);
    };
    // A capital may have another number of bytes.
    let len = if token.is_ascii() { word.len() } else { token.len() };
    if !stands_alone(input.hay, input.start, token[0], english) {
        return Outcome { read: input.start.saturating_sub(1)..input.end + 1, ..nothing(input, input.end) };
    }
    let capitals = token[..len].iter().all(|b| !b.is_ascii_lowercase());
    let (head, tail) = english.split_at(1);
    let spelt = match (capitals && token[0].is_ascii(), token[0].is_ascii_uppercase()) {
        (true, _) => english.to_uppercase(),
        (false, true) => head.to_uppercase() + tail,
        (false, false) => (*english).to_owned(),
    };
    let (looked, found) = generic::look_translated(input.hay, input.start, len, &spelt);
    let mut all = found.into_iter().filter_map(|found| {
        let facts = found.facts(input.hay);
        let outcome = weighed(input, (looked.clone(), Some(found)), input.end);
        (!outcome.dismiss).then_some(Outcome { facts, ..outcome })
    });
    match all.next() {
        Some(first) => Outcome { others: all.collect(), ..first },
        None => weighed(input, (looked, None), input.end),
    }
}

/// Does no other word end here with the one that was found? What is written without blanks between words does not say.
fn stands_alone(hay: &[u8], start: usize, first: u8, english: &str) -> bool {
    let Some(&before) = start.checked_sub(1).and_then(|at| hay.get(at)) else { return true };
    match first {
        // What is written with `_` is found as any name is. Two letters stand behind any sign in what is no text.
        _ if english == "pw" => {
            before.is_ascii_lowercase()
                || before.is_ascii_uppercase() && first != b'P'
                || before.is_ascii_whitespace()
                || b"\"'`({[,;&?-.$<|:>".contains(&before)
        }
        b'a'..=b'z' => !before.is_ascii_alphabetic() && before < 0x80,
        b'A'..=b'Z' => !before.is_ascii_uppercase() && before < 0x80,
        0xc3..=0xd4 => !before.is_ascii_alphabetic() && before < 0x80,
        _ => true,
    }
}

pub(super) fn mint(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("senha = '{}'", password(rng)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::builtin;

    #[test]
    fn the_rule_takes_every_word() {
        let set = builtin::rules().expect("built-in rules");
        let at = set.metas().iter().position(|m| m.id.as_str() == "generic-foreign-password").expect("the rule");
        let format = set.rules()[at].format.as_ref().expect("a format");
        for (word, english) in WORDS {
            let title = |letters: &str| {
                let mut letters = letters.chars();
                letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
            };
            for spelt in [(*word).to_owned(), title(word)].into_iter().filter(|w| w != "Clave") {
                let found = format.match_at(spelt.as_bytes(), 0, &mut 0, &|_| true);
                assert_eq!(found.map(|(end, _)| end), (*english != "pw").then_some(spelt.len()), "{spelt}");
            }
        }
    }

    #[test]
    fn words_stand_alone() {
        for (text, at, english, alone) in [
            ("senha", 0, "password", true),
            ("db_senha", 3, "password", true),
            ("desenha", 2, "password", false),
            ("dbSenha", 2, "password", true),
            ("DBSENHA", 2, "password", false),
            ("用户密码", 6, "password", true),
            ("rootpw", 4, "pw", true),
            ("root_pw", 5, "pw", false),
            ("x#PW=", 2, "pw", false),
            ("user:x;PW=", 7, "pw", true),
        ] {
            assert_eq!(stands_alone(text.as_bytes(), at, text.as_bytes()[at], english), alone, "{text}");
        }
    }
}
