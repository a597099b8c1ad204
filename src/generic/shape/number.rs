//! Numbers with what people write between them: versions, dates, durations, sums of money, ids, addresses on a chain.

/// Digits with what stands between them in versions, dates, numbers and object ids.
pub fn is_numeric(value: &[u8]) -> bool {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let plain =
        value.iter().all(|b| b.is_ascii_digit() || b" .:;-+/,T^~<>=|*_vxZ[]()".contains(b)) && digits < value.len();
    let colons = value.iter().filter(|b| **b == b':').count();
    let hex_groups = colons >= 2 && value.iter().all(|b| b.is_ascii_hexdigit() || *b == b':');
    let references = value.iter().all(|b| b.is_ascii_digit() || *b == b'\\');
    // `S-1-5-18`, an account of Windows.
    let account = value.strip_prefix(b"S-1-").is_some_and(|v| v.iter().all(|b| b.is_ascii_digit() || *b == b'-'));
    plain
        || account
        || references
        || is_resource(value)
        || is_duration(value)
        || hex_groups
        || is_version(value)
        || is_money(value)
}

/// `0x7f0b0023`, the number of a resource of an Android program.
fn is_resource(value: &[u8]) -> bool {
    value.len() == 10 && value.starts_with(b"0x7f") && value[4..].iter().all(u8::is_ascii_hexdigit)
}

/// `120h0m0s`, `15min`.
fn is_duration(value: &[u8]) -> bool {
    const UNITS: &[&[u8]] = &[b"ns", b"us", b"ms", b"s", b"m", b"h", b"d", b"w", b"min", b"sec", b"days", b"hours"];
    let mut rest = value;
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let unit = rest[digits..].iter().take_while(|b| b.is_ascii_lowercase()).count();
        if !(1..=6).contains(&digits) || !UNITS.contains(&&rest[digits..digits + unit]) {
            return false;
        }
        rest = &rest[digits + unit..];
    }
    true
}

/// `$9.60/month`.
fn is_money(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"$") else { return false };
    let amount = rest.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b',')).count();
    amount > 0 && rest[0].is_ascii_digit() && rest.get(amount).is_none_or(|b| matches!(b, b'/' | b' '))
}

/// `1.2.3`, `^1.2.3-rc.1`, `npm:^3.0.0 || ^4.0.0`.
fn is_version(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"npm:").unwrap_or(value);
    let bound = value.iter().take_while(|b| b"<>=~! ".contains(b)).count();
    let value = if bound <= 3 { &value[bound..] } else { value };
    let value = value
        .strip_prefix(b"^")
        .or_else(|| value.strip_prefix(b"~"))
        .or_else(|| value.strip_prefix(b"v"))
        .unwrap_or(value);
    let mut parts = value.splitn(3, |b| *b == b'.');
    let mut number = || parts.next().is_some_and(|p| !p.is_empty() && p.len() <= 4 && p.iter().all(u8::is_ascii_digit));
    number() && number() && parts.next().is_some_and(|p| p.first().is_some_and(u8::is_ascii_digit))
}

/// An address on a chain: `0x` and 40 hex digits.
pub fn is_address(value: &[u8]) -> bool {
    value.len() == 42 && value.starts_with(b"0x") && value[2..].iter().all(u8::is_ascii_hexdigit)
}

/// `8-4-4-4-12` hex digits.
pub fn is_uuid(value: &[u8]) -> bool {
    value.len() >= 36
        && value.len() <= 38
        && value.trim_ascii().windows(36).any(|w| {
            w.iter()
                .enumerate()
                .all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
        })
}
