//! Paths, addresses and names of files.

use super::has;

/// A path or address: `/run/secrets/x`, `https://...`, `./key.pem`, `C:\x`.
pub fn is_path(value: &[u8]) -> bool {
    let slashes = value.iter().filter(|b| **b == b'/').count();
    let base64 = value.len() >= 24
        && value.len().is_multiple_of(4)
        && value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    has(value, b"://")
        || is_windows_path(value)
        || value.len() >= 3 && value[0].is_ascii_alphabetic() && value[1] == b':' && value[2] == b'\\'
        || [&b"/"[..], b"./", b"../", b"~/", b"C:\\", b"//"].iter().any(|s| value.starts_with(s))
            && slashes >= 1
            && !base64
        || slashes >= 2 && value.iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'/' | b'.' | b'-' | b'_'))
        || slashes >= 1
            && !base64
            && !value.iter().any(|b| matches!(b, b'+' | b'=' | b'!' | b'@' | b'#' | b'$' | b'%'))
            && crate::generic::words::likeness(value).bits > 0.0
}

/// Names with backslashes between them, single or doubled: `Software\\Acme\\Extensions`.
fn is_windows_path(value: &[u8]) -> bool {
    let slashes = value.windows(2).filter(|w| w[0] != b'\\' && w[1] == b'\\').count();
    slashes >= 2 && value.iter().all(|b| b.is_ascii_alphanumeric() || b"\\ _-.".contains(b))
}

/// Ends like the name of a file.
pub fn is_file(value: &[u8]) -> bool {
    let Some(dot) = value.iter().rposition(|b| *b == b'.') else { return false };
    const ENDS: &[&[u8]] = &[
        b"pem",
        b"key",
        b"crt",
        b"cer",
        b"json",
        b"yaml",
        b"yml",
        b"txt",
        b"js",
        b"ts",
        b"py",
        b"rb",
        b"go",
        b"php",
        b"html",
        b"htm",
        b"properties",
        b"conf",
        b"cfg",
        b"ini",
        b"env",
        b"p12",
        b"pfx",
        b"jks",
        b"pub",
        b"xml",
        b"md",
        b"sh",
        b"enc",
        b"gpg",
        b"asc",
        b"java",
        b"com",
        b"org",
        b"net",
        b"io",
        b"log",
        b"db",
        b"sql",
        b"png",
        b"svg",
        b"css",
        b"tsx",
        b"jsx",
        b"vue",
        b"rs",
        b"c",
        b"h",
        b"toml",
        b"local",
        b"secret",
        b"ldif",
        b"csv",
        b"p8",
        b"ppk",
        b"cs",
        b"kdbx",
        b"keystore",
        b"dev",
        b"app",
    ];
    ENDS.iter().any(|e| value[dot + 1..].eq_ignore_ascii_case(e))
}
