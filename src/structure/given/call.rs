//! Calls that take a password or a key by its place among the arguments: `mysqli_connect(host, user, password)`.

use super::{nothing, password, weigh_literal};
use crate::generic::view::View;
use crate::generic::{self, Class, assign};
use crate::structure::primitives::{arg, window};
use crate::structure::{Input, Outcome, Rng};

/// How far behind the bracket the argument is looked for.
const AHEAD: usize = 400;

pub(super) fn check(input: &Input<'_>) -> Outcome {
    let number: usize = arg(input.args, 0).parse().unwrap_or(1);
    let class = if arg(input.args, 1) == "key" { Class::Secret } else { Class::Password };
    let (range, past) = window(input.hay, input.end, AHEAD);
    let text = input.hay.get(range.clone()).unwrap_or_default();
    // Without brackets the arguments end with their line.
    let open = input.token().ends_with(b"(");
    let line = if open { text.len() } else { memchr::memchr(b'\n', text).unwrap_or(text.len()) };
    match nth(&text[..line], number) {
        Some(at) => weigh_literal(input, class, range.start + at, past),
        None => nothing(input, past),
    }
}

/// Calls that a program gives a flag to, with its name, a short name or a text, and its default:
/// `StringVarP(&p, "password", "p", "...", "of the user")`.
pub(super) fn default(input: &Input<'_>) -> Outcome {
    let (range, past) = window(input.hay, input.end, AHEAD);
    let text = input.hay.get(range.clone()).unwrap_or_default();
    let class_of = |number: usize| {
        let site = assign::given(&mut View::new(text, 0), 0..0, nth(text, number)?)?;
        generic::class_of(text.get(site.value)?)
    };
    let Some((number, class)) = (1..=2).find_map(|number| Some((number, class_of(number)?))) else {
        return nothing(input, past);
    };
    match nth(text, number + 2) {
        Some(at) => weigh_literal(input, class, range.start + at, past),
        None => nothing(input, past),
    }
}

pub(super) fn mint_default(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("StringVarP(&pw, 'password', 'p', '{}', 'of the user')", password(rng)).into_bytes()
}

/// Where an argument begins, counted from 1.
pub(super) fn nth(text: &[u8], number: usize) -> Option<usize> {
    if number == 1 {
        return Some(0);
    }
    let mut commas = Outer::of(text).filter(|at| text[*at] == b',');
    commas.nth(number - 2).map(|at| at + 1).filter(|at| *at < text.len())
}

/// The commas between the arguments of a call, and the bracket behind them, in their order.
struct Outer<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    done: bool,
}

impl<'a> Outer<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0, done: false }
    }
}

impl Iterator for Outer<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let mut quote = None;
        while let Some(&byte) = self.text.get(self.at).filter(|_| !self.done) {
            let at = self.at;
            self.at += 1;
            match quote {
                Some(_) if byte == b'\\' => self.at += 1,
                Some(open) if byte == open => quote = None,
                Some(_) if byte == b'\n' => return None,
                Some(_) => {}
                None => match byte {
                    b'"' | b'\'' | b'`' => quote = Some(byte),
                    b'(' | b'[' | b'{' => self.depth += 1,
                    b')' | b']' | b'}' if self.depth > 0 => self.depth -= 1,
                    b',' if self.depth == 0 => return Some(at),
                    b')' | b';' => {
                        self.done = true;
                        return (byte == b')').then_some(at);
                    }
                    _ => {}
                },
            }
        }
        None
    }
}

pub(super) fn mint(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let password = password(rng);
    let call = match (arg(args, 0), arg(args, 1)) {
        ("1", "key") => format!("HMAC256('{password}')"),
        ("1", _) => format!("password_hash('{password}')"),
        (_, "key") => format!("createHmac('sha256', '{password}')"),
        ("2", _) => format!("HTTPBasicAuth('worker', '{password}')"),
        ("4", _) => format!("ssh.connect('db', 22, 'worker', '{password}')"),
        _ => format!("mysqli_connect('db', 'worker', '{password}', 'app')"),
    };
    call.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_literals() {
        let read = |text: &str, number| {
            let site = assign::given(&mut View::new(text.as_bytes(), 0), 0..0, nth(text.as_bytes(), number)?)?;
            Some(text[site.value].to_owned())
        };
        assert_eq!(read("\"a\", f(1, [2]), b'x,y')", 3).as_deref(), Some("x,y"));
        assert_eq!(read("url,\n  \"user\",\n  \"pw\".toCharArray())", 3).as_deref(), Some("pw"));
        assert_eq!(read("user, Some(\"pw\"))", 2).as_deref(), Some("pw"));
        for text in ["user, password)", "user, getenv('PW'))", "user, 'a' + b)", "user)", "user; 'x', 'y')", "a, 'x"] {
            assert_eq!(read(text, 2), None, "{text}");
        }
    }
}
