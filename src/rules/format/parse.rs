//! The parser of the format language.

use super::{Format, Lengths, MAX_OPEN, Node};
use crate::error::{Error, Result};
use crate::rules::class::{self, Class};

/// Parses the text of a format into its pieces and the names of its segments.
pub(super) fn parse(text: &str) -> Result<(Vec<Node>, Vec<String>)> {
    let mut parser = Parser { text: text.as_bytes(), at: 0, names: Vec::new(), depth: 0 };
    let nodes = parser.sequence()?;
    if parser.at < text.len() {
        return Err(parser.error("unexpected `)` or `|`"));
    }
    if nodes.is_empty() {
        return Err(parser.error("the format is empty"));
    }
    Ok((nodes, parser.names))
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    names: Vec<String>,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, what: &str) -> Error {
        Error::new(format!("format, character {}: {what}", self.at + 1))
            .help("see docs/rule-format.md; a literal { } ( ) | ? or \\ needs a \\ before it")
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn sequence(&mut self) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        let mut literal = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'|' | b')' => break,
                b'{' => {
                    flush(&mut literal, &mut nodes);
                    nodes.push(self.segment()?);
                }
                b'(' => {
                    flush(&mut literal, &mut nodes);
                    nodes.push(self.group()?);
                }
                b'}' | b'?' => return Err(self.error("unexpected character")),
                b'\\' => {
                    literal.push(self.escaped()?);
                }
                _ => {
                    literal.push(byte);
                    self.at += 1;
                }
            }
        }
        flush(&mut literal, &mut nodes);
        Ok(nodes)
    }

    /// The byte that a `\` and what follows it stand for.
    fn escaped(&mut self) -> Result<u8> {
        let rest = &self.text[self.at + 1..];
        let (byte, left) = class::escaped(rest).ok_or_else(|| self.error("nothing after the `\\`"))?;
        self.at = self.text.len() - left.len();
        Ok(byte)
    }

    fn group(&mut self) -> Result<Node> {
        if self.depth > 8 {
            return Err(self.error("groups nested too deep"));
        }
        self.depth += 1;
        self.at += 1;
        let mut choices = vec![self.sequence()?];
        while self.peek() == Some(b'|') {
            self.at += 1;
            choices.push(self.sequence()?);
        }
        if self.peek() != Some(b')') {
            return Err(self.error("a `(` without its `)`"));
        }
        self.at += 1;
        self.depth -= 1;
        if self.peek() == Some(b'?') {
            self.at += 1;
            choices.push(Vec::new());
        }
        Ok(Node::Group { name: None, choices })
    }

    fn segment(&mut self) -> Result<Node> {
        self.at += 1;
        let name_len = self.text[self.at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        if name_len == 0 {
            return Err(self.error("a segment begins with its name: {name:alphabet:length}"));
        }
        let name = String::from_utf8_lossy(&self.text[self.at..self.at + name_len]).into_owned();
        self.at += name_len;
        let name = self.capture(name)?;
        match self.peek() {
            Some(b'=') => self.choice(name),
            Some(b':') => self.run(name),
            _ => Err(self.error("`:` or `=` must follow the name of a segment")),
        }
    }

    fn capture(&mut self, name: String) -> Result<Option<usize>> {
        if name == "_" {
            return Ok(None);
        }
        if self.names.contains(&name) {
            return Err(self.error(&format!("two segments are called `{name}`")));
        }
        if name == "token" || name == "before" {
            return Err(self.error(&format!("`{name}` has a meaning in checksums; call the segment otherwise")));
        }
        self.names.push(name);
        Ok(Some(self.names.len() - 1))
    }

    /// `{name=a|b|c}`
    fn choice(&mut self, name: Option<usize>) -> Result<Node> {
        let mut choices = Vec::new();
        loop {
            self.at += 1;
            let mut text = Vec::new();
            while let Some(byte) = self.peek().filter(|b| !matches!(b, b'|' | b'}')) {
                if byte == b'\\' {
                    text.push(self.escaped()?);
                } else {
                    text.push(byte);
                    self.at += 1;
                }
            }
            choices.push(vec![Node::Literal(text)]);
            match self.peek() {
                Some(b'|') => {}
                Some(_) => break,
                None => return Err(self.error("a `{` without its `}`")),
            }
        }
        self.at += 1;
        Ok(Node::Group { name, choices })
    }

    /// `{name:alphabet:length}`
    fn run(&mut self, name: Option<usize>) -> Result<Node> {
        self.at += 1;
        let class = if self.peek() == Some(b'[') { self.bracket()? } else { self.alphabet()? };
        let class = match class {
            Alphabet::Class(class) => class,
            Alphabet::Shape(choices) => return Ok(Node::Group { name, choices }),
        };
        if self.peek() != Some(b':') {
            return Err(self.error("a length must follow the alphabet: {name:alphabet:length}"));
        }
        self.at += 1;
        let end =
            self.text[self.at..].iter().position(|&b| b == b'}').ok_or_else(|| self.error("a `{` without its `}`"))?;
        let text = String::from_utf8_lossy(&self.text[self.at..self.at + end]).into_owned();
        let lengths =
            lengths(&text).ok_or_else(|| self.error("a length is N, N-M, N- or N,M with 1 <= N <= M <= 65536"))?;
        self.at += end + 1;
        Ok(Node::Segment { name, class, lengths })
    }

    fn bracket(&mut self) -> Result<Alphabet> {
        let start = self.at + 1;
        let mut at = start;
        while let Some(&byte) = self.text.get(at) {
            match byte {
                b'\\' => at += 2,
                b']' if at > start => {
                    let class =
                        Class::parse(&self.text[start..at]).ok_or_else(|| self.error("not a character class"))?;
                    self.at = at + 1;
                    return Ok(Alphabet::Class(class));
                }
                _ => at += 1,
            }
        }
        Err(self.error("a `[` without its `]`"))
    }

    fn alphabet(&mut self) -> Result<Alphabet> {
        let len = self.text[self.at..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let name = String::from_utf8_lossy(&self.text[self.at..self.at + len]).into_owned();
        let shape = match name.as_str() {
            "uuid" => Some("{_:xdigit:8}-{_:xdigit:4}-{_:xdigit:4}-{_:xdigit:4}-{_:xdigit:12}"),
            "uuid4" => Some("{_:xdigit:8}-{_:xdigit:4}-4{_:xdigit:3}-{_:[89abAB]:1}{_:xdigit:3}-{_:xdigit:12}"),
            _ => None,
        };
        if let Some(shape) = shape {
            self.at += len;
            if self.peek() != Some(b'}') {
                return Err(self.error("a uuid takes no length"));
            }
            self.at += 1;
            return Ok(Alphabet::Shape(vec![Format::parse(shape)?.nodes]));
        }
        let class = Class::named(&name).ok_or_else(|| self.error(&format!("there is no alphabet `{name}`")))?;
        self.at += len;
        Ok(Alphabet::Class(class))
    }
}

enum Alphabet {
    Class(Class),
    Shape(Vec<Vec<Node>>),
}

fn flush(literal: &mut Vec<u8>, nodes: &mut Vec<Node>) {
    if !literal.is_empty() {
        nodes.push(Node::Literal(std::mem::take(literal)));
    }
}

fn lengths(text: &str) -> Option<Lengths> {
    let number = |t: &str| t.parse::<usize>().ok().filter(|n| *n <= 65_536);
    let lengths = if let Some((min, max)) = text.split_once('-') {
        let min = number(min)?;
        Lengths::Range(min, if max.is_empty() { MAX_OPEN.max(min) } else { number(max)? })
    } else if text.contains(',') {
        let mut list = text.split(',').map(number).collect::<Option<Vec<_>>>()?;
        list.sort_unstable();
        Lengths::OneOf(list)
    } else {
        let n = number(text)?;
        Lengths::Range(n, n)
    };
    (lengths.max() > 0 && lengths.min() <= lengths.max()).then_some(lengths)
}
