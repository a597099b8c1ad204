//! Every built-in rule, in the surroundings that its credentials have: what it mints is found, what is edited is not.
//!
//! Nothing here names a token: each is minted from its rule's own format, from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use keyscan::detect::Detector;
use keyscan::finding::{Confidence, RawMatch, Verdict};
use keyscan::rules::{Anchoring, Certainty, Kind, Rule, RuleMeta, builtin, mint};
use keyscan::structure::Rng;

/// How many credentials of each rule.
const SEEDS: u64 = 20;

/// Rules whose credentials another rule finds, always or now and then, and why that is right.
const COVERED_BY: &[(&str, &[&str], &str)] = &[
    (
        "generic-credential",
        &["generic-api-key"],
        "the test gives its name and value as a whole to an API key, which weighs more now and then",
    ),
    (
        "generic-basic-auth-password",
        &["generic-login-password"],
        "what is minted for a second argument is a call of that rule",
    ),
    (
        "generic-keystore-password",
        &["generic-login-password"],
        "what is minted for a second argument is a call of that rule",
    ),
    (
        "generic-jdbc-url-password",
        &["generic-url-password"],
        "what is minted for the host holds a user and a password now and then",
    ),
    (
        "algolia-docsearch-api-key",
        &["algolia-search-api-key"],
        "the test calls it `docsearch_api_key`, in which `search_api_key` stands, too",
    ),
    (
        "svix-webhook-secret",
        &["stripe-webhook-secret"],
        "the same prefix, and now and then no character that Stripe's lack",
    ),
];

/// Rules that are not found in some surroundings, and why that is right. `*` stands for all.
const NOT_FOUND: &[(&str, &[&str], &str)] = &[
    ("generic-chpasswd-lines", &["JSON"], "lines of a here-document"),
    ("generic-typed-password", &["*"], "what asks for the password must stand before it"),
    ("generic-repeated-password", &["JSON"], "its escaped quotes are no quotes of a shell"),
    ("generic-user-password", &["JSON"], "its escaped quotes are no quotes of a program"),
    ("generic-wifi-line-password", &["HTML entities", "XML"], "`&` is written in another way there"),
    (
        "akamai-edgerc-client-secret",
        &["JSON", "YAML block", "CRLF"],
        "two lines of an INI file, which are not written like this",
    ),
    ("algolia-page-api-key", &["JSON"], "a piece of a page's code, escaped"),
    ("segment-write-key", &["JSON"], "a piece of a page's code, escaped"),
    ("firebase-web-api-key", &["JSON"], "a piece of a page's code, escaped; found as a Google API key"),
    (
        "github-legacy-token",
        &["option", "wrapped lines", "header", "HTML attribute", "properties"],
        "40 hex digits after these are mostly a commit",
    ),
    ("azure-sas-token", &["colours"], "the name of its first parameter is glued to the colour"),
    ("generic-api-key", &["colours"], "its name is glued to the colour"),
    ("generic-credential", &["colours"], "its name is glued to the colour"),
    ("generic-password", &["colours"], "its name is glued to the colour"),
    ("generic-salt", &["colours"], "its name is glued to the colour"),
    ("generic-salt", &["HTML attribute"], "what stands in a page is public, and a salt that is public is no secret"),
    ("generic-secret", &["colours"], "its name is glued to the colour"),
    ("generic-token", &["colours"], "its name is glued to the colour"),
    ("generic-filezilla-password", &["JSON"], "an element of XML, escaped; found by the name around it"),
    ("generic-setting-password", &["JSON"], "a line of settings with its quote, escaped; found by the name around it"),
    ("generic-chpasswd-password", &["JSON"], "a command with its quote, escaped; found by the name around it"),
    ("generic-piped-password", &["JSON"], "a command with its quote, escaped; found by the name around it"),
    ("generic-wifi-password", &["JSON", "XML"], "a line of settings with its quotes; found by the name around it"),
    ("django-insecure-secret-key", &["HTML entities"], "a `&` may be a part of it"),
    ("django-secret-key", &["HTML entities"], "a `&` may be a part of it"),
    ("docker-swarm-unlock-key", &["URL path"], "a `/` may be a part of it"),
    ("grafana-legacy-api-key", &["URL path"], "a `/` may be a part of it"),
    ("jfrog-artifactory-reference-token", &["URL path"], "a `/` may be a part of it"),
    ("bitwarden-cli-client-secret", &["JSON"], "a piece of JSON itself, escaped once more"),
    ("django-secret-key", &["JSON"], "a line of Python with its quotes, escaped"),
    ("pubnub-secret-key", &["URL path"], "a `/` may be a part of it"),
    ("sentry-organization-auth-token", &["URL path"], "a `/` may be a part of it"),
    ("stripe-webhook-secret", &["URL path"], "a `/` may be a part of it"),
    ("svix-webhook-secret", &["URL path"], "a `/` may be a part of it"),
    ("docker-registry-auth", &["JSON"], "a piece of JSON itself, escaped once more"),
    ("twilio-auth-token-behind-sid", &["JSON"], "the quotes around it, escaped once more"),
    ("http-curl-user-password", &["JSON", "CRLF"], "a shell command with its quotes and line breaks, escaped"),
];

/// How many of the credentials of a rule may be lost where only length and context tell them: such a value must look
/// random, and random text does so in all but one of a hundred cases.
const LOST_VALUES: usize = 3;

fn detector() -> &'static Detector {
    static DETECTOR: OnceLock<Detector> = OnceLock::new();
    DETECTOR.get_or_init(|| Detector::new(builtin::rules().unwrap()))
}

/// Every rule with its index.
fn rules() -> impl Iterator<Item = (usize, &'static Rule, &'static RuleMeta)> {
    let set = detector().rules();
    // What is said of files and lines has its own tests.
    let all = set.rules().iter().zip(set.metas()).enumerate().map(|(index, (rule, meta))| (index, rule, meta));
    all.filter(|(_, _, meta)| meta.kind != Kind::Hygiene)
}

/// A credential of a rule, with what the rule's format has around it.
fn minted((index, rule, meta): (usize, &Rule, &RuleMeta), seed: u64) -> Option<String> {
    let token = mint::mint(rule, &mut Rng::new(seed << 16 | index as u64))?;
    let token = String::from_utf8(token).ok()?;
    // Structures mint what they decode; some formats want a label before it, or another one than was minted.
    Some(match meta.id.as_str() {
        "bitcoin-bip39-mnemonic" => format!("mnemonic: '{token}'"),
        "bitcoin-bip39-mnemonic-lines" => format!("seed phrase:\n{token}"),
        "bitcoin-bip39-mnemonic-list" => format!("seed = ['{}']", token.replace(' ', "', '")),
        "solana-keypair-json" => format!("keypair: {token}"),
        "docker-registry-auth" => format!("{{'auths': {{'registry.corp.net': {{{token}}}}}}}").replace('\'', "\""),
        // Any kind of key passes their structure, and only one kind begins as they want.
        "github-app-private-key" => crate::util::mint("private-key-rsa", seed),
        "coinbase-cdp-api-key" => crate::util::mint("private-key-ec", seed),
        "generic-url-password" => token.replacen("postgres", "ftp", 1),
        _ => match (meta.shape.strip_prefix("{scheme="), token.split_once("://")) {
            (Some(schemes), Some((_, rest))) => {
                format!("{}://{rest}", schemes.split(['|', '}']).next().unwrap_or_default())
            }
            _ => token,
        },
    })
}

/// The name of a variable that holds the credential: `ACME_API_KEY`.
fn variable(rule: &Rule) -> String {
    let Some(context) = &rule.context else { return "SERVICE_API_KEY".to_owned() };
    let near = &context.near[0];
    // Without hints the near word says it all; a hint of the rule's own is part of the name.
    let name = match context.hint.first() {
        None => near.clone(),
        Some(hint) if hint == "key" => format!("{near}_api_key"),
        Some(hint) => format!("{near}_{hint}"),
    };
    name.to_uppercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// `ACME_API_KEY` as `acmeApiKey`.
fn camel(name: &str) -> String {
    let words = name.split('_').filter(|w| !w.is_empty()).enumerate();
    words
        .map(|(n, word)| {
            let (head, tail) = word.split_at(1);
            format!("{}{}", if n == 0 { head.to_lowercase() } else { head.to_owned() }, tail.to_lowercase())
        })
        .collect()
}

/// The credential in surroundings, each with a name; the place of the credential comes with it unless it is escaped.
fn surroundings(rule: &Rule, token: &str) -> Vec<(&'static str, String)> {
    let name = variable(rule);
    let lower = name.to_lowercase();
    let one_line = !token.contains('\n');
    let plain = token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
    let quoted = serde_json::to_string(token).unwrap();
    let indented = token.lines().map(|l| format!("    {l}\n")).collect::<String>();
    let mut all = vec![("JSON", format!("{{\n  \"id\": 7,\n  \"{lower}\": {quoted},\n  \"next\": true\n}}\n"))];
    if rule.context.is_none() {
        all.push(("alone", format!("some text\n{token}\nmore text\n")));
        all.push(("whole file", token.to_owned()));
    }
    if one_line && !token.contains('"') {
        all.push(("assignment", format!("# settings\n{name}=\"{token}\"\nOTHER=1\n")));
        all.push(("code", format!("const {} = \"{token}\";\n", camel(&name))));
        all.push(("YAML", format!("env:\n  - name: x\n  {lower}: {token}\n")));
        all.push(("XML", format!("<config><{lower}>{token}</{lower}></config>\n")));
        all.push(("option", format!("run --{} {token} --verbose\n", lower.replace('_', "-"))));
        all.push(("CRLF", format!("a\r\n{name}={token}\r\nb\r\n")));
    }
    if !one_line {
        all.push(("YAML block", format!("{lower}: |\n{indented}other: 1\n")));
        all.push(("CRLF", format!("a\r\n{name}=\r\n{}\r\nb\r\n", token.replace('\n', "\r\n"))));
    }
    if plain && token.len() < 400 {
        all.push(("URL query", format!("GET https://api.example.com/v1?a=1&{lower}={token}&b=2 HTTP/1.1\n")));
        all.push(("end of a URL", format!("see <https://api.example.com/v1?{lower}={token}>\n")));
        all.push(("markdown link", format!("- [open it](https://api.example.com/?{lower}={token}) now\n")));
        all.push(("percent-encoded neighbours", format!("q=%7B%22{lower}%22%3A%22{token}%22%7D&x=1\n")));
        if rule.context.is_none() {
            all.push(("URL path", format!("POST https://hooks.example.com/v1/{token}/send\n")));
        }
    }
    if one_line && !token.contains(['"', '\'', '\\', '`']) {
        all.extend(more(&name, token));
    }
    all
}

/// What tools, formats and people put around one line of text.
fn more(name: &str, token: &str) -> Vec<(&'static str, String)> {
    let lower = name.to_lowercase();
    let dashed = lower.replace('_', "-");
    let dotted = lower.replace('_', ".");
    let camel = camel(name);
    vec![
        ("header", format!("Host: api.example.com\r\nX-{dashed}: {token}\r\nAccept: */*\r\n")),
        ("JSON in JSON", format!("{{\"env\": \"{{\\\"{lower}\\\": \\\"{token}\\\", \\\"n\\\": 1}}\"}}\n")),
        ("JSON of a log", format!("{{\"log\":\"start\\n{name}={token}\\nready\"}}\n")),
        ("shell", format!("export {name}='{token}' OTHER=1 && run\n")),
        ("wrapped lines", format!("run \\\n  --{dashed} {token} \\\n  --verbose\n")),
        ("HTML attribute", format!("<meta name=\"{dashed}\" content=\"{token}\"><p>\n")),
        ("HTML entities", format!("<pre>{{&quot;{lower}&quot;: &quot;{token}&quot;}}</pre>\n")),
        ("markdown code", format!("Set `{name}={token}` and run it.\n")),
        ("markdown table", format!("| name | value |\n|---|---|\n| {name} | {token} |\n")),
        ("log line", format!("2024-05-01T10:00:00Z [INFO] [main] using {lower}=[{token}] for calls\n")),
        (
            "minified",
            format!("!function(e,t){{t.exports={{a:1,{camel}:\"{token}\",b:!0}},e.x=function(){{return 1}}}}();\n"),
        ),
        ("CSV", format!("id,name,value\n1,{lower},{token}\n2,other,x\n")),
        ("TOML", format!("[service]\n{lower} = '{token}'\nport = 1\n")),
        ("properties", format!("a.b=1\n{dotted}={token}\nc.d=2\n")),
        ("comment", format!("// {lower}: {token}\nlet x = 1;\n")),
        ("SQL", format!("INSERT INTO settings (name, value) VALUES ('{lower}', '{token}');\n")),
        ("Dockerfile", format!("FROM x\nENV {name}={token}\nRUN make\n")),
        ("diff", format!("@@ -1 +1 @@\n-{lower}: old\n+{lower}: {token}\n")),
        ("colours", format!("{lower}=\u{1b}[1;32m{token}\u{1b}[0m ok\n")),
        ("parentheses", format!("setUp({camel} = \"{token}\");\n")),
        ("end of a sentence", format!("The {lower} is {token}, as you know.\n")),
        ("dots after it", format!("{lower}: {token} ... and so on\n")),
    ]
}

/// What stands at a credential, as good as its own rule would say: by its rule, or by one that is listed for it.
fn found_by<'a>(matches: &'a [RawMatch], index: usize, id: &str) -> Option<&'a RawMatch> {
    let covers = |m: &RawMatch| {
        let by = &detector().rules().metas()[m.rule].id;
        m.rule == index || COVERED_BY.iter().any(|(rule, others, _)| *rule == id && others.contains(&by.as_str()))
    };
    matches.iter().find(|m| covers(m) && m.confidence >= Confidence::Medium)
}

/// What was found, for people.
fn describe(matches: &[RawMatch]) -> String {
    let metas = detector().rules().metas();
    let one = |m: &RawMatch| format!("{} {} {}", metas[m.rule].id, m.verdict, m.confidence);
    let all: BTreeSet<String> = matches.iter().map(one).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.into_iter().collect::<Vec<_>>().join(", ") }
}

/// Failures by rule and place: how many seeds, and what was found instead at the first.
type Failures = BTreeMap<(String, &'static str), (usize, String)>;

fn report(failures: &Failures) -> String {
    let lines =
        failures.iter().map(|((rule, place), (count, instead))| format!("{rule} in {place}: {count}, {instead}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_rule_mints() {
    let mints = |rule: &Rule| mint::mint(rule, &mut Rng::new(1)).is_some();
    let not: Vec<_> = rules().filter(|(_, rule, _)| !mints(rule)).map(|(_, _, m)| &m.id).collect();
    assert!(not.is_empty(), "{not:?}");
}

#[test]
fn what_a_rule_mints_is_found_in_its_surroundings() {
    let mut failures = Failures::new();
    let (mut values, mut lost) = (0, 0);
    for (index, rule, meta) in rules().filter(|(_, rule, _)| !matches!(rule.anchoring, Anchoring::Start)) {
        let is_value = matches!(rule.anchoring, Anchoring::Value);
        for seed in 0..SEEDS {
            let Some(token) = minted((index, rule, meta), seed) else { continue };
            for (place, source) in surroundings(rule, &token) {
                values += usize::from(is_value);
                let matches = detector().scan(source.as_bytes());
                if found_by(&matches, index, &meta.id).is_none() {
                    let entry = failures.entry((meta.id.clone(), place)).or_insert_with(|| (0, describe(&matches)));
                    entry.0 += 1;
                }
            }
        }
    }
    let expected = |rule: &str, place: &str| {
        NOT_FOUND.iter().any(|(r, places, _)| *r == rule && (places.contains(&place) || places.contains(&"*")))
    };
    failures.retain(|(rule, place), (count, _)| {
        let index = detector().rules().index_of(rule).unwrap();
        let is_value = matches!(detector().rules().rules()[index].anchoring, Anchoring::Value);
        if is_value && *count <= LOST_VALUES {
            lost += *count;
            return false;
        }
        !expected(rule, place)
    });
    assert!(lost * 100 <= values, "{lost} of {values} values do not look random enough");
    assert!(failures.is_empty(), "{} of rules and places fail:\n{}", failures.len(), report(&failures));
}

/// Files that are known by how they begin.
#[test]
fn whole_files_are_found_and_nothing_else_is() {
    for (index, rule, meta) in rules().filter(|(_, rule, _)| matches!(rule.anchoring, Anchoring::Start)) {
        for seed in 0..SEEDS {
            let file = mint::mint(rule, &mut Rng::new(seed)).unwrap();
            let found = detector().scan(&file);
            assert!(found.iter().any(|m| m.rule == index && m.confidence >= Confidence::High), "{} {seed}", meta.id);
            let later = [b"x\n", file.as_slice()].concat();
            assert!(detector().scan(&later).iter().all(|m| m.rule != index), "{} {seed}", meta.id);
        }
    }
}

/// Names of a value as programmers spell them.
fn spellings(near: &str, hint: Option<&str>) -> Vec<(&'static str, String, &'static str)> {
    let words: Vec<&str> = near.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let last: Vec<&str> = match hint {
        Some("key") => vec!["api", "key"],
        Some(hint) => hint.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect(),
        None => Vec::new(),
    };
    let all = [words.as_slice(), last.as_slice()].concat();
    let title = |w: &&str| format!("{}{}", w[..1].to_uppercase(), &w[1..]);
    let pascal: String = all.iter().map(title).collect();
    let camel = format!("{}{}", all[0], all[1..].iter().map(title).collect::<String>());
    let mut spelled = vec![
        ("FOO_API_KEY", format!("{}=", all.join("_").to_uppercase()), "\n"),
        ("fooApiKey", format!("{{ {camel}: \""), "\" }\n"),
        ("foo-api-key", format!("{}: ", all.join("-")), "\n"),
        ("foo.api.key", format!("{}=", all.join(".")), "\n"),
        ("FooApiKey", format!("public string {pascal} = \""), "\";\n"),
        ("foo_api_key", format!("  \"{}\": \"", all.join("_")), "\",\n"),
    ];
    if let Some(hint) = hint {
        let (outer, inner) = (words.join("_"), hint.replace(' ', "_"));
        spelled.push(("nested JSON", format!("{{\"{outer}\": {{\"{inner}\": \""), "\"}}\n"));
        spelled.push(("nested JSON, lines", format!("{{\n  \"{outer}\": {{\n    \"{inner}\": \""), "\"\n  }\n}\n"));
        spelled.push(("nested YAML", format!("{outer}:\n  region: eu\n  {inner}: "), "\n"));
        spelled.push(("nested XML", format!("<{outer}>\n  <{inner}>"), "</x>\n"));
        spelled.push(("section of an INI file", format!("[{outer}]\n{inner} = "), "\n"));
    }
    spelled
}

/// Rules whose context words are themselves one spelling of a name, and the spellings that are no name of theirs.
const NOT_SPELLED: &[(&str, &[&str], &str)] = &[];

#[test]
fn any_usual_spelling_of_a_key_name_is_context() {
    let mut failures = Failures::new();
    for (index, rule, meta) in rules() {
        let Some(context) = &rule.context else { continue };
        let hint = context.hint.first().map(String::as_str);
        for seed in 0..SEEDS {
            let Some(token) = minted((index, rule, meta), seed).filter(|t| !t.contains(['\n', '"', '\''])) else {
                continue;
            };
            for (place, before, after) in spellings(&context.near[0], hint) {
                let source = format!("a: 1\n{before}{token}{after}b: 2\n");
                let matches = detector().scan(source.as_bytes());
                if found_by(&matches, index, &meta.id).is_none() {
                    let entry = failures.entry((meta.id.clone(), place)).or_insert_with(|| (0, describe(&matches)));
                    entry.0 += 1;
                }
            }
        }
    }
    let expected = |rule: &str, place: &str| {
        NOT_SPELLED.iter().any(|(r, places, _)| *r == rule && (places.contains(&place) || places.contains(&"*")))
    };
    failures.retain(|(rule, place), (count, _)| *count > LOST_VALUES && !expected(rule, place));
    assert!(failures.is_empty(), "{} of rules and spellings fail:\n{}", failures.len(), report(&failures));
}

/// Hex digits in the length of a hash are mostly one, but not where the name of the value says whose key it is.
#[test]
fn hex_values_belong_to_the_issuer_in_their_name() {
    let mut failures = Failures::new();
    let mut tried = BTreeSet::new();
    let plain = |rule: &Rule| rule.checks.is_empty() && rule.structure.is_none() && rule.secret.is_none();
    for (index, rule, meta) in rules().filter(|(_, rule, _)| matches!(rule.anchoring, Anchoring::Value) && plain(rule))
    {
        let (Some(format), Some(context)) = (&rule.format, &rule.context) else { continue };
        for (seed, len) in [32, 40, 64].into_iter().flat_map(|len| (0..SEEDS).map(move |seed| (seed, len))) {
            let value = Rng::new(seed << 8 | len as u64).text(b"0123456789abcdef", len);
            let fits = format.match_at(value.as_bytes(), 0, &mut 0, &|end| end == value.len());
            let hex_only = format.first_class().is_none_or(|class| !class.has(b'g') && !class.has(b'G'));
            if fits.is_none() || hex_only {
                continue;
            }
            tried.insert(&meta.id);
            let name = variable(rule);
            let cases = [
                ("assignment", format!("{name}={value}\n")),
                ("YAML", format!("  {}: {value}\n", name.to_lowercase())),
                ("code", format!("const {} = \"{value}\";\n", camel(&name))),
                ("option", format!("run --{} {value}\n", name.to_lowercase().replace('_', "-"))),
            ];
            for (place, source) in cases {
                let matches = detector().scan(source.as_bytes());
                // Of several formats of an issuer the one of hex digits is the better one.
                let issuer = |m: &RawMatch| detector().rules().metas()[m.rule].provider == meta.provider;
                if !matches.iter().any(|m| issuer(m) && m.confidence >= Confidence::Medium) {
                    let entry = failures.entry((meta.id.clone(), place)).or_insert_with(|| (0, describe(&matches)));
                    entry.0 += 1;
                }
            }
            let hash = format!("# {} key\nsum: {value}\n", context.near[0]);
            let matches = detector().scan(hash.as_bytes());
            assert!(matches.iter().all(|m| m.rule != index), "{}: {hash}", meta.id);
        }
    }
    assert!(tried.len() >= 20, "{tried:?}");
    failures.retain(|_, (count, _)| *count > LOST_VALUES);
    assert!(failures.is_empty(), "{} of rules and places fail:\n{}", failures.len(), report(&failures));
}

/// A remark behind a value, and the client that it is given to, say whose it is; what says something else does not.
#[test]
fn values_without_a_name_of_their_own() {
    let scan = |rule: &str, source: &str| {
        let index = detector().rules().metas().iter().position(|meta| meta.id == rule).unwrap();
        detector().scan(source.as_bytes()).iter().any(|m| m.rule == index && m.confidence >= Confidence::Medium)
    };
    for seed in 0..SEEDS {
        let [datadog, twilio, algolia] =
            ["datadog-api-key", "twilio-auth-token", "algolia-admin-api-key"].map(|rule| crate::util::mint(rule, seed));
        for (rule, want, source) in [
            ("datadog-api-key", true, format!("KEYS = [\n    \"{datadog}\",  # datadog api key\n]\n")),
            ("datadog-api-key", true, format!("{datadog}  # Datadog API key\n")),
            ("datadog-api-key", true, format!("api_key: {datadog}  # datadog\n")),
            ("datadog-api-key", true, format!("| `{datadog}` | datadog api key |\n")),
            ("datadog-api-key", false, format!("\"{datadog}\",  # sha256 of the datadog api key\n")),
            ("datadog-api-key", false, format!("checksum: {datadog}  # datadog api key\n")),
            ("datadog-api-key", false, format!("{datadog}\n# datadog api key\n")),
            ("datadog-api-key", false, format!("https://x.org/{datadog}#datadog-api-key\n")),
            ("datadog-api-key", false, format!("\"{datadog}\",  # datadog_api_key = os.environ['KEY']\n")),
            ("twilio-auth-token", true, format!("{twilio} // twilio auth token\n")),
            ("twilio-auth-token", true, format!("| {twilio} | Twilio auth token | note |\n")),
            ("algolia-admin-api-key", true, format!("const client = algoliasearch('B1G2GM9NG0', '{algolia}');\n")),
            ("algolia-admin-api-key", true, format!("algoliasearch(\n  'B1G2GM9NG0',\n  \"{algolia}\",\n)\n")),
            ("algolia-admin-api-key", false, format!("algolia.getObject('B1G2GM9NG0', '{algolia}');\n")),
            ("algolia-admin-api-key", false, format!("import algoliasearch;\nget('B1G2GM9NG0', '{algolia}');\n")),
        ] {
            assert_eq!(scan(rule, &source), want, "{rule}: {source}");
        }
    }
}

/// Two credentials of a kind side by side are two findings.
#[test]
fn adjacent_credentials_are_both_found() {
    let mut failures = Failures::new();
    for (index, rule, meta) in rules().filter(|(_, rule, _)| rule.context.is_none() && rule.structure.is_none()) {
        for seed in 0..5 {
            let pair = [minted((index, rule, meta), seed), minted((index, rule, meta), seed + 100)];
            let [Some(a), Some(b)] = pair else { continue };
            if a.contains(['\n', '"', '\'', ' ']) || rule.secret.is_some() || matches!(rule.anchoring, Anchoring::Start)
            {
                continue;
            }
            for (place, between) in [
                ("blank", " "),
                ("comma", ","),
                ("line", "\n"),
                ("quotes", "\",\""),
                ("semicolon", ";"),
                ("bar", "|"),
                ("JSON", "\\n"),
            ] {
                // A password may hold a bar.
                let inside = matches!(rule.anchoring, Anchoring::Name(_)) && place == "bar";
                if inside || rule.format.as_ref().is_some_and(|f| f.last_class().has(between.as_bytes()[0])) {
                    continue;
                }
                let source = format!("\"{a}{between}{b}\"\n");
                let matches = detector().scan(source.as_bytes());
                if matches.iter().filter(|m| m.confidence >= Confidence::Medium && m.span.len() >= 8).count() < 2 {
                    let entry = failures.entry((meta.id.clone(), place)).or_insert_with(|| (0, describe(&matches)));
                    entry.0 += 1;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of rules and places fail:\n{}", failures.len(), report(&failures));
}

/// The rule of a vendor, and of overlapping rules only one, is believed.
#[test]
fn overlapping_rules_give_one_finding() {
    let set = detector().rules();
    let id = |m: &RawMatch| set.metas()[m.rule].id.as_str();
    let token = crate::util::github_token(1);
    let account = crate::util::mint("google-cloud-service-account-key", 1);
    let user = crate::util::mint("google-cloud-authorized-user", 1);
    let cases = [
        (format!("Authorization: Bearer {token}\n"), "github-pat-classic", Verdict::Proven),
        (format!("Authorization: Bearer {}\n", edited(&token, 39)), "github-pat-classic", Verdict::Malformed),
        (format!("auth: Bearer {}\n", crate::util::mint("jwt-token", 1)), "jwt-token", Verdict::WellFormed),
        (account, "google-cloud-service-account-key", Verdict::Proven),
        (user, "google-cloud-authorized-user", Verdict::WellFormed),
    ];
    for (source, rule, verdict) in cases {
        let matches = detector().scan(source.as_bytes());
        assert_eq!(matches.iter().map(|m| (id(m), m.verdict)).collect::<Vec<_>>(), [(rule, verdict)]);
    }
}

#[test]
fn the_lists_of_exceptions_name_rules_that_exist() {
    let set = detector().rules();
    for (rule, _, why) in COVERED_BY.iter().chain(NOT_FOUND).chain(NOT_SPELLED) {
        assert!(set.index_of(rule).is_some(), "{rule}");
        assert!(!why.is_empty());
    }
    for other in COVERED_BY.iter().flat_map(|(_, others, _)| others.iter()) {
        assert!(set.index_of(other).is_some(), "{other}");
    }
}

/// The byte at a place as another of its kind, so that the shape stays.
fn edited(token: &str, at: usize) -> String {
    let mut bytes = token.as_bytes().to_vec();
    bytes[at] = match bytes[at] {
        b'9' => b'8',
        b'z' => b'y',
        b'Z' => b'Y',
        b'f' => b'e',
        b'F' => b'E',
        b if b.is_ascii_alphanumeric() => b + 1,
        b => b,
    };
    String::from_utf8(bytes).unwrap()
}

/// Where the checksum stands in a credential.
fn check_span(rule: &Rule, token: &str) -> Option<Range<usize>> {
    let target = rule.checks.first()?.target()?;
    let mut reach = 0;
    let (_, captures) = rule.format.as_ref()?.match_at(token.as_bytes(), 0, &mut reach, &|_| true)?;
    captures[target].map(|(start, end)| start..end)
}

#[test]
fn an_edited_checksum_is_not_reported() {
    let mut failures = Failures::new();
    let mut tried = BTreeSet::new();
    for (index, rule, meta) in rules().filter(|(_, rule, _)| rule.certainty != Certainty::Unconfirmed) {
        for seed in 0..SEEDS {
            let Some(token) = minted((index, rule, meta), seed) else { continue };
            let Some(check) = check_span(rule, &token) else { continue };
            let bad = edited(&token, check.end - 1);
            if bad == token {
                continue;
            }
            tried.insert(&meta.id);
            for (place, source) in surroundings(rule, &bad) {
                let matches = detector().scan(source.as_bytes());
                // Of a format that is no evidence by itself the name still promises some secret.
                let issued = |m: &RawMatch| {
                    let (rule, meta) = (&detector().rules().rules()[m.rule], &detector().rules().metas()[m.rule]);
                    !matches!(rule.anchoring, Anchoring::Name(_)) && meta.kind != Kind::Hygiene
                };
                let shown = |m: &RawMatch| m.verdict > Verdict::Malformed && m.confidence >= Confidence::Medium;
                if matches.iter().any(|m| shown(m) && issued(m)) {
                    let entry = failures.entry((meta.id.clone(), place)).or_insert_with(|| (0, describe(&matches)));
                    entry.0 += 1;
                }
            }
        }
    }
    assert!(tried.len() >= 25, "{tried:?}");
    assert!(failures.is_empty(), "{} of rules and places report edited tokens:\n{}", failures.len(), report(&failures));
}

#[test]
fn an_edited_character_breaks_the_checksum() {
    let mut weak = Vec::new();
    for (index, rule, meta) in rules().filter(|(_, rule, _)| !rule.checks.is_empty()) {
        let Some(token) = minted((index, rule, meta), 3) else { continue };
        let prefix = rule.format.as_ref().unwrap().prefix().len();
        let name = variable(rule);
        let proven = |text: &str| {
            let matches = detector().scan(format!("{name} = \"{text}\"\n").as_bytes());
            matches.iter().any(|m| m.rule == index && m.verdict == Verdict::Proven)
        };
        assert!(proven(&token), "{} is not proven to begin with", meta.id);
        let places: Vec<usize> = (prefix..token.len()).filter(|&at| edited(&token, at) != token).collect();
        let kept = places.iter().filter(|&&at| proven(&edited(&token, at))).count();
        // Some have parts that the checksum does not cover.
        if kept * 3 > places.len() {
            weak.push(format!("{}: {kept} of {} edits are not seen", meta.id, places.len()));
        }
    }
    assert!(weak.is_empty(), "{}", weak.join("\n"));
}

/// Formats of one length only, that end with a segment.
fn has_fixed_length(rule: &Rule) -> bool {
    rule.structure.is_none() && rule.format.as_ref().is_some_and(|f| f.length().0 == f.length().1)
}

#[test]
fn one_character_too_short_is_not_found() {
    let mut failures = Failures::new();
    for (index, rule, meta) in rules().filter(|(_, rule, _)| has_fixed_length(rule)) {
        for seed in 0..SEEDS {
            let Some(token) = minted((index, rule, meta), seed) else { continue };
            let short = &token[..token.len() - 1];
            for (place, source) in surroundings(rule, short) {
                let matches = detector().scan(source.as_bytes());
                if matches.iter().any(|m| m.rule == index) {
                    let entry = failures.entry((meta.id.clone(), place)).or_insert_with(|| (0, describe(&matches)));
                    entry.0 += 1;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of rules and places:\n{}", failures.len(), report(&failures));
}

#[test]
fn a_part_of_a_longer_word_is_not_found_unless_proven() {
    let mut failures = Failures::new();
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    // Where only a segment is the secret, what stands around it is a name, which may be a part of a longer one.
    let is_bounded = |rule: &Rule| rule.structure.is_none() && rule.format.is_some() && rule.secret.is_none();
    let bounded = rules().filter(|(_, rule, _)| is_bounded(rule));
    for (index, rule, meta) in bounded {
        for seed in 0..SEEDS {
            let Some(token) = minted((index, rule, meta), seed) else { continue };
            let (first, last) = (token.as_bytes()[0], token.as_bytes()[token.len() - 1]);
            let name = variable(rule);
            let cases = [
                ("letters before", word(first), format!("{name} = \"abcxyz{token}\"\n")),
                ("letters after", word(last), format!("{name} = \"{token}zyxzyxzyx\"\n")),
            ];
            for (place, applies, source) in cases {
                let at = source.find(&token).unwrap();
                // What may be longer is longer, and holds the letters; what may be shorter ends before them.
                let cut = |m: &RawMatch| m.span == (at..at + token.len());
                let matches = detector().scan(source.as_bytes());
                if applies && matches.iter().any(|m| m.rule == index && m.verdict != Verdict::Proven && cut(m)) {
                    let entry = failures.entry((meta.id.clone(), place)).or_insert_with(|| (0, describe(&matches)));
                    entry.0 += 1;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of rules and places:\n{}", failures.len(), report(&failures));
}

#[test]
fn context_rules_find_nothing_without_their_context() {
    let mut failures = Failures::new();
    for (index, rule, meta) in rules().filter(|(_, rule, _)| rule.context.is_some()) {
        for seed in 0..SEEDS {
            let Some(token) = minted((index, rule, meta), seed) else { continue };
            let matches = detector().scan(format!("some text\nvalue = \"{token}\"\nmore text\n").as_bytes());
            if matches.iter().any(|m| m.rule == index) {
                failures.entry((meta.id.clone(), "nowhere")).or_insert_with(|| (0, describe(&matches))).0 += 1;
            }
        }
    }
    assert!(failures.is_empty(), "{} rules:\n{}", failures.len(), report(&failures));
}

/// A lone hash, a UUID, an identifier: what generic rules of other scanners take for keys.
#[test]
fn values_without_context_are_not_reported() {
    let mut rng = Rng::new(5);
    let mut hex = |n| rng.text(b"0123456789abcdef", n);
    for n in [32, 40, 64, 128] {
        let value = hex(n);
        for name in ["commit", "sha256", "etag", "id", "checksum", "key_id", "resolved", "integrity"] {
            let matches = detector().scan(format!("{name}: \"{value}\"\n").as_bytes());
            assert!(matches.is_empty(), "{name} {n}: {}", describe(&matches));
        }
    }
    let by_length_alone: Vec<_> = rules()
        .filter(|(_, rule, _)| matches!(rule.anchoring, Anchoring::Value) && rule.context.is_none())
        .filter(|(_, rule, _)| rule.checks.is_empty() && rule.structure.is_none())
        .map(|(_, _, meta)| &meta.id)
        .collect();
    assert!(by_length_alone.is_empty(), "nothing but length: {by_length_alone:?}");
}
