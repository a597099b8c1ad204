//! Rows of a table of users: `INSERT INTO users (name, password) VALUES ('ann', '...'), ('bob', '...')`.

use super::call::{end, nth};
use super::{nothing, password, weigh_literal};
use crate::generic::Class;
use crate::structure::primitives::window;
use crate::structure::{Input, Outcome, Rng};

/// How far behind the names of the columns the values are looked for.
const AHEAD: usize = 4000;

/// Most rows that are looked at.
const ROWS: usize = 50;

/// Names of columns that hold what opens something.
const COLUMNS: &[&[u8]] = &[b"password", b"passwd", b"pass", b"pwd", b"secret", b"token", b"api_key", b"apikey"];

pub(super) fn check(input: &Input<'_>) -> Outcome {
    let (range, past) = window(input.hay, input.end, AHEAD);
    let text = input.hay.get(range.clone()).unwrap_or_default();
    let Some(table) = table(text) else { return nothing(input, past) };
    let weighed = |at: usize| weigh_literal(input, Class::Password, range.start + at, past);
    let all: Vec<Outcome> = values(text, &table).map(weighed).collect();
    let read = all.iter().fold(input.start..past, |read, o| read.start.min(o.read.start)..read.end.max(o.read.end));
    let hash = |o: &Outcome| {
        let value = input.hay.get(o.span.clone()).unwrap_or_default();
        table.salted && value.len() >= HASH && value.iter().all(u8::is_ascii_hexdigit)
    };
    let mut found = all.into_iter().filter(|o| !o.dismiss && !hash(o));
    match found.next() {
        Some(first) => Outcome { read, others: found.collect(), ..first },
        None => Outcome { read, ..nothing(input, past) },
    }
}

/// Fewest hex digits of the hash of a password.
const HASH: usize = 32;

/// What the names of the columns say.
struct Table {
    /// Which column holds a password, counted from 1.
    number: usize,
    /// Another column holds the salt that a hash was made with.
    salted: bool,
    /// Where the first row begins.
    rows: usize,
}

fn table(text: &[u8]) -> Option<Table> {
    let close = text.iter().position(|b| *b == b')')?;
    let plain = |name: &[u8]| -> Vec<u8> {
        name.trim_ascii().iter().map(u8::to_ascii_lowercase).filter(|b| !b"`\"[]".contains(b)).collect()
    };
    let names: Vec<Vec<u8>> = text[..close].split(|b| *b == b',').map(plain).collect();
    let is_one = |name: &Vec<u8>| {
        COLUMNS.iter().any(|c| name == c || name.ends_with(c) && name[name.len() - c.len() - 1] == b'_')
    };
    let number = names.iter().position(is_one)? + 1;
    let salted = names.iter().any(|name| name.ends_with(b"salt"));
    let word = blanks(text, close + 1);
    if !text.get(word..word + 6)?.eq_ignore_ascii_case(b"values") {
        return None;
    }
    Some(Table { number, salted, rows: blanks(text, word + 6) })
}

/// Where the value of the column begins, in each row.
fn values<'a>(text: &'a [u8], table: &Table) -> impl Iterator<Item = usize> + 'a {
    let (number, mut at) = (table.number, Some(table.rows));
    let row = move || {
        let open = at.take().filter(|at| text.get(*at) == Some(&b'('))? + 1;
        let row = &text[open..];
        at = end(row).map(|end| blanks(text, open + end + 1)).filter(|comma| text.get(*comma) == Some(&b','));
        at = at.map(|comma| blanks(text, comma + 1));
        Some(nth(row, number).map(|value| open + value))
    };
    std::iter::from_fn(row).take(ROWS).flatten()
}

/// Where white space ends.
fn blanks(text: &[u8], from: usize) -> usize {
    from + text.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_whitespace()).count()
}

pub(super) fn mint(rng: &mut Rng, _: &[String]) -> Vec<u8> {
    format!("INSERT INTO users (name, password) VALUES ('worker', '{}')", password(rng)).into_bytes()
}

#[cfg(test)]
mod tests {
    use crate::generic::assign;
    use crate::generic::view::View;

    #[test]
    fn the_values_of_the_column() {
        let all = |text: &str| -> Vec<String> {
            let Some(table) = super::table(text.as_bytes()) else { return Vec::new() };
            let given = |at| assign::given(&mut View::new(text.as_bytes(), 0), 0..0, at);
            super::values(text.as_bytes(), &table).filter_map(given).map(|site| text[site.value].to_owned()).collect()
        };
        assert_eq!(all("id, `user_password`, x) VALUES\n (1, 'a,b', NULL), (2"), ["a,b"]);
        assert_eq!(all("id, password) values (1, NULL), (2, 'a)b'),\n(3, 'cd')); (4, 'ef')"), ["a)b", "cd"]);
        for none in ["id, passport) VALUES (1, 'ab')", "id, password) SELECT id, 'ab' FROM x"] {
            assert_eq!(all(none), Vec::<String>::new());
        }
        assert_eq!(all("id, password) VALUES (1, md5('ab'))"), Vec::<String>::new());
    }
}
