//! Calls that take a password or a key by its place among the arguments: `mysqli_connect(host, user, password)`.

use std::ops::Range;

use super::{nothing, password, weigh};
use crate::generic::Class;
use crate::structure::primitives::{arg, window};
use crate::structure::{Input, Outcome, Rng};

/// How far behind the bracket the argument is looked for.
const AHEAD: usize = 400;

/// What may stand between the start of an argument and its literal: prefixes of literals, and calls that only change its
/// type.
const WRAPPERS: &[&str] = &[
    "",
    "b",
    "r",
    "u",
    "@",
    "&",
    "N",
    "Some(",
    "Just ",
    "String::from(",
    "new String(",
    "[]byte(",
    "Buffer.from(",
    "bytes(",
    "SecretStr(",
];

pub(super) fn check(input: &Input<'_>) -> Outcome {
    let number: usize = arg(input.args, 0).parse().unwrap_or(1);
    let class = if arg(input.args, 1) == "key" { Class::Secret } else { Class::Password };
    let (range, past) = window(input.hay, input.end, AHEAD);
    let text = input.hay.get(range.clone()).unwrap_or_default();
    let literal = nth(text, number).and_then(|argument| literal(text, argument));
    match literal {
        Some(literal) => weigh(input, class, range.start + literal.start..range.start + literal.end, past),
        None => nothing(input, past),
    }
}

/// Where an argument stands, counted from 1.
pub(super) fn nth(text: &[u8], number: usize) -> Option<Range<usize>> {
    let (mut depth, mut count, mut start, mut quote, mut at) = (0usize, 1, 0, None, 0);
    while at < text.len() {
        let byte = text[at];
        match quote {
            Some(_) if byte == b'\\' => at += 1,
            Some(open) if byte == open => quote = None,
            Some(_) if byte == b'\n' => return None,
            Some(_) => {}
            None => match byte {
                b'"' | b'\'' | b'`' => quote = Some(byte),
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' if depth > 0 => depth -= 1,
                b')' | b',' if depth == 0 => {
                    if count == number {
                        return Some(start..at);
                    }
                    if byte == b')' {
                        return None;
                    }
                    (count, start) = (count + 1, at + 1);
                }
                b';' => return None,
                _ => {}
            },
        }
        at += 1;
    }
    None
}

/// The inside of an argument that is one literal.
pub(super) fn literal(text: &[u8], argument: Range<usize>) -> Option<Range<usize>> {
    let inside = text.get(argument.clone())?;
    let skipped = inside.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let inside = inside[skipped..].trim_ascii_end();
    let open = inside.iter().position(|b| matches!(b, b'"' | b'\'' | b'`'))?;
    let before = std::str::from_utf8(&inside[..open]).ok()?;
    if !WRAPPERS.contains(&before) {
        return None;
    }
    let len = inside[open + 1..].iter().position(|b| *b == inside[open])?;
    let rest = &inside[open + 1 + len + 1..];
    // `"text".getBytes()`, `Some("text")`; not `"text" + more`.
    let ends = rest.is_empty() || rest[0] == b')' || rest[0] == b'.' && rest.ends_with(b")");
    let start = argument.start + skipped + open + 1;
    ends.then_some(start..start + len)
}

pub(super) fn mint(rng: &mut Rng, args: &[String]) -> Vec<u8> {
    let password = password(rng);
    let call = match (arg(args, 0), arg(args, 1)) {
        ("1", _) => format!("SecretKeySpec(\"{password}\".getBytes(), \"AES\")"),
        (_, "key") => format!("createHmac('sha256', '{password}')"),
        ("2", _) => format!("HTTPBasicAuth('worker', '{password}')"),
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
            nth(text.as_bytes(), number).and_then(|a| literal(text.as_bytes(), a)).map(|l| text[l].to_owned())
        };
        assert_eq!(read("\"a\", f(1, [2]), b'x,y')", 3).as_deref(), Some("x,y"));
        assert_eq!(read("url,\n  \"user\",\n  \"pw\".toCharArray())", 3).as_deref(), Some("pw"));
        assert_eq!(read("user, Some(\"pw\"))", 2).as_deref(), Some("pw"));
        for text in ["user, password)", "user, getenv('PW'))", "user, 'a' + b)", "user)", "user; 'x', 'y')", "a, 'x"] {
            assert_eq!(read(text, 2), None, "{text}");
        }
    }
}
