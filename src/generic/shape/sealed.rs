//! Values that open nothing to who reads them: encrypted, hashed, public, or the name of the place where a secret lies.

use super::has;

/// Sealed by a tool that knows how to open it, or the name of a place where the secret lies.
pub fn is_sealed(value: &[u8]) -> bool {
    let starts = [
        &b"ENC["[..],
        b"$ANSIBLE_VAULT",
        b"vault:",
        b"ref+",
        b"op://",
        b"arn:",
        b"projects/",
        b"ssm:",
        b"secret:",
        b"secretsmanager",
        b"{cipher}",
        b"AQICAH",
        b"env:",
        b"file:",
        b"keyvault",
        b"@Microsoft.KeyVault",
        b"ENC(",
        b"-----BEGIN PUBLIC",
        // The same in base64, and a certificate.
        b"LS0tLS1CRUdJTiBQVUJMSUM",
        b"LS0tLS1CRUdJTiBDRVJU",
        // A session key of Microsoft's CryptoAPI, encrypted with RSA: AES-128 and AES-256.
        b"AQIAAA5mAAAApAAA",
        b"AQIAABBmAAAApAAA",
        // Public keys in DER, as base64: RSA, elliptic curves, Ed25519.
        b"MIGfMA0GCSqGSIb3",
        b"MIIBIjANBgkqhki",
        b"MIICIjANBgkqhki",
        b"MFkwEwYHKoZIzj0",
        b"MCowBQYDK2Vw",
        b"AAAAB3NzaC1yc2E",
        b"AAAAC3NzaC1lZDI1",
        b"AAAAE2VjZHNhLXNoYTI",
        b"{bcrypt}$",
        b"argon2$",
        b"ssh-rsa ",
        b"ssh-ed25519 ",
        b"ecdsa-sha2",
        b"-----BEGIN CERT",
        b"$2a$",
        b"$2b$",
        b"$2y$",
        b"$argon2",
        // Portable hashes of PHP.
        b"$P$",
        b"$H$",
        b"$S$",
        b"$6$",
        b"$5$",
        b"$1$",
        b"{SSHA",
        b"{SHA",
        b"sha256:",
        b"sha1:",
        b"sha512:",
        b"hmac-sha",
        b"md5$",
        b"sha1$",
        b"pbkdf2",
        b"sha512-",
        b"sha256-",
        b"sha384-",
        b"CfDJ8",
        b"SCRAM-SHA-",
        // An object that Java has written out.
        b"rO0AB",
        // Public keys of OpenPGP, as base64.
        b"mQENB",
        b"mQINB",
        b"mQGN",
        b"mQGiB",
        b"mDME",
        b"data:",
        b"urn:",
        b"did:",
        b"magnet:",
        // What two sides say once, to agree on a ticket.
        b"Negotiate ",
        // The signature of a request, with what it was made of.
        b"Hawk ",
        // What iron sealed.
        b"Fe26.",
    ];
    const INSIDE: &[&[u8]] = &[
        b":$2y$",
        b":$2a$",
        b":$2b$",
        b":$apr1$",
        b":$$apr1$$",
        b":$$2y$$",
        b"ssh-rsa AAAA",
        b"ssh-ed25519 AAAA",
        b"ecdsa-sha2-",
    ];
    starts.iter().any(|s| value.first() == s.first() && value.starts_with(s))
        || is_crypt(value)
        || is_sealed_by_maven(value)
        || is_cipher_string(value)
        || is_sealed_secret(value)
        || is_database_hash(value)
        || is_named_hash(value)
        || is_salted_hash(value)
        || is_extended_public_key(value)
        || is_credential_scope(value)
        || is_point(value)
        || is_between_marks(value)
        || value.len() > 24 && INSIDE.iter().any(|s| has(value, s))
}

/// `2.iv|ciphertext|mac`, as Bitwarden writes what it encrypted.
fn is_cipher_string(value: &[u8]) -> bool {
    let base64 = |part: &[u8]| part.len() >= 16 && part.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b));
    value.len() > 40
        && value[0].is_ascii_digit()
        && value[1] == b'.'
        && value.contains(&b'|')
        && value[2..].split(|b| *b == b'|').all(base64)
}

/// A value of a `SealedSecret` of Kubernetes, as base64: the length of a key encrypted with RSA (4096 or 2048 bits) in two
/// bytes, that key, and at least the 16 bytes that end AES-GCM.
fn is_sealed_secret(value: &[u8]) -> bool {
    let key = match value {
        [b'A', b'g', b'A'..=b'D', ..] => 512,
        [b'A', b'Q', b'A'..=b'D', ..] => 256,
        _ => return false,
    };
    value.len() / 4 * 3 >= 2 + key + 16 && value.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b))
}

/// `{base64}`, as Maven writes a password that its master password opens.
fn is_sealed_by_maven(value: &[u8]) -> bool {
    let inner = value.strip_prefix(b"{").and_then(|v| v.strip_suffix(b"}"));
    inner.is_some_and(|v| {
        v.len() >= 24
            && v.len().is_multiple_of(4)
            && v.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
    })
}

/// A point on the curve P-256, which is a public key: 65 bytes that begin with 4, in base64 for URLs.
fn is_point(value: &[u8]) -> bool {
    let text = value.strip_suffix(b"=").unwrap_or(value);
    text.len() == 87
        && matches!(text[0], b'B')
        && matches!(text[1], b'A'..=b'P')
        && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// What network devices write between these marks is encrypted.
fn is_between_marks(value: &[u8]) -> bool {
    [&b"%^%#"[..], b"%@%@"].iter().any(|mark| value.len() > 8 && value.starts_with(mark) && value.ends_with(mark))
}

/// The id of a key with what it was used for, as signed requests to AWS carry it: `ID/20260101/region/s3/aws4_request`.
fn is_credential_scope(value: &[u8]) -> bool {
    value.ends_with(b"/aws4_request") || value.ends_with(b"%2Faws4_request") || has(value, b"/aws4_request,")
}

/// A hash as crypt(3) writes it: `$id$...$...`, also with the signs escaped.
fn is_crypt(value: &[u8]) -> bool {
    let sign = value.strip_prefix(b"\\").unwrap_or(value);
    let Some(rest) = sign.strip_prefix(b"$") else { return false };
    let escaped = sign.len() < value.len();
    let id = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    let next = id + usize::from(escaped);
    let Some(hash) = rest.get(next + 1..).filter(|_| rest.get(next) == Some(&b'$')) else { return false };
    // `$salt$hash`, without an id.
    let plain = id == 4
        && (22..=24).contains(&hash.len())
        && hash.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/'));
    plain || (1..=10).contains(&id) && hash.contains(&b'$') && value.len() >= 24
}

/// A hash with the name of its kind before it, as Spring and LDAP keep passwords: `{pbkdf2@x}...`. `{noop}` is none.
fn is_named_hash(value: &[u8]) -> bool {
    const KINDS: &[&[u8]] = &[b"bcrypt", b"scrypt", b"argon2", b"pbkdf2", b"sha", b"ssha", b"smd5", b"md5", b"crypt"];
    let name = value.strip_prefix(b"{").unwrap_or_default();
    value.contains(&b'}')
        && KINDS.iter().any(|kind| name.len() > kind.len() && name[..kind.len()].eq_ignore_ascii_case(kind))
}

/// A salt and a hash, both in hex: `salt$hash`.
fn is_salted_hash(value: &[u8]) -> bool {
    let hex = |part: &[u8]| part.iter().all(u8::is_ascii_hexdigit);
    let Some(at) = value.iter().position(|b| matches!(b, b'$' | b':')) else { return false };
    let (salt, hash) = (&value[..at], &value[at + 1..]);
    salt.len() >= 8 && hex(salt) && matches!(hash.len(), 32 | 40 | 64 | 96 | 128) && hex(hash)
}

/// `xpub...`: a public key of a wallet, in base58.
fn is_extended_public_key(value: &[u8]) -> bool {
    (107..=112).contains(&value.len()) && &value[1..4] == b"pub" && value.iter().all(u8::is_ascii_alphanumeric)
}

/// A password as MySQL (`*` and 40 hex digits) and PostgreSQL (`md5` and 32) keep it.
fn is_database_hash(value: &[u8]) -> bool {
    let hex =
        |rest: Option<&[u8]>, len: usize| rest.is_some_and(|r| r.len() == len && r.iter().all(u8::is_ascii_hexdigit));
    hex(value.strip_prefix(b"*"), 40) || hex(value.strip_prefix(b"md5"), 32)
}

/// Base64 of a salt of a few bytes and a hash in hex digits, as brokers keep passwords.
pub fn is_hash_in_base64(value: &[u8]) -> bool {
    if value.len() < 44 || !value.len().is_multiple_of(4) {
        return false;
    }
    let Ok(plain) = data_encoding::BASE64.decode(value) else { return false };
    let digits = plain.iter().rev().take_while(|b| b.is_ascii_hexdigit()).count();
    digits >= 32 && plain.len() - digits <= 16 && plain.len() > digits
}
