//! Every known type of credential in the places where people leave it, through the whole program: the right rule reports
//! it, with its issuer, its severity and what to do.
//!
//! Names are made of what the issuer and the credential are called (`LINODE_PERSONAL_ACCESS_TOKEN`), not of the words that
//! the rules look for; values are minted.

use std::collections::BTreeMap;

use keyscan::rules::{Anchoring, Kind, RuleMeta};
use keyscan::structure::Rng;
use tempfile::TempDir;

use crate::catalogue::{Type, types};
use crate::util::{self, Json, Keyscan, builtin_rules, text};

/// Values of each type. Of those that only length and context tell one may be lost: it need not look random.
const SEEDS: u64 = 3;

/// What issuers are called in code where that is not their name.
const CALLED: &[(&str, &str)] = &[
    ("X (Twitter)", "twitter"),
    ("PayPal / Braintree", "braintree"),
    ("HashiCorp Cloud (HCP)", "hcp"),
    ("Weights & Biases", "wandb"),
];

/// What is in the names of credentials of a product that is not its issuer.
const PRODUCTS: &[(&str, &str)] = &[
    ("atlassian-jira-data-center-pat", "jira"),
    ("atlassian-confluence-data-center-pat", "confluence"),
    ("azure-api-management-subscription-key-legacy", "apim"),
    ("azure-openai-key-legacy", "azure_openai"),
    ("google-recaptcha-secret-key", "recaptcha"),
];

/// Where a type is not looked for, and why that is right.
const ELSEWHERE: &[(&str, &[&str], &str)] = &[
    (
        "box-access-token",
        &["JavaScript options", "setter"],
        "a class called Box is in many programs; a token is reported all the same",
    ),
    ("generic-url-password", &["*"], "what is minted is the URL of a database, which has a rule of its own"),
    (
        "github-legacy-token",
        &["Dockerfile", "YAML, name and value", "fallback in JavaScript", "flag"],
        "40 hex digits after these are mostly a commit; a token is reported all the same",
    ),
    (
        "npm-access-token-legacy",
        &[
            "Go struct",
            "INI",
            "JSON, nested",
            "JSON, nested far",
            "JavaScript options",
            "PHP array",
            "Python argument",
            "Ruby block",
            "TOML",
            "Terraform",
            "YAML, nested",
            "setter",
            "test",
        ],
        "`npm` alone stands in every script, and npm's own files have other names",
    ),
    ("solana-keypair-json", &["*"], "a list of numbers, which needs no name"),
    (
        "wireguard-preshared-key",
        &["Terraform variable"],
        "the name must stand close before a value that any 32 bytes have",
    ),
    (
        "wireguard-private-key",
        &["Terraform variable"],
        "the name must stand close before a value that any 32 bytes have",
    ),
];

/// Lower-case words; of several names the last.
fn words(text: &str) -> Vec<String> {
    let text = text.split('(').next().and_then(|text| text.rsplit('/').next()).unwrap_or_default();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    words.map(str::to_lowercase).collect()
}

fn provider(known: &Type) -> Vec<String> {
    let product = PRODUCTS.iter().find(|(rule, _)| *rule == known.rule);
    let called = product.or_else(|| CALLED.iter().find(|(name, _)| *name == known.name.0));
    words(called.map_or(&known.name.0, |(_, called)| *called))
}

/// What the credential is usually called behind the issuer's name.
fn usual(credential: &str) -> &'static [&'static str] {
    let lower = credential.to_lowercase();
    let has = |word: &str| lower.contains(word);
    match () {
        () if has("client secret") => &["client_secret"],
        () if has("client id") => &["client_id"],
        () if has("private key") => &["private_key"],
        () if has("preshared key") => &["preshared_key"],
        () if has("master key") => &["master_key"],
        () if has("unseal key") => &["unseal_key"],
        () if has("secret_key_base") => &["secret_key_base"],
        () if has("secret key") => &["secret_key"],
        () if has("secret") => &["secret"],
        () if has("access token") => &["access_token", "token"],
        () if has("token") => &["token", "api_token"],
        () if has("password") => &["password"],
        () if has("key id") => &["key_id"],
        () => &["api_key", "key"],
    }
}

fn title(word: &str) -> String {
    let (head, tail) = word.split_at(1);
    format!("{}{tail}", head.to_uppercase())
}

fn camel(words: &[String]) -> String {
    words.iter().enumerate().map(|(n, w)| if n == 0 { w.clone() } else { title(w) }).collect()
}

/// What a credential is called, in every way.
struct Name {
    /// The issuer, or the product.
    of: Vec<String>,
    /// What it is called behind that: `api`, `key`.
    last: Vec<String>,
}

impl Name {
    fn new(known: &Type, last: &str) -> Self {
        Self { of: provider(known), last: last.split('_').map(str::to_owned).collect() }
    }

    fn all(&self) -> Vec<String> {
        [self.of.clone(), self.last.clone()].concat()
    }

    fn snake(&self) -> String {
        self.all().join("_")
    }

    fn upper(&self) -> String {
        self.snake().to_uppercase()
    }

    fn inner(&self) -> String {
        self.last.join("_")
    }
}

fn pascal(words: &[String]) -> String {
    words.iter().map(|w| title(w)).collect()
}

/// The places of a value that is one line.
fn places(known: &Type, token: &str) -> Vec<(&'static str, String)> {
    let names: Vec<Name> = usual(&known.name.1).iter().map(|last| Name::new(known, last)).collect();
    let full = [names[0].of.clone(), words(&known.name.1)].concat();
    let mut all = vec![
        ("dotenv, full name", format!("A=1\n{}={token}\nB=2\n", full.join("_").to_uppercase())),
        ("code, full name", format!("const {} = '{token}';\n", camel(&full))),
        ("YAML, full name", format!("app:\n  {}: {token}\n", full.join("_"))),
    ];
    all.extend(names[1..].iter().map(|name| ("dotenv, other name", format!("{}={token}\n", name.upper()))));
    all.extend(settings(&names[0], token));
    all.extend(sections(&names[0], token));
    all.extend(code(&names[0], token));
    all.extend(commands(&names[0], token));
    all.extend(prose(&names[0], known, token));
    all
}

/// Files of settings, with the whole name.
fn settings(name: &Name, token: &str) -> Vec<(&'static str, String)> {
    let (snake, upper) = (name.snake(), name.upper());
    vec![
        ("dotenv", format!("# settings\nPORT=1\n{upper}={token}\nDEBUG=0\n")),
        ("dotenv, quoted", format!("export {upper}=\"{token}\"\n")),
        ("YAML", format!("env:\n  - name: X\n  {snake}: {token}\n")),
        ("YAML, name and value", format!("env:\n  - name: {upper}\n    value: \"{token}\"\n")),
        ("JSON", format!("{{\n  \"port\": 1,\n  \"{}\": \"{token}\",\n  \"b\": true\n}}\n", camel(&name.all()))),
        ("properties", format!("{}={token}\n", name.all().join("."))),
        ("XML", format!("<add key=\"{}\" value=\"{token}\" />\n", pascal(&name.all()))),
        ("GitHub workflow", format!("jobs:\n  a:\n    env:\n      {upper}: {token}\n")),
        ("Terraform variable", format!("variable \"{snake}\" {{\n  type    = string\n  default = \"{token}\"\n}}\n")),
    ]
}

/// Files of settings, with the issuer as the name of a part.
fn sections(name: &Name, token: &str) -> Vec<(&'static str, String)> {
    let (inner, last) = (name.inner(), camel(&name.last));
    let [under, joined, dashed] = ["_", "", "-"].map(|by| name.of.join(by));
    let rest = "\"enabled\": true,\n    \"region\": \"eu\",\n    \"timeout\": 30";
    vec![
        ("YAML, nested", format!("services:\n  {under}:\n    enabled: true\n    {inner}: {token}\n")),
        ("JSON, nested", format!("{{\"{under}\": {{\"{inner}\": \"{token}\"}}}}\n")),
        ("JSON, nested far", format!("{{\n  \"{joined}\": {{\n    {rest},\n    \"{last}\": \"{token}\"\n  }}\n}}\n")),
        ("INI", format!("[{under}]\n{inner} = {token}\n")),
        ("TOML", format!("[{dashed}]\n{inner} = \"{token}\"\n")),
        ("Terraform", format!("provider \"{joined}\" {{\n  {inner} = \"{token}\"\n}}\n")),
        ("PHP array", format!("'{under}' => [\n    '{inner}' => '{token}',\n],\n")),
    ]
}

fn code(name: &Name, token: &str) -> Vec<(&'static str, String)> {
    let (upper, inner, last) = (name.upper(), name.inner(), camel(&name.last));
    let (joined, class, field) = (name.of.join(""), pascal(&name.of), pascal(&name.last));
    vec![
        ("code", format!("const {} = '{token}';\n", camel(&name.all()))),
        ("constant of a class", format!("  public static final String {upper} = \"{token}\";\n")),
        ("default of the environment", format!("key = os.environ.get(\"{upper}\", \"{token}\")\n")),
        ("fallback in JavaScript", format!("const k = process.env.{upper} || '{token}'\n")),
        ("Python argument", format!("client = {class}Client({inner}=\"{token}\")\n")),
        ("JavaScript options", format!("const client = new {class}({{ {last}: '{token}' }});\n")),
        ("Ruby block", format!("{class}.configure do |config|\n  config.{inner} = '{token}'\nend\n")),
        ("Go struct", format!("cfg := {joined}.Config{{\n\t{field}: \"{token}\",\n}}\n")),
        ("setter", format!("{joined}.set{field}(\"{token}\")\n")),
        ("PHP define", format!("define('{upper}', '{token}');\n")),
        ("C#", format!("public const string {class}{field} = \"{token}\";\n")),
        ("Kotlin", format!("val {} = \"{token}\"\n", camel(&name.all()))),
        ("test", format!("  it('works', () => {{\n    expect(make('{joined}', {{ {last}: '{token}' }})).toBe(1)\n")),
    ]
}

fn commands(name: &Name, token: &str) -> Vec<(&'static str, String)> {
    let (snake, upper, dashed) = (name.snake(), name.upper(), name.all().join("-"));
    let header: Vec<String> = name.all().iter().map(|w| title(w)).collect();
    vec![
        ("flag", format!("run --{dashed} {token} --verbose\n")),
        ("flag with =", format!("run --{dashed}={token} --verbose\n")),
        ("docker run", format!("docker run -e {upper}={token} image\n")),
        ("Dockerfile", format!("FROM x\nENV {upper} {token}\n")),
        ("header", format!("GET / HTTP/1.1\r\nX-{}: {token}\r\n\r\n", header.join("-"))),
        ("shell variable", format!("{snake}='{token}'\n")),
        ("Windows", format!("set {upper}={token}\r\n")),
        ("PowerShell", format!("$env:{upper} = \"{token}\"\n")),
    ]
}

fn prose(name: &Name, known: &Type, token: &str) -> Vec<(&'static str, String)> {
    let is_product = PRODUCTS.iter().any(|(rule, _)| *rule == known.rule);
    let of = if is_product { name.of.join(" ") } else { known.name.0.clone() };
    let last = name.last.join(" ");
    vec![
        ("prose", format!("My {of} {last} is {token}\n")),
        ("prose with a colon", format!("{} {}: {token}\n", known.name.0, known.name.1)),
        ("prose in code marks", format!("The {of} {last} is `{token}`.\n")),
        ("comment", format!("# {} {last}: {token}\n", name.of.join(" "))),
    ]
}

/// A value of a type; nothing for files and blocks, which have tests of their own.
fn value(known: &Type, seed: u64) -> Option<String> {
    let rules = builtin_rules();
    let rule = &rules.rules()[rules.index_of(&known.rule)?];
    let token = String::from_utf8(keyscan::rules::mint::mint(rule, &mut Rng::new(seed))?).ok()?;
    let plain = !token.contains(['\n', '"', '\'', '`', ' ', '{']) && token.len() < 2000;
    plain.then_some(token)
}

/// What is wrong with what was found at a value.
fn wrong(found: &[&serde_json::Value], known: &Type, meta: &RuleMeta) -> Option<String> {
    let Some(finding) = found.iter().find(|f| f["rule"]["id"] == known.rule.as_str()) else {
        let ids: Vec<String> = found.iter().map(|f| text(&f["rule"]["id"])).collect();
        return Some(if ids.is_empty() { "nothing".to_owned() } else { ids.join(", ") });
    };
    let advice = finding["rotation"]["steps"].as_array().is_some_and(|s| !s.is_empty()) || meta.kind != Kind::Secret;
    let told = finding["rule"]["provider"] == meta.provider.as_str() && finding["severity"].is_string() && advice;
    (!told).then(|| format!("not all is told: {finding}"))
}

/// The findings of each file.
fn by_path(json: &Json) -> BTreeMap<String, Vec<&serde_json::Value>> {
    let mut at: BTreeMap<String, Vec<&serde_json::Value>> = BTreeMap::new();
    for finding in json.findings() {
        for path in util::paths(finding) {
            at.entry(path).or_default().push(finding);
        }
    }
    at
}

#[test]
fn the_lists_name_rules_that_exist() {
    let rules = PRODUCTS.iter().map(|(rule, _)| rule).chain(ELSEWHERE.iter().map(|(rule, ..)| rule));
    for rule in rules {
        assert!(builtin_rules().index_of(rule).is_some(), "{rule}");
    }
}

/// A file with a value in some place.
struct Case {
    path: String,
    /// What the value is of: its place in a list.
    row: usize,
    place: &'static str,
    source: String,
}

/// Scans all cases at once.
fn scan(cases: &[Case]) -> Json {
    let room = TempDir::new().unwrap();
    cases.iter().for_each(|case| util::write(room.path(), &case.path, &case.source));
    Keyscan::at(room.path()).args(["--no-history", "--show-publishable", "."]).json(1)
}

/// How often a rule failed at a place, and how it did first.
#[derive(Default)]
struct Failures<'c>(BTreeMap<(&'c str, &'c str), (u64, String)>);

impl<'c> Failures<'c> {
    fn add(&mut self, rule: &'c str, case: &'c Case, why: &str) {
        let first = || (0, format!("{why}\t{}", case.source.lines().collect::<Vec<_>>().join("⏎")));
        self.0.entry((rule, case.place)).or_insert_with(first).0 += 1;
    }

    /// Fails if any are left that `counts` does not forgive.
    fn check(mut self, counts: impl Fn(&str, &str, u64) -> bool) {
        self.0.retain(|(rule, place), (count, _)| counts(rule, place, *count));
        let lines: Vec<_> =
            self.0.iter().map(|((rule, place), (count, why))| format!("{rule}\t{place}\t{count}\t{why}")).collect();
        assert!(lines.is_empty(), "{} rules and places fail:\n{}", lines.len(), lines.join("\n"));
    }
}

#[test]
fn every_type_is_found_where_people_leave_it() {
    let types = types();
    let mut cases = Vec::new();
    for (row, known) in types.iter().enumerate() {
        for seed in 0..SEEDS {
            let Some(token) = value(known, seed) else { continue };
            for (n, (place, source)) in places(known, &token).into_iter().enumerate() {
                cases.push(Case { path: format!("{row}/{n}-{seed}.txt"), row, place, source });
            }
        }
    }
    let json = scan(&cases);
    let at = by_path(&json);
    let mut failures = Failures::default();
    for case in &cases {
        let known = &types[case.row];
        let meta = &builtin_rules().metas()[builtin_rules().index_of(&known.rule).unwrap()];
        let found = at.get(&case.path).map(Vec::as_slice).unwrap_or_default();
        if let Some(why) = wrong(found, known, meta) {
            failures.add(&known.rule, case, &why);
        }
    }
    failures.check(|rule, place, count| {
        let index = builtin_rules().index_of(rule).unwrap();
        let may_lose = u64::from(matches!(builtin_rules().rules()[index].anchoring, Anchoring::Value));
        let expected =
            ELSEWHERE.iter().any(|(r, places, _)| *r == rule && (places.contains(&place) || places == &["*"]));
        count > may_lose && !expected
    });
}

/// Names and rules of credentials in two halves.
const PAIRS: &[([&str; 2], [&str; 2])] = &[
    (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], ["aws-access-key-id", "aws-secret-access-key"]),
    (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], ["aws-access-key-id-temporary", "aws-secret-access-key"]),
    (
        ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        ["alibaba-cloud-access-key-id", "alibaba-cloud-access-key-secret"],
    ),
    (["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"], ["tencent-cloud-secret-id", "tencent-cloud-secret-key"]),
    (["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"], ["twilio-account-sid", "twilio-auth-token"]),
    (["TWILIO_API_KEY", "TWILIO_API_SECRET"], ["twilio-api-key-sid", "twilio-api-key-secret"]),
    (["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"], ["google-oauth-client-id", "google-oauth-client-secret"]),
    (["PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"], ["paypal-client-id", "paypal-client-secret"]),
    (["RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET"], ["razorpay-key-id-live", "razorpay-key-secret"]),
    (["MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"], ["modal-token-id", "modal-token-secret"]),
    (["DATADOG_API_KEY", "DATADOG_APP_KEY"], ["datadog-api-key", "datadog-application-key"]),
    (["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"], ["langfuse-public-key", "langfuse-secret-key"]),
    (
        ["WOOCOMMERCE_CONSUMER_KEY", "WOOCOMMERCE_CONSUMER_SECRET"],
        ["woocommerce-consumer-key", "woocommerce-consumer-secret"],
    ),
    (["SQUARE_APPLICATION_ID", "SQUARE_CLIENT_SECRET"], ["square-application-id", "square-oauth-client-secret"]),
    (["SCALEWAY_ACCESS_KEY", "SCALEWAY_SECRET_KEY"], ["scaleway-access-key", "scaleway-secret-key"]),
    (["PUBNUB_PUBLISH_KEY", "PUBNUB_SECRET_KEY"], ["pubnub-publish-key", "pubnub-secret-key"]),
    (["POLAR_CLIENT_ID", "POLAR_CLIENT_SECRET"], ["polar-client-id", "polar-oauth-client-secret"]),
];

/// Both halves as people write them down.
fn together(names: [&str; 2], [id, secret]: [&str; 2]) -> Vec<(&'static str, String)> {
    let [a, b] = names;
    let lower = names.map(str::to_lowercase);
    let spoken = names.map(|name| camel(&words(&name.replace('_', " "))));
    let (group, inner) = (a.split('_').next().unwrap_or_default().to_lowercase(), names.map(inner_name));
    let [p, q] = &spoken;
    let [x, y] = &inner;
    vec![
        ("dotenv", format!("{a}={id}\n{b}={secret}\n")),
        ("dotenv, the secret first", format!("{b}={secret}\n{a}={id}\n")),
        ("dotenv, others between", format!("{a}={id}\nREGION=eu-west-1\n# do not share\nDEBUG=1\n{b}={secret}\n")),
        ("JSON", format!("{{\n  \"{p}\": \"{id}\",\n  \"{q}\": \"{secret}\"\n}}\n")),
        ("JSON, nested", format!("{{\"{group}\": {{\"{x}\": \"{id}\", \"{y}\": \"{secret}\"}}}}\n")),
        ("YAML", format!("{group}:\n  {}: {id}\n  {}: {secret}\n", lower[0], lower[1])),
        ("YAML of a container", format!("- name: {a}\n  value: {id}\n- name: {b}\n  value: {secret}\n")),
        ("INI", format!("[default]\n{} = {id}\n{} = {secret}\n", lower[0], lower[1])),
        ("code", format!("const {p} = '{id}';\nconst {q} = '{secret}';\n")),
        ("one line", format!("connect({p}: '{id}', {q}: '{secret}')\n")),
        ("shell", format!("export {a}={id} {b}={secret}; run\n")),
        ("Terraform", format!("provider \"{group}\" {{\n  {x} = \"{id}\"\n  {y} = \"{secret}\"\n}}\n")),
    ]
}

/// A name without its first word.
fn inner_name(name: &str) -> String {
    name.split_once('_').map_or(name, |(_, rest)| rest).to_lowercase()
}

#[test]
fn ids_and_secrets_are_paired_where_they_stand_together() {
    let mut cases = Vec::new();
    for (row, (names, rules)) in PAIRS.iter().enumerate() {
        // The pair of a secret is told of its first place, so each place has values of its own.
        for seed in 0..SEEDS * together(*names, ["", ""]).len() as u64 {
            let values = rules.map(|rule| util::mint(rule, seed + 50 + 1000 * row as u64));
            let n = (seed / SEEDS) as usize;
            let (place, source) = together(*names, [&values[0], &values[1]]).swap_remove(n);
            cases.push(Case { path: format!("{row}/{seed}.txt"), row, place, source });
        }
    }
    let json = scan(&cases);
    let at = by_path(&json);
    let mut failures = Failures::default();
    for case in &cases {
        let rules = PAIRS[case.row].1;
        let found = at.get(&case.path).map(Vec::as_slice).unwrap_or_default();
        let halves = rules.map(|rule| found.iter().find(|f| f["rule"]["id"] == rule));
        let paired = |n: usize| {
            let facts = halves[n].map(|f| f["facts"].as_array().unwrap().clone()).unwrap_or_default();
            facts.iter().any(|f| f["label"] == "pair" && text(&f["value"]).starts_with(rules[1 - n]))
        };
        if !paired(0) || !paired(1) {
            let ids: Vec<String> = found.iter().map(|f| text(&f["rule"]["id"])).collect();
            failures.add(rules[1], case, &ids.join(", "));
        }
    }
    // One of the values need not look random.
    failures.check(|_, _, count| count > 1);
}
