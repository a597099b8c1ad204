//! Values that stand elsewhere or nowhere: templates and variables that are filled in, and what was left out.

use super::{has, has_pair};

/// Filled in elsewhere: `${X}`, `{{ x }}`, `<token>`, `%s`, `:name`, `$name`, `@name@`, `__NAME__`.
pub fn is_template(value: &[u8]) -> bool {
    let value = in_quotes(value);
    // Spring's mark of a password in clear.
    let value = value.strip_prefix(b"{noop}").unwrap_or(value);
    let word = |rest: &[u8]| {
        !rest.is_empty()
            && rest.iter().all(|b| {
                b.is_ascii_alphanumeric()
                    || matches!(b, b'_' | b'.' | b'-' | b'>' | b':' | b'[' | b']' | b'\'' | b'(' | b')')
            })
    };
    const INSIDE: &[&[u8; 2]] =
        &[b"${", b"{{", b"$(", b"#{", b"<%", b"%(", b"{$", b"@{", b"}}", b"\\(", b"%{", b"((", b"[%"];
    let enclosed = [(b'<', b'>'), (b'{', b'}'), (b'[', b']'), (b'%', b'%'), (b'@', b'@'), (b'(', b')'), (b'#', b'#')];
    let name = |rest: &[u8]| word(rest) && (rest[0].is_ascii_alphabetic() || matches!(rest[0], b'_' | b'('));
    let dollar = value.first() == Some(&b'$') && (name(&value[1..]) || value.len() == 2);
    // `$HOME/keys`
    let under = dollar_path(value);
    dollar
        || under
        || variables(value)
        || value.windows(4).any(|w| {
            w[0] == b'%'
                && w[1].is_ascii_digit()
                && (w[2] == b'$' && b"sd@".contains(&w[3])
                    || w[1] == b'0' && b"248".contains(&w[2]) && b"xXd".contains(&w[3]))
        })
        || value.strip_prefix(b":").is_some_and(|r| name(r) && !r.iter().any(u8::is_ascii_digit))
        || value.strip_prefix(b"@").is_some_and(|r| name(r) && !r.iter().any(u8::is_ascii_digit))
        || (value.starts_with(b"%") && value.len() <= 3)
        || value.iter().any(|b| b"${#<%@}\\([".contains(b)) && has_pair(value, INSIDE)
        || is_format(value)
        || value.len() > 2 && enclosed.iter().any(|(a, b)| value.first() == Some(a) && value.last() == Some(b))
        || value.starts_with(b"<")
        || value.starts_with(b"$env:")
        || value.starts_with(b"env.")
        || value.starts_with(b"process.env.")
        || value.starts_with(b"&lt;")
        || value.starts_with(b"__") && value.ends_with(b"__")
        || braces(value)
        || is_batch_variable(value)
}

/// What a format fills in: `%s-%d`. In `Winter#77%sDC` the letter behind the sign is by chance.
fn is_format(value: &[u8]) -> bool {
    let made_up = value.iter().any(u8::is_ascii_digit) && value.iter().any(|b| b"!#$&*^".contains(b));
    has_pair(value, &[b"%s", b"%d", b"%v"]) && !made_up
}

/// A variable of a Windows command file with a part taken of it: `!arg:~20!`.
fn is_batch_variable(value: &[u8]) -> bool {
    value.len() > 4 && value.starts_with(b"!") && value.ends_with(b"!") && has(value, b":~")
}

/// What quotes of another kind enclose: `'$X'`, `\"%c\"`.
fn in_quotes(value: &[u8]) -> &[u8] {
    let quote = |b: &u8| matches!(b, b'\'' | b'"' | b'\\');
    let start = value.iter().take_while(|b| quote(b)).count();
    let end = value.iter().rev().take_while(|b| quote(b)).count();
    if start == 0 || end == 0 || start + end >= value.len() { value } else { &value[start..value.len() - end] }
}

/// Variables with what joins them: `$offset:$length`, or one among words: `echo $cwd`.
fn variables(value: &[u8]) -> bool {
    let blanks = value.contains(&b' ');
    if value.first() != Some(&b'$') && !blanks {
        return false;
    }
    let mut names = 0;
    let joined = value.split(|b| matches!(b, b':' | b'/' | b'-' | b'.' | b' ' | b',')).all(|part| {
        let name = part
            .strip_prefix(b"$")
            .filter(|n| n.len() > 1 && n.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'));
        names += usize::from(name.is_some_and(|n| n[0].is_ascii_alphabetic()));
        name.is_some()
    });
    names > 1 && joined || blanks && names > 0
}

/// A path below a variable: `$GOPATH/src/x`.
fn dollar_path(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"$") else { return false };
    let name = rest.iter().take_while(|b| b.is_ascii_alphabetic() || **b == b'_').count();
    let end = name + usize::from(rest.get(name) == Some(&b'$'));
    let is_path = |rest: &[u8]| rest.iter().all(|b| b.is_ascii_alphanumeric() || b"/._-$".contains(b));
    name >= 3 && rest.get(end) == Some(&b'/') && is_path(&rest[end..])
}

/// `{name}` or `{0}` or `{}` somewhere inside.
fn braces(value: &[u8]) -> bool {
    let Some(open) = memchr::memchr(b'{', value) else { return false };
    let Some(close) = memchr::memchr(b'}', &value[open..]) else { return false };
    value[open + 1..open + close]
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b' ' | b'!'))
}

/// Left out: `***`, `...`, `xxxx`, `----`.
pub fn is_left_out(value: &[u8]) -> bool {
    let runs = |byte: u8, n: usize| value.windows(n).any(|w| w.iter().all(|b| b.eq_ignore_ascii_case(&byte)));
    // The first part of a web token alone.
    let header = value.starts_with(b"eyJ") && value.iter().position(|b| *b == b'.') == Some(value.len() - 1);
    header
        || runs(b'*', 3)
        || runs(b'x', 4)
        || has(value, "\u{2026}".as_bytes())
        || has(value, b"...")
        || value.ends_with(b"..")
        || runs(b'#', 3)
        || runs(b'_', 4)
        || runs(b'?', 3)
        || value.len() > 4 && value[value.len() - 4..].eq_ignore_ascii_case(b"_xxx")
        || has(value, "\u{2022}".as_bytes())
}
