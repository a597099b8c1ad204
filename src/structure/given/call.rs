//! Calls that take a password or a key by its place among the arguments: `mysqli_connect(host, user, password)`.

use super::{nothing, password, weigh_literal};
use crate::generic::Class;
use crate::structure::primitives::{arg, window};
use crate::structure::{Input, Outcome, Rng};

/// How far behind the bracket the argument is looked for.
const AHEAD: usize = 400;

pub(super) fn check(input: &Input<'_>) -> Outcome {
    let number: usize = arg(input.args, 0).parse().unwrap_or(1);
    let class = if arg(input.args, 1) == "key" { Class::Secret } else { Class::Password };
    let (range, past) = window(input.hay, input.end, AHEAD);
    let text = input.hay.get(range.clone()).unwrap_or_default();
    match nth(text, number) {
        Some(at) => weigh_literal(input, class, range.start + at, past),
        None => nothing(input, past),
    }
}

/// Where an argument begins, counted from 1.
pub(super) fn nth(text: &[u8], number: usize) -> Option<usize> {
    let (mut depth, mut count, mut quote, mut at) = (0usize, 1, None, 0);
    while at < text.len() {
        if count == number {
            return Some(at);
        }
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
                b',' if depth == 0 => count += 1,
                b')' | b';' => return None,
                _ => {}
            },
        }
        at += 1;
    }
    None
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
    use crate::generic::assign;
    use crate::generic::view::View;

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
