//! SQLite: the rows of every table, with values that go on in other pages joined.
//!
//! The format is that of <https://www.sqlite.org/fileformat2.html>. Pages that no table leads to (deleted rows) are found by
//! the scan of the file's own bytes.

use super::{Note, Walker};

/// Most pages of one table.
const PAGES: usize = 1 << 20;
/// Text of a table that is scanned at a time.
const PIECE: usize = 1 << 20;

impl Walker<'_> {
    pub(super) fn sqlite(&mut self, bytes: &[u8]) {
        self.at.via.push("sqlite");
        match Database::open(bytes) {
            Some(database) => {
                let tables = database.tables();
                for (name, root) in tables {
                    let mut whole = true;
                    let mut text = Vec::new();
                    database.rows(root, &mut whole, &mut |row| {
                        if text.len() > PIECE {
                            self.text(name.as_slice(), &text);
                            text.clear();
                        }
                        for value in row {
                            text.extend_from_slice(value);
                            text.push(b'\t');
                        }
                        text.push(b'\n');
                        self.meter.spend(row.iter().map(|v| v.len() as u64).sum())
                    });
                    self.text(name.as_slice(), &text);
                    if !whole && !self.is_over() {
                        self.note_of(&name, Note::Damaged("the pages of the table do not hang together".into()));
                    }
                }
            }
            None => self.note(Note::Damaged("the header of the database is wrong".into())),
        }
        self.at.via.pop();
    }
}

struct Database<'d> {
    bytes: &'d [u8],
    page: usize,
    /// Bytes of a page that are used.
    usable: usize,
    /// 1: UTF-8; 2 and 3: UTF-16.
    encoding: u32,
}

/// A value of a row; numbers are of no interest.
enum Value {
    Number(u64),
    Text(Vec<u8>),
    Other,
}

impl<'d> Database<'d> {
    fn open(bytes: &'d [u8]) -> Option<Self> {
        let page = match number(bytes, 16, 2)? {
            1 => 65_536,
            n if n.is_power_of_two() && n >= 512 => n as usize,
            _ => return None,
        };
        let usable = page.checked_sub(usize::from(*bytes.get(20)?)).filter(|u| *u >= 480)?;
        Some(Self { bytes, page, usable, encoding: number(bytes, 56, 4)? as u32 })
    }

    fn page(&self, number: usize) -> Option<&'d [u8]> {
        let start = number.checked_sub(1)?.checked_mul(self.page)?;
        self.bytes.get(start..start + self.page)
    }

    /// Names and root pages of all tables, the list of tables itself first.
    fn tables(&self) -> Vec<(Vec<u8>, usize)> {
        let mut tables = vec![(b"sqlite_schema".to_vec(), 1)];
        let mut whole = true;
        self.values(1, &mut whole, &mut |row| {
            if let [Value::Text(kind), Value::Text(name), _, Value::Number(root), ..] = &row[..]
                && kind.as_slice() == b"table"
                && *root > 0
            {
                tables.push((name.clone(), *root as usize));
            }
            true
        });
        tables
    }

    fn rows(&self, root: usize, whole: &mut bool, f: &mut dyn FnMut(&[Vec<u8>]) -> bool) {
        self.values(root, whole, &mut |row| {
            let text = |value| if let Value::Text(text) = value { Some(text) } else { None };
            let texts: Vec<Vec<u8>> = row.into_iter().filter_map(text).collect();
            texts.is_empty() || f(&texts)
        });
    }

    /// Gives every row of a table, until `f` says that it is enough.
    fn values(&self, root: usize, whole: &mut bool, f: &mut dyn FnMut(Vec<Value>) -> bool) {
        let mut pages = vec![root];
        let mut seen = 0;
        while let Some(number) = pages.pop() {
            seen += 1;
            let cells = self.page(number).filter(|_| seen <= PAGES.min(self.bytes.len() / self.page + 1));
            let Some((kind, cells)) = cells.and_then(|page| self.cells(number, page)) else {
                *whole = false;
                continue;
            };
            match kind {
                // Inner pages lead to others.
                5 => pages.extend(cells.into_iter().rev()),
                _ => {
                    for at in cells {
                        let row = self.payload(number, at).map(|payload| self.record(&payload));
                        *whole &= row.is_some();
                        if !row.flatten().is_none_or(&mut *f) {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Offsets of the rows of a leaf, or the pages that an inner page leads to.
    fn cells(&self, number_of: usize, page: &[u8]) -> Option<(u8, Vec<usize>)> {
        let header = if number_of == 1 { 100 } else { 0 };
        let kind = *page.get(header)?;
        let count = number(page, header + 3, 2)? as usize;
        let inner = match kind {
            5 => true,
            13 => false,
            // The b-trees of indices (and tables without row ids) repeat values.
            _ => return matches!(kind, 2 | 10).then_some((13, Vec::new())),
        };
        let pointers = header + if inner { 12 } else { 8 };
        let offsets = (0..count).map_while(|i| number(page, pointers + 2 * i, 2).map(|n| n as usize));
        if inner {
            let mut pages: Vec<usize> = offsets.filter_map(|at| number(page, at, 4)).map(|n| n as usize).collect();
            pages.push(number(page, header + 8, 4)? as usize);
            Some((kind, pages))
        } else {
            Some((kind, offsets.collect()))
        }
    }

    /// The bytes of a row, with those that stand in other pages.
    fn payload(&self, number_of: usize, at: usize) -> Option<Vec<u8>> {
        let page = self.page(number_of)?;
        let (length, at) = varint(page, at)?;
        let (_, at) = varint(page, at)?;
        let length = usize::try_from(length).ok().filter(|n| *n <= self.bytes.len())?;
        let most = self.usable - 35;
        let here = if length <= most {
            length
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let kept = least + (length - least) % (self.usable - 4);
            if kept <= most { kept } else { least }
        };
        let mut payload = page.get(at..at + here)?.to_vec();
        let mut next = if here < length { number(page, at + here, 4)? as usize } else { 0 };
        while payload.len() < length {
            let page = self.page(next)?;
            let take = (length - payload.len()).min(self.usable - 4);
            payload.extend_from_slice(page.get(4..4 + take)?);
            next = number(page, 0, 4)? as usize;
        }
        Some(payload)
    }

    fn record(&self, payload: &[u8]) -> Option<Vec<Value>> {
        let (header, mut at) = varint(payload, 0)?;
        let header = usize::try_from(header).ok()?;
        let mut body = header;
        let mut values = Vec::new();
        while at < header {
            let (kind, next) = varint(payload, at)?;
            at = next;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind as usize,
                5 => 6,
                6 | 7 => 8,
                _ => usize::try_from((kind - 12) / 2).ok()?,
            };
            let bytes = payload.get(body..body.checked_add(length)?)?;
            body += length;
            values.push(match kind {
                1..=6 => Value::Number(bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))),
                9 => Value::Number(1),
                12.. if kind % 2 == 0 || self.encoding < 2 => Value::Text(bytes.to_vec()),
                12.. => Value::Text(self.utf16(bytes)),
                _ => Value::Other,
            });
        }
        Some(values)
    }

    fn utf16(&self, bytes: &[u8]) -> Vec<u8> {
        let unit = |pair: &[u8]| {
            let pair = [pair[0], pair[1]];
            if self.encoding == 2 { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) }
        };
        let units: Vec<u16> = bytes.chunks_exact(2).map(unit).collect();
        String::from_utf16_lossy(&units).into_bytes()
    }
}

/// A number of `len` bytes, the highest first.
fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    Some(bytes.get(at..at.checked_add(len)?)?.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
}

/// A number of one to nine bytes, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for i in 0..9 {
        let byte = *bytes.get(at + i)?;
        if i == 8 {
            return Some((value << 8 | u64::from(byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + i + 1));
        }
    }
    None
}
