//! Tables with a column of passwords: lines of a CSV file, rows of a table in Markdown or of examples in Gherkin.
//!
//! The first row names the columns. So that a text full of rows costs time linear in its length, only a row without another of
//! the same number of cells before it is taken for the first one.

use std::ops::Range;

use crate::generic::assign::Site;
use crate::generic::name::{Around, Name};
use crate::generic::view::View;
use crate::generic::{Class, Found, LOW, weighed};

/// Bytes of rows that are read: more than one statement of a dump has. What is beyond is told to be unread.
pub const MOST: usize = 16 << 20;

/// Longest row.
pub const ROW: usize = 64 << 10;

/// Longest row of names, in bytes.
const HEADER: usize = 1000;

/// Bytes on each side of a key word that mostly say already that it stands in code.
const CLOSE: usize = 24;

/// Longest name of a column.
const NAME: usize = 40;

/// Names of columns that hold what opens something, in lower case, without what joins their words.
#[rustfmt::skip]
const COLUMNS: &[&str] = &[
    "password", "passwd", "pass", "pwd", "passphrase", "passcode", "userpassword", "dbpassword", "adminpassword", "loginpassword",
    "rootpassword", "defaultpassword", "initialpassword", "plainpassword", "passwort", "passord", "motdepasse", "secret",
    "clientsecret", "secretkey", "secretaccesskey", "apikey", "apisecret",
];

/// Bytes that stand in no name of a column.
static CODE: [bool; 256] = {
    let (mut table, signs, mut at) = ([false; 256], *b"={}[]<>@$&!+\\'%^~", 0);
    while at < signs.len() {
        table[signs[at] as usize] = true;
        at += 1;
    }
    table
};

/// What may stand between the cells of a row.
const SIGNS: &[u8] = b",;\t|";

/// The values of the column whose name has a key word at a place, what was read, and whether more rows are there than that.
pub fn look(hay: &[u8], at: usize) -> Option<(Range<isize>, Vec<Found>, bool)> {
    let table = Table::around(hay, at)?;
    let end = hay.len().min(table.rows.saturating_add(MOST));
    let text = &hay[..end];
    let (mut all, mut next, mut read) = (Vec::new(), table.rows, table.rows);
    while let Some((cells, behind)) = row(text, next, table.sign).filter(|(cells, _)| cells.len() == table.columns) {
        let cell = cells[table.number].clone();
        if !cell.is_empty() {
            let mut view = View::new(hay, cell.start);
            let name = Name { class: Class::Password, around: Around::default() };
            let near = cell.start.saturating_sub(NEAR).max(table.header);
            all.extend(weighed(&mut view, &name, Site::given(near..near, cell), LOW));
            read = read.max(view.read().end.max(0) as usize);
        }
        next = behind;
    }
    let cut = end < hay.len() && end - next < ROW;
    let read = read.max(next + ROW);
    let read = if read > hay.len() { hay.len() + 1 } else { read };
    if are_hashes(hay, &all) {
        all.clear();
    }
    Some((table.header.saturating_sub(ROW + 1) as isize - 1..read as isize, all, cut))
}

/// Bytes before a value that count as around it.
const NEAR: usize = 200;

/// Are all values hex digits of one length, as hashes of passwords are?
fn are_hashes(hay: &[u8], all: &[Found]) -> bool {
    let mut values = all.iter().map(|found| &hay[found.value.clone()]);
    let Some(first) = values.next() else { return false };
    let hex = |value: &[u8]| value.len() >= 32 && value.iter().all(u8::is_ascii_hexdigit);
    let mut more = values.peekable();
    hex(first) && more.peek().is_some() && more.all(|value| hex(value) && value.len() == first.len())
}

/// Where the names of the columns stand, and what they say.
struct Table {
    /// Start of the row of names.
    header: usize,
    sign: u8,
    columns: usize,
    /// Which column holds passwords, counted from 0.
    number: usize,
    /// Start of the first row of values.
    rows: usize,
}

impl Table {
    /// The table in whose row of names a key word stands.
    fn around(hay: &[u8], at: usize) -> Option<Self> {
        // Most key words stand in code.
        let near = &hay[at.saturating_sub(CLOSE)..hay.len().min(at + CLOSE)];
        if !near.contains(&b'\n') && near.iter().any(|b| CODE[usize::from(*b)]) {
            return None;
        }
        let from = at.saturating_sub(HEADER);
        let header = match memchr::memrchr(b'\n', &hay[from..at]) {
            Some(before) => from + before + 1,
            None if from == 0 => 0,
            None => return None,
        };
        let rest = &hay[at..hay.len().min(at + HEADER)];
        let line = at + memchr::memchr(b'\n', rest)? + 1;
        if hay[header..line].iter().any(|b| CODE[usize::from(*b)]) {
            return None;
        }
        let sign = *SIGNS.iter().find(|sign| hay[header..line].contains(sign))?;
        let (cells, rows) = row(&hay[..line], header, sign)?;
        if cells.len() < 2 || !cells.iter().all(|cell| is_title(&hay[cell.clone()])) {
            return None;
        }
        let is_one = |cell: &Range<usize>| COLUMNS.contains(&plain(&hay[cell.clone()]).as_str());
        let number = cells.iter().position(|cell| cell.contains(&at) && is_one(cell))?;
        if cells[..number].iter().any(is_one) || is_row(hay, header, sign, cells.len()) {
            return None;
        }
        let (next, behind) = row(hay, rows, sign)?;
        if next.len() != cells.len() {
            return None;
        }
        let ruler = |cell: &Range<usize>| {
            let text = &hay[cell.clone()];
            text.contains(&b'-') && text.iter().all(|b| matches!(b, b'-' | b':' | b'='))
        };
        let rows = if next.iter().all(ruler) { behind } else { rows };
        Some(Self { header, sign, columns: cells.len(), number, rows })
    }
}

/// Is the line before one of as many cells?
fn is_row(hay: &[u8], header: usize, sign: u8, columns: usize) -> bool {
    let Some(end) = header.checked_sub(1) else { return false };
    let from = end.saturating_sub(ROW);
    let start = match memchr::memrchr(b'\n', &hay[from..end]) {
        Some(at) => from + at + 1,
        None if from == 0 => 0,
        // Too long to tell.
        None => return true,
    };
    row(hay, start, sign).is_none_or(|(cells, next)| cells.len() == columns || next != header)
}

/// The cells of the row that begins at a place, without what encloses them, and where the next one begins.
fn row(text: &[u8], from: usize, sign: u8) -> Option<(Vec<Range<usize>>, usize)> {
    let rest = text.get(from..from.saturating_add(ROW).min(text.len()))?;
    let line = match memchr::memchr(b'\n', rest) {
        Some(end) => &rest[..end],
        None if from + rest.len() == text.len() => rest,
        None => return None,
    };
    if line.trim_ascii().is_empty() {
        return None;
    }
    let mut next = from + line.len() + 1;
    let (mut cells, mut start, mut at) = (Vec::new(), 0, 0);
    // Between bars there are no quotes; a cell in quotes may hold the sign and breaks of lines.
    let quotes = sign != b'|' && memchr::memchr(b'"', line).is_some();
    if quotes {
        let mut inside = false;
        loop {
            match rest.get(at) {
                Some(b'"') if inside || at > 0 && rest[at - 1] == b'"' || rest[start..at].trim_ascii().is_empty() => {
                    inside = !inside;
                }
                Some(&byte) if byte == sign && !inside => {
                    cells.push(start..at);
                    start = at + 1;
                }
                Some(b'\n') if !inside => break,
                Some(_) => {}
                None if inside || from + rest.len() != text.len() => return None,
                None => break,
            }
            at += 1;
        }
        next = from + at + 1;
    } else {
        for end in memchr::memchr_iter(sign, line) {
            cells.push(start..end);
            start = end + 1;
        }
        at = line.len();
    }
    cells.push(start..at);
    let bare = |cell: &Range<usize>| trimmed(text, from + cell.start..from + cell.end);
    let mut cells: Vec<_> = cells.iter().map(bare).collect();
    if sign == b'|' {
        // The bars around a row.
        if cells.last().is_some_and(Range::is_empty) {
            cells.pop();
        }
        if cells.first().is_some_and(Range::is_empty) {
            cells.remove(0);
        }
    }
    Some((cells, next.min(text.len())))
}

/// Without white space, and quotes or marks of code or bold text in pairs.
fn trimmed(text: &[u8], cell: Range<usize>) -> Range<usize> {
    let mut cell = cell;
    loop {
        while !cell.is_empty() && text[cell.start].is_ascii_whitespace() {
            cell.start += 1;
        }
        while !cell.is_empty() && text[cell.end - 1].is_ascii_whitespace() {
            cell.end -= 1;
        }
        let marked = cell.len() >= 2 && matches!(text[cell.start], b'"' | b'`' | b'*' | b'\'');
        if !marked || text[cell.start] != text[cell.end - 1] {
            return cell;
        }
        cell = cell.start + 1..cell.end - 1;
    }
}

/// May this be the name of a column: a few words?
fn is_title(cell: &[u8]) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80 || b" _-./#()?:".contains(b);
    cell.len() <= NAME && cell.iter().all(word) && !cell.contains(&b'=')
}

/// The name of a column as the list has it.
fn plain(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).to_lowercase().replace([' ', '_', '-', '.'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<&str> {
        let Some(at) = text.find("pass").or_else(|| text.find("Pass")) else { return Vec::new() };
        let Some(table) = Table::around(text.as_bytes(), at) else { return Vec::new() };
        let (mut all, mut at) = (Vec::new(), table.rows);
        while let Some((cells, end)) = row(text.as_bytes(), at, table.sign).filter(|(c, _)| c.len() == table.columns) {
            all.push(&text[cells[table.number].clone()]);
            at = end;
        }
        all
    }

    #[test]
    fn the_values_of_the_column() {
        for (text, want) in [
            ("name,password\nann,ab\nbob,cd", &["ab", "cd"][..]),
            ("id,password,x\r\n1,ab,\r\n2,,y\r\n\r\n3,no,z\r\n", &["ab", ""]),
            ("id,\"password\"\n1,\"a,\"\"b\n\"\n2,\"c\"\n", &["a,\"\"b", "c"]),
            ("Name;Passwort\nann;ab\nno\n", &["ab"]),
            ("| User | Password |\n|---|:--:|\n| ann | `ab` |\n| bob | **cd** |\ntext\n", &["ab", "cd"]),
            ("user\tpass\nann\tab\n", &["ab"]),
            ("a,b\nc,password\nd,no\n", &[]),
            ("f(user, password)\nf(ann, no)\n", &[]),
            ("user,password\nno\n", &[]),
            ("name,passport\nann,no\n", &[]),
        ] {
            assert_eq!(values(text), want, "{text}");
        }
    }
}
