//! Rows of a table of users: `INSERT INTO users (name, password) VALUES ('ann', '...'), ('bob', '...')`, and those that
//! `COPY users (name, password) FROM stdin;` reads.

use std::ops::Range;

use super::call::nth;
use super::{nothing, password, several, weigh, weigh_literal};
use crate::generic::Class;
use crate::generic::table::{MOST, ROW};
use crate::structure::primitives::window;
use crate::structure::{Input, Outcome, Rng};

/// How far behind the name of the table its columns are looked for.
const AHEAD: usize = 4000;

/// Brackets within brackets in a row; what has more is no row, and the rows of many statements one in another are not read
/// again and again.
const DEEP: usize = 8;

/// Names of columns that hold what opens something.
const COLUMNS: &[&[u8]] = &[b"password", b"passwd", b"pass", b"pwd", b"secret", b"token", b"api_key", b"apikey"];

pub(super) fn check(input: &Input<'_>) -> Outcome {
    let (head, past) = window(input.hay, input.end, AHEAD);
    let Some(table) = table(&input.hay[head.clone()]) else { return nothing(input, past) };
    let (range, most) = window(input.hay, head.start + table.rows, MOST);
    let text = &input.hay[range.clone()];
    let mut rows = Rows { text, at: 0, lines: table.lines };
    let mut all = Vec::new();
    for row in rows.by_ref() {
        let outcome = if table.lines {
            let cell = text[row.clone()].split(|b| *b == b'\t').nth(table.number - 1).unwrap_or_default();
            // The cells lie in the text: their places are told by their addresses within the row.
            let start = range.start + row.start + offset(&text[row.clone()], table.number);
            weigh(input, Class::Password, start..start + cell.len(), 0)
        } else {
            let Some(value) = nth(&text[row.clone()], table.number) else { continue };
            weigh_literal(input, Class::Password, range.start + row.start + value, 0)
        };
        all.push(outcome);
    }
    let cut = most <= input.hay.len() && rows.at + ROW >= text.len();
    let end = past.max(range.start + rows.at + 2 + text[rows.at.min(text.len())..].len().min(ROW));
    let end = end.min(input.hay.len() + 1);
    let hash = |o: &Outcome| {
        let value = input.hay.get(o.span.clone()).unwrap_or_default();
        table.salted && value.len() >= HASH && value.iter().all(u8::is_ascii_hexdigit)
    };
    let all = all.into_iter().map(|o| if hash(&o) { o.dismissed() } else { o }).collect();
    several(input, all, end, cut)
}

/// Where a cell begins in a row of cells with tabs between them, counted from 1.
fn offset(row: &[u8], number: usize) -> usize {
    row.split(|b| *b == b'\t').take(number - 1).map(|cell| cell.len() + 1).sum()
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
    /// Each row is a line, its cells with tabs between them.
    lines: bool,
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
    let said = |words: &[u8]| text.get(word..word + words.len()).is_some_and(|t| t.eq_ignore_ascii_case(words));
    if said(COPIED) {
        let line = memchr::memchr(b'\n', &text[word..])?;
        return Some(Table { number, salted, rows: word + line + 1, lines: true });
    }
    let values = said(b"values");
    values.then(|| Table { number, salted, rows: blanks(text, word + 6), lines: false })
}

/// The words behind the columns whose rows follow on lines of their own.
const COPIED: &[u8] = b"from stdin;";

/// The rows, without the brackets around them.
struct Rows<'a> {
    text: &'a [u8],
    /// Behind the last row that was read.
    at: usize,
    lines: bool,
}

impl Iterator for Rows<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let text = &self.text[..self.text.len().min(self.at + ROW)];
        if self.lines {
            let rest = text.get(self.at..)?;
            let end = self.at + memchr::memchr(b'\n', rest)?;
            let row = self.at..end;
            // Behind the last row, or another statement.
            if rest.starts_with(b"\\.") || rest.starts_with(b"COPY ") || row.is_empty() {
                return None;
            }
            self.at = end + 1;
            return Some(row);
        }
        let open = if self.at == 0 { 0 } else { blanks(text, self.at) };
        let open = if self.at > 0 && text.get(open) == Some(&b',') { blanks(text, open + 1) } else { open };
        if text.get(open) != Some(&b'(') || self.at > 0 && open <= self.at {
            return None;
        }
        let end = open + 1 + close(&text[open + 1..])?;
        self.at = end + 1;
        Some(open + 1..end)
    }
}

/// Where the bracket stands that ends a row.
fn close(text: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0, 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\'' | b'"' | b'`' => at = string(text, at)?,
            b'(' if depth < DEEP => depth += 1,
            b')' if depth == 0 => return Some(at),
            b')' => depth -= 1,
            // A sign that escapes something stands in a string only.
            b'(' | b';' | b'\\' => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the string ends that begins at a quote.
fn string(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match *text.get(at)? {
            b'\\' => at += 1,
            byte if byte == text[open] => return Some(at),
            _ => {}
        }
        at += 1;
    }
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
            let rows = super::Rows { text: &text.as_bytes()[table.rows..], at: 0, lines: table.lines };
            let starts = rows.filter_map(|row| {
                let cell = super::nth(&text.as_bytes()[table.rows..][row.clone()], table.number)?;
                Some(table.rows + row.start + cell)
            });
            starts.filter_map(given).map(|site| text[site.value].to_owned()).collect()
        };
        assert_eq!(all("id, `user_password`, x) VALUES\n (1, 'a,b', NULL), (2"), ["a,b"]);
        assert_eq!(all("id, password) values (1, NULL), (2, 'a)b'),\n(3, 'cd')); (4, 'ef')"), ["a)b", "cd"]);
        for none in ["id, passport) VALUES (1, 'ab')", "id, password) SELECT id, 'ab' FROM x"] {
            assert_eq!(all(none), Vec::<String>::new());
        }
        assert_eq!(all("id, password) VALUES (1, md5('ab'))"), Vec::<String>::new());
    }
}
