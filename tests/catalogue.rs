//! The catalogue as a whole: every known type of credential has its rule, and every rule says what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bstr::ByteSlice;
use data_encoding::BASE64URL_NOPAD;
use keyscan::detect::Detector;
use keyscan::finding::{Confidence, Severity};
use keyscan::rules::{self, Environment, Kind, builtin};
use keyscan::structure::Rng;

use crate::util::{builtin_rules, mint};

/// A row of `testdata/catalogue.csv`: a type of credential that is known to be in use.
pub struct Type {
    /// Issuer and credential.
    pub name: (String, String),
    /// `secret`, `publishable` or `identifier`.
    pub kind: String,
    /// The text that marks it, if it needs no context.
    pub begins: String,
    pub rule: String,
}

pub fn types() -> Vec<Type> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/catalogue.csv")).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let mut fields = line.rsplitn(4, ',').map(str::to_owned);
        let [rule, begins, kind, rest] = std::array::from_fn(|_| fields.next().unwrap());
        // A name with a comma stands in quotes; no provider and no other field has one.
        let (provider, credential) = rest.split_once(',').unwrap();
        Type { name: (provider.to_owned(), credential.trim_matches('"').to_owned()), kind, begins, rule }
    });
    rows.collect()
}

#[test]
fn every_type_of_credential_has_its_rule() {
    let (set, types) = (builtin_rules(), types());
    // The key of Azure OpenAI is the one of all AI services.
    assert!(types.len() >= 515, "{}", types.len());
    let unknown: Vec<_> = types.iter().map(|t| &t.rule).filter(|rule| set.index_of(rule).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let names: BTreeSet<_> = types.iter().map(|t| &t.name).collect();
    assert_eq!(names.len(), types.len(), "a type stands there twice");
    // A rule that stands for two types cannot tell them apart.
    let rules: BTreeSet<_> = types.iter().map(|t| &t.rule).collect();
    assert_eq!(rules.len(), types.len(), "a rule stands there twice");
}

/// Where the rule begins in another way than the type is said to.
const BEGINS_OTHERWISE: &[(&str, &str)] = &[
    ("azure-storage-account-key", "the name before it may be another; its mark is inside of it"),
    ("azure-cosmos-db-key", "the name before it may be another; its mark is inside of it"),
    ("azure-service-bus-key", "the name before it may be another; its mark is inside of it"),
    ("azure-event-hubs-key", "the name before it may be another; its mark is inside of it"),
    ("azure-relay-key", "the name before it may be another; its mark is inside of it"),
    ("docker-registry-auth", "each entry of `auths` is one"),
    ("generic-url-password", "any user and any password"),
    ("http-basic-auth", "the header's name may be another"),
    ("keystore-pkcs12", "told by its first bytes, not by its name"),
    ("laravel-app-key", "the name before it may be another"),
    ("laravel-sanctum-token", "the number of its row and a bar may be cut off"),
    ("solana-keypair-json", "told by its numbers, not by the file's name"),
];

/// A rule of the right name is no proof: what it finds must look as the type does.
#[test]
fn every_rule_fits_its_type() {
    let set = builtin_rules();
    let mut wrong = Vec::new();
    for Type { name, kind, begins, rule } in types() {
        let index = set.index_of(&rule).unwrap();
        let meta = &set.metas()[index];
        // Ids that open something together with a key beside them are reported; what may be published is not.
        if kind == "publishable" && meta.kind == Kind::Secret {
            wrong.push(format!("{name:?}: {rule} reports it, and it may be published"));
        }
        if begins.is_empty() || BEGINS_OTHERWISE.iter().any(|(other, _)| *other == rule) {
            continue;
        }
        let minted: Vec<_> = (0..60)
            .filter_map(|seed| rules::mint::mint(&set.rules()[index], &mut Rng::new(seed)))
            .map(|token| token.to_str_lossy().into_owned())
            .collect();
        if !minted.iter().any(|token| token.contains(&begins)) {
            wrong.push(format!("{name:?}: {rule} makes nothing with `{begins}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_says_what_to_do() {
    let mut wrong = Vec::new();
    for meta in builtin_rules().metas() {
        let rotate = &meta.rotate;
        let mut must = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{}: {what}", meta.id));
            }
        };
        must(!meta.grants.is_empty(), "what does it give?");
        if meta.kind != Kind::Secret {
            must(meta.reason.is_some(), "why is it no secret?");
            must(meta.severity <= Severity::Medium, "too grave for what is no secret");
            continue;
        }
        must(rotate.steps.len() >= 2, "fewer than two steps");
        must(rotate.audit.is_some(), "what is there to audit?");
        let is_link = |link: &Option<String>| link.as_ref().is_none_or(|l| l.starts_with("https://"));
        must(is_link(&rotate.revoke) && is_link(&rotate.docs), "a link that is none");
        // A command takes the secret from the environment, so that it is not kept by the shell.
        must(
            rotate.command.as_ref().is_none_or(|c| c.contains('$') || !c.contains("TOKEN")),
            "a command with a secret in it",
        );
        must(
            rotate.self_revoke != Some(true) || rotate.command.is_some() || rotate.steps.len() >= 2,
            "how to revoke it?",
        );
        must(meta.environment == Environment::Live || meta.severity <= Severity::Medium, "a test key that is grave");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Providers where whoever holds the token can kill it.
#[test]
fn self_revocation_is_known() {
    let set = builtin_rules();
    for provider in [
        "buildkite",
        "crates-io",
        "digitalocean",
        "discord",
        "doppler",
        "github",
        "gitlab",
        "google",
        "slack",
        "twitch",
        "vercel",
    ] {
        let own = |id: &str| id.starts_with(provider);
        let rule = set.metas().iter().find(|m| own(&m.id) && m.rotate.self_revoke == Some(true));
        let rule = rule.unwrap_or_else(|| panic!("{provider}"));
        assert!(rule.rotate.command.is_some() || rule.rotate.steps[0].len() > 20, "{}", rule.id);
    }
}

#[test]
fn expired_and_test_keys_are_low() {
    let detector = Detector::new(builtin::rules().unwrap());
    let severities = |text: &str| detector.scan(text.as_bytes()).iter().map(|m| m.severity).collect::<Vec<_>>();
    let jwt = |exp: u64| {
        let part = |text: String| BASE64URL_NOPAD.encode(text.as_bytes());
        let signature = Rng::new(exp).bytes(32);
        let (header, payload) =
            (r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(), format!(r#"{{"sub":"u-4711","exp":{exp}}}"#));
        format!("t = '{}.{}.{}'\n", part(header), part(payload), BASE64URL_NOPAD.encode(&signature))
    };
    assert_eq!(severities(&jwt(1_500_000_000)), [Severity::Low]);
    assert_eq!(severities(&jwt(32_500_000_000)), [Severity::Medium]);
    let sas = mint("azure-sas-token", 1);
    let (before, after) = (sas.find("se=").unwrap(), sas.find("&spr=").unwrap());
    let expired = format!("{}se=2020-01-01{}", &sas[..before], &sas[after..]);
    assert_eq!(severities(&format!("url: https://x.blob.test/c?{expired}\n")), [Severity::Low]);
    assert!(severities(&format!("url: https://x.blob.test/c?{sas}\n"))[0] > Severity::Low);
    assert_eq!(severities(&format!("k = '{}'\n", mint("stripe-secret-key-test", 1))), [Severity::Low]);
}

/// A prefix of three characters that ends with a mark is told from words by what follows it.
#[test]
fn short_prefixes_before_long_random_text_are_believed() {
    let detector = Detector::new(builtin::rules().unwrap());
    for rule in ["sendgrid-api-key", "hugging-face-user-access-token", "replicate-api-token"] {
        let token = mint(rule, 5);
        let found = detector.scan(format!("value '{token}'\n").as_bytes());
        assert!(found.iter().any(|m| m.confidence >= Confidence::High), "{rule}: {found:?}");
    }
}

/// The one vector of the facts that has no checksum to test: a letter that the alphabet leaves out.
#[test]
fn account_keys_of_1password_have_their_alphabet() {
    let detector = Detector::new(builtin::rules().unwrap());
    let rule = detector.rules().index_of("1password-account-secret-key").unwrap();
    let found = |key: &str| detector.scan(format!("key: {key}\n").as_bytes()).iter().any(|m| m.rule == rule);
    assert!(found(concat!("A3-KV975F-TBJNBD-", "M54EE-LA2FR-CSFF7-TV6GH")));
    assert!(!found(concat!("A3-KVO75F-TBJNBD-", "M54EE-LA2FR-CSFF7-TV6GH")));
}

/// A key file whose end is missing is told, at its own confidence.
#[test]
fn a_truncated_key_is_told() {
    let detector = Detector::new(builtin::rules().unwrap());
    for rule in ["private-key-rsa", "private-key-pkcs8", "private-key-pgp"] {
        let key = mint(rule, 1);
        let end = key.find(concat!("-----EN", "D")).unwrap();
        let mut found = detector.scan(&key.as_bytes()[..end]);
        found.retain(|m| detector.rules().metas()[m.rule].kind == Kind::Secret);
        assert_eq!(found.len(), 1, "{rule}");
        assert!(found[0].facts.iter().any(|f| f.label == "truncated"), "{rule}: {:?}", found[0].facts);
    }
}
