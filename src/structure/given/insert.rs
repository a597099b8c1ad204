//! Rows of a table of users: `INSERT INTO users (name, password) VALUES ('ann', '...')`.

use super::call::nth;
use super::{nothing, password, weigh_literal};
use crate::generic::Class;
use crate::structure::primitives::window;
use crate::structure::{Input, Outcome, Rng};

/// How far behind the names of the columns the value is looked for.
const AHEAD: usize = 1000;

/// Names of columns that hold what opens something.
const COLUMNS: &[&[u8]] = &[b"password", b"passwd", b"pass", b"pwd", b"secret", b"token", b"api_key", b"apikey"];

pub(super) fn check(input: &Input<'_>) -> Outcome {
    let (range, past) = window(input.hay, input.end, AHEAD);
    let text = input.hay.get(range.clone()).unwrap_or_default();
    match value(text) {
        Some(at) => weigh_literal(input, Class::Password, range.start + at, past),
        None => nothing(input, past),
    }
}

/// Where the value of the column begins.
fn value(text: &[u8]) -> Option<usize> {
    let close = text.iter().position(|b| *b == b')')?;
    let is_one = |name: &[u8]| {
        let name: Vec<u8> =
            name.trim_ascii().to_ascii_lowercase().into_iter().filter(|b| !b"`\"[]".contains(b)).collect();
        COLUMNS.iter().any(|c| name == *c || name.ends_with(c) && name[name.len() - c.len() - 1] == b'_')
    };
    let number = text[..close].split(|b| *b == b',').position(is_one)? + 1;
    let rest = &text[close + 1..];
    let skipped = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let word = rest.get(skipped..skipped + 6)?;
    if !word.eq_ignore_ascii_case(b"values") {
        return None;
    }
    let open = close + 1 + skipped + 6 + rest[skipped + 6..].iter().take_while(|b| b.is_ascii_whitespace()).count();
    if text.get(open) != Some(&b'(') {
        return None;
    }
    nth(&text[open + 1..], number).map(|at| open + 1 + at)
}

pub(super) fn mint(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("INSERT INTO users (name, password) VALUES ('worker', '{}')", password(rng)).into_bytes()
}

#[cfg(test)]
mod tests {
    use crate::generic::assign;
    use crate::generic::view::View;

    #[test]
    fn the_value_of_the_column() {
        let value = |text: &str| {
            let site = assign::given(&mut View::new(text.as_bytes(), 0), 0..0, super::value(text.as_bytes())?)?;
            Some(text[site.value].to_owned())
        };
        assert_eq!(value("id, `user_password`, x) VALUES\n (1, 'a,b', NULL), (2").as_deref(), Some("a,b"));
        assert_eq!(value("id, passport) VALUES (1, 'ab')"), None);
        assert_eq!(value("id, password) SELECT id, 'ab' FROM x"), None);
        assert_eq!(value("id, password) VALUES (1, md5('ab'))"), None);
    }
}
