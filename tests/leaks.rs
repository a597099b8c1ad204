//! Leaks as they stand in the files of tools and frameworks, told by the rule that knows what to do; and what stands in
//! such files and is none.

use std::fmt::Write as _;

use data_encoding::BASE64;
use keyscan::structure::Rng;

use crate::util::{mint, scan_file, text};

/// A file in which `SECRET` stands for a credential, minted by a rule, and `ID` for the id beside it.
struct Leak {
    path: &'static str,
    content: &'static str,
    /// Who mints it.
    mint: &'static str,
    /// Who has to find it.
    rule: &'static str,
}

const fn leak(path: &'static str, content: &'static str, mint: &'static str, rule: &'static str) -> Leak {
    Leak { path, content, mint, rule }
}

const ETHEREUM: &str = "ethereum-private-key";
const TELEGRAM: &str = "telegram-bot-token";
const DATABASE: &str = "generic-database-url-password";
const SETTING: &str = "generic-setting-password";
const PHRASE: &str = "bitcoin-bip39-mnemonic";

const LEAKS: &[Leak] = &[
    leak(
        "infra/terraform.tfstate",
        "{\"attributes\": {\"create_date\": \"2023-05-04T10:11:12Z\", \"id\": \"ID\", \"key_fingerprint\": null, \
         \"pgp_key\": null, \"secret\": \"SECRET\", \"status\": \"Active\", \"user\": \"deploy\"}}",
        "aws-secret-access-key",
        "aws-secret-access-key-behind-id",
    ),
    leak("hardhat.config.js", "sepolia: { url: 'x', accounts: ['SECRET'] }", ETHEREUM, ETHEREUM),
    leak("networks.json", "{\"sepolia\": {\"accounts\": [\"SECRET\"]}}", ETHEREUM, ETHEREUM),
    leak("truffle-config.js", "new HDWalletProvider('SECRET', 'https://ropsten.node')", ETHEREUM, ETHEREUM),
    leak("app.py", "acct = Account.from_key('SECRET')", ETHEREUM, ETHEREUM),
    leak("bot.py", "updater = Updater('SECRET')", TELEGRAM, TELEGRAM),
    leak("bot.js", "new Telegraf('SECRET')", TELEGRAM, TELEGRAM),
    leak("notify.sh", "curl -d chat_id=1 $URL --token SECRET", TELEGRAM, TELEGRAM),
    leak("trade.env", "binance_api_secret=SECRET", "binance-api-secret", "binance-api-secret"),
    leak(".env", "URL=postgres://app:SECRET#1@db.acme.io/app", "generic-password", DATABASE),
    leak("a.yml", "url: redis://:SECRET/x?y@cache.acme.io:6379/0", "generic-password", DATABASE),
    leak("ldap.conf", "BINDPW SECRET", "generic-password", SETTING),
    leak("ldap.conf", "rootbindpw SECRET", "generic-password", SETTING),
    leak("slapd.conf", "rootdn \"cn=admin\"\nrootpw SECRET", "generic-password", SETTING),
    leak("ks.cfg", "rootpw --plaintext SECRET", "generic-password", SETTING),
    leak("preseed.cfg", "d-i passwd/root-password password SECRET", "generic-password", SETTING),
    leak("app/build.gradle", "release { storePassword \"SECRET\" }", "generic-password", SETTING),
    leak("sssd.conf", "ldap_default_authtok = SECRET", "generic-password", SETTING),
    leak("notes.txt", "My seed phrase is: SECRET", "bitcoin-bip39-mnemonic-file", PHRASE),
    leak("a.js", "new HDWalletProvider('SECRET', url)", "bitcoin-bip39-mnemonic-file", PHRASE),
    leak("a.md", "## Seed phrase\n\nSECRET\n", "bitcoin-bip39-mnemonic-file", "bitcoin-bip39-mnemonic-lines"),
    leak(".secret", "SECRET", "bitcoin-bip39-mnemonic-file", "bitcoin-bip39-mnemonic-file"),
    leak("keys/mnemonic.txt", "SECRET\n", "bitcoin-bip39-mnemonic-file", "bitcoin-bip39-mnemonic-file"),
];

/// The password of the URL in a leak: what stands around the secret belongs to it.
fn whole(leak: &Leak, secret: &str) -> String {
    let around = leak.content.replace("SECRET", secret);
    let Some((_, rest)) = around.split_once("://").filter(|_| leak.rule == DATABASE) else { return secret.to_owned() };
    let (userinfo, _) = rest.rsplit_once('@').unwrap();
    userinfo.split_once(':').unwrap().1.to_owned()
}

#[test]
fn leaks_are_told_by_the_rule_that_knows_them() {
    let mut wrong = String::new();
    for (leak, seed) in LEAKS.iter().zip(1..) {
        let minted = mint(leak.mint, seed);
        let secret = minted.strip_prefix("DB_PASSWORD=").unwrap_or(&minted).to_owned();
        let content = leak.content.replace("ID", &mint("aws-access-key-id", seed)).replace("SECRET", &secret);
        let room = tempfile::TempDir::new().unwrap();
        crate::util::write(room.path(), leak.path, content + "\n");
        let json = crate::util::Keyscan::at(room.path()).args([".", "--show-secrets", "--format", "json"]).run().json();
        let want = whole(leak, &secret);
        let found = json.findings().iter().filter(|f| text(&f["secret"]) == want);
        let rules: Vec<_> = found.map(|f| text(&f["rule"]["id"])).collect();
        if rules != [leak.rule] {
            let _ = writeln!(wrong, "{} {}: {rules:?} for {} bytes", leak.path, leak.content, secret.len());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Lists of words, as people write a phrase down.
#[test]
fn phrases_in_lines_are_found() {
    let phrase = mint("bitcoin-bip39-mnemonic-file", 7);
    let lines = |line: fn(usize, &str) -> String| -> String {
        phrase.split(' ').enumerate().map(|(index, word)| line(index + 1, word)).collect()
    };
    let numbered = lines(|number, word| format!("{number}. {word}\n"));
    let dashed = lines(|_, word| format!("  - {word}\n"));
    for content in
        [format!("recovery phrase:\n{numbered}"), format!("seed:\n{dashed}"), format!("mnemonic: >\n  {phrase}\n")]
    {
        let json = scan_file("backup.yml", &content, 1);
        let rules: Vec<_> = json.findings().iter().map(|f| text(&f["rule"]["id"])).collect();
        assert_eq!(rules, ["bitcoin-bip39-mnemonic-lines"], "{content}");
    }
    // Another word in the place of one is no phrase any more, but for one time in sixteen.
    let (first, rest) = phrase.split_once(' ').unwrap();
    let broken = ["zoo", "abandon", "letter"].map(|word| format!("seed:\n  {word} {rest}\n"));
    assert!(broken.iter().any(|content| scan_file("backup.yml", content, 0).findings().is_empty()), "{first}");
}

/// Random base64, as a cipher leaves it.
fn sealed(seed: u64, head: &[u8], length: usize) -> String {
    BASE64.encode(&[head, &Rng::new(seed).bytes(length)].concat())
}

#[test]
fn what_is_no_leak_stays_quiet() {
    let secret = sealed(1, &[2, 0], 540);
    let cases = [
        // Only the controller in the cluster can open it.
        ("sealed.yaml", format!("kind: SealedSecret\nspec:\n  encryptedData:\n    DB_PASSWORD: {secret}\n")),
        // The number of a resource.
        ("R.java", "public static final int password=0x7f0b0023;\n".to_owned()),
        // The client of RFC 6749.
        ("oauth.md", format!("Authorization: Basic {}\n", BASE64.encode(b"s6BhdRkqt3:gX1fBat3bV"))),
        // Ports, paths and places.
        (
            "links.ts",
            "const a = 'redis://cache:6379/#/users/@me'; const b = 'postgres://db:5432/app?x=a@b.c';\n".to_owned(),
        ),
        // Addresses, not keys.
        ("networks.json", format!("{{\"accounts\": [\"0x{}\"]}}", "52908400098527886E0F7030069857D2E4169EE7")),
        ("prose.md", "The seed phrase:\nit is about the people who make music and about what they like\n".to_owned()),
    ];
    for (path, content) in cases {
        let json = scan_file(path, &content, 0);
        assert!(json.findings().is_empty(), "{path}: {}", json.story);
    }
}

/// A rule for files of one name finds them in archives, too.
#[test]
fn a_file_of_a_name_is_known_inside_an_archive() {
    let key = mint("rails-master-key-file", 3);
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(key.len() as u64);
    tar.append_data(&mut header, "app/config/master.key", key.as_bytes()).unwrap();
    let tar = tar.into_inner().unwrap();
    let json = scan_file("backup.tar", &tar, 1);
    let finding = json.finding(&key);
    assert_eq!(finding["rule"]["id"], "rails-master-key-file");
    assert_eq!(finding["occurrences"][0]["member"]["path"], "app/config/master.key");
}

/// Jenkins writes the line breaks of keys as numbers, in lower-case hex.
#[test]
fn a_key_with_numbered_line_breaks_is_read() {
    let key = mint("private-key-openssh", 5);
    for line_break in ["&#xd;\n", "&#10;", "&#xA;", "&#x0a;", "&#13;\n"] {
        let content = format!("<privateKey>{}</privateKey>\n", key.trim_end().replace('\n', line_break));
        let json = scan_file("credentials.xml", &content, 1);
        assert_eq!(json.findings()[0]["verdict"], "proven", "{line_break:?} {}", json.story);
    }
}
