//! The vectors of checksummed formats: synthetic tokens, each of which passes or fails its checksum.
//!
//! They stand in two halves, so that no whole token is in this file.

use crate::util::{Keyscan, sha256};

/// What the tokens are, whether the checksum holds, and the token.
const VECTORS: &[(&str, bool, &str)] = &[
    ("GitHub classic token families", true, concat!("ghp_20Jz06uzy3Ojv1Bv", "W72GHW8qGNqsqL1Rk399")),
    ("GitHub classic token families", false, concat!("ghp_20Jz06uzz3Ojv1Bv", "W72GHW8qGNqsqL1Rk399")),
    ("GitHub classic token families", true, concat!("ghp_Tka8q3GHEpy1R4FY", "HMqJkld0rzaC4x0rAH5M")),
    ("GitHub classic token families", false, concat!("ghp_Tka8q3GHEpy1R4FY", "IMqJkld0rzaC4x0rAH5M")),
    ("GitHub classic token families", true, concat!("gho_EHMdYLl0fth93CiB", "fkNoKtZLgLRxak2oA4AI")),
    ("GitHub classic token families", false, concat!("gho_EHMdYLl0gth93CiB", "fkNoKtZLgLRxak2oA4AI")),
    ("GitHub classic token families", true, concat!("ghu_3Tm3cyjlmPphR1qm", "b0QkLVcpuuAy2h3GuYWY")),
    ("GitHub classic token families", false, concat!("ghu_3Tm3cyjlnPphR1qm", "b0QkLVcpuuAy2h3GuYWY")),
    ("GitHub classic token families", true, concat!("ghs_L82Cg8L5DiGOtlBw", "eWq5bPY4twO6LI2UGeKh")),
    ("GitHub classic token families", false, concat!("ghs_L82Cg8L5EiGOtlBw", "eWq5bPY4twO6LI2UGeKh")),
    (
        "GitHub classic token families",
        true,
        concat!("ghr_mMa9sLsRiRDCfoOW5raKj4qUmEJDWtpElI1p", "pnLQQmPUGmR2QwOjratp0zIh2Au1cJMavO3ruEut"),
    ),
    (
        "GitHub classic token families",
        false,
        concat!("ghr_mMa9sLsRjRDCfoOW5raKj4qUmEJDWtpElI1p", "pnLQQmPUGmR2QwOjratp0zIh2Au1cJMavO3ruEut"),
    ),
    (
        "GitHub fine-grained PAT",
        true,
        concat!("github_pat_11MFFCCYC0BXFLLIobqCs5_6RJDZlV07ihV", "nUYiMvzcxCs6bGmO6VhESeutL0prWQCQCLS5IZFtmq4sL5M"),
    ),
    (
        "GitHub fine-grained PAT",
        false,
        concat!("github_pat_11MFFCCYC0BXFLLIobqCs5_6RJDZlW07ihV", "nUYiMvzcxCs6bGmO6VhESeutL0prWQCQCLS5IZFtmq4sL5M"),
    ),
    (
        "npm access token (granular / automation / publish)",
        true,
        concat!("npm_W6U2AhWcrtkRUTlL", "CU6aVWJw6uJx3C4YzyYt"),
    ),
    (
        "npm access token (granular / automation / publish)",
        false,
        concat!("npm_W6U2AhWcstkRUTlL", "CU6aVWJw6uJx3C4YzyYt"),
    ),
    ("GitLab routable tokens", true, concat!("glpat--w3xRrZKKzKV4Ww8qubtC", "286MQp1OjFhMmIK.01.101xpki4f")),
    ("GitLab routable tokens", false, concat!("glpat--w3xSrZKKzKV4Ww8qubtC", "286MQp1OjFhMmIK.01.101xpki4f")),
    ("Grafana service-account token", true, concat!("glsa_xwNNfyc2GjNbp1GlS1", "UOeRDbwjqM3Vdy_25f47fd3")),
    ("Grafana service-account token", false, concat!("glsa_xwNNgyc2GjNbp1GlS1", "UOeRDbwjqM3Vdy_25f47fd3")),
    (
        "Atlassian API tokens",
        true,
        concat!(
            "ATATT3xFfGF0XOhazHoWJL0pq_Pkw_5FXU4Eoupk08fAOWWOOJntOoM57Qj1JQP1ozeARaQSS4I-5xMpSpOBX06DZ81DO_B2",
            "1EWGr3tm911IJ8CZdIe1b7VPuirDZOQv3m7h77-sIDVRbXAUsOpppaOfA2eMRvT5y_T-HiNb9MhQecEve7-7cCa=B8F4B314"
        ),
    ),
    (
        "Atlassian API tokens",
        false,
        concat!(
            "ATATT3xFfGF0XOhazHoWKL0pq_Pkw_5FXU4Eoupk08fAOWWOOJntOoM57Qj1JQP1ozeARaQSS4I-5xMpSpOBX06DZ81DO_B2",
            "1EWGr3tm911IJ8CZdIe1b7VPuirDZOQv3m7h77-sIDVRbXAUsOpppaOfA2eMRvT5y_T-HiNb9MhQecEve7-7cCa=B8F4B314"
        ),
    ),
    (
        "Atlassian API tokens",
        true,
        concat!(
            "ATCTT3xFfGN0x7ch7vGvBnxuD6bg62fL094Dz5-NPbFNSiMpA0OvQ-2DNxPNFEZYhY5EwDKFBPgqsLfJh9gEzecKhkCMk9EF",
            "qwhzcpVZZqmoqM4V6i827Ve7COHXOSGt9Fy3qptmDj0yp8xAFXrn6KZ7FUqC7_izyNUKe9QPG-6udLSv-rBZBx2=5DF6E411"
        ),
    ),
    (
        "Atlassian API tokens",
        false,
        concat!(
            "ATCTT3xFfGN0x7ch7vGvCnxuD6bg62fL094Dz5-NPbFNSiMpA0OvQ-2DNxPNFEZYhY5EwDKFBPgqsLfJh9gEzecKhkCMk9EF",
            "qwhzcpVZZqmoqM4V6i827Ve7COHXOSGt9Fy3qptmDj0yp8xAFXrn6KZ7FUqC7_izyNUKe9QPG-6udLSv-rBZBx2=5DF6E411"
        ),
    ),
    ("Cloudflare scannable tokens", true, concat!("cfut_A6iC5XmIQBD5yYg8CKkeC", "T2qD0TLEkRmkp2KCIg0d53d38a6")),
    ("Cloudflare scannable tokens", false, concat!("cfut_A6iC5XmIQCD5yYg8CKkeC", "T2qD0TLEkRmkp2KCIg0d53d38a6")),
    ("Cloudflare scannable tokens", true, concat!("cfat_lsBSqrP7Y2bpArxn9L7Sq", "Plnfj7rVJGmqtRqjUTO3dc0abc5")),
    ("Cloudflare scannable tokens", false, concat!("cfat_lsBSqrP7Y3bpArxn9L7Sq", "Plnfj7rVJGmqtRqjUTO3dc0abc5")),
    ("Cloudflare scannable tokens", true, concat!("cfk_h9if7ZKiagfBt0ZCaUM876", "g9SY55I5SqRFAG9X5Ba50439ac")),
    ("Cloudflare scannable tokens", false, concat!("cfk_h9if7ZKiaggBt0ZCaUM876", "g9SY55I5SqRFAG9X5Ba50439ac")),
    ("Vercel tokens", true, concat!("vcp_54gZS8Vuj1rsCqLrZqhxMhrEoo", "iIVlTR9be0EgE1tyFUNXViEL0yUBi8")),
    ("Vercel tokens", false, concat!("vcp_54gZS8Vuj1ssCqLrZqhxMhrEoo", "iIVlTR9be0EgE1tyFUNXViEL0yUBi8")),
    ("Vercel tokens", true, concat!("vck_cOkIRfBHXKOijH50sZ4ia8D9NX", "OxfuFLdhXn6cs7BABtXUlC2D2mMhvg")),
    ("Vercel tokens", false, concat!("vck_cOkIRfBHXKPijH50sZ4ia8D9NX", "OxfuFLdhXn6cs7BABtXUlC2D2mMhvg")),
    (
        "Confluent Cloud API secret",
        true,
        concat!("cfltthZxtLK7UyMRUARnmW1rovzx7AKn", "Chp1AnxdWihEiqkcSaZhzBhvDW+ncPsA"),
    ),
    (
        "Confluent Cloud API secret",
        false,
        concat!("cfltthZxuLK7UyMRUARnmW1rovzx7AKn", "Chp1AnxdWihEiqkcSaZhzBhvDW+ncPsA"),
    ),
    ("Zuplo API key", true, concat!("zpka_9afef6da5e2d98209b", "11082c0e8c07d1_b5fd7383")),
    ("Zuplo API key", false, concat!("zpka_0afef6da5e2d98209b", "11082c0e8c07d1_b5fd7383")),
    ("Apify API token", true, concat!("apify_api_ZJrxYgXKZNiIt", "TS6z7ScDxsvz7Gc2p0EhSFF")),
    ("Apify API token", false, concat!("apify_api_ZJrxZgXKZNiIt", "TS6z7ScDxsvz7Gc2p0EhSFF")),
    ("SaladCloud API key", true, concat!("salad_cloud_user_YHmoyEXqf4vq9PPc", "vjKCZ4qFAuUfcJBOI6OwkE50WvC4EP5oA")),
    ("SaladCloud API key", false, concat!("salad_cloud_user_YHmoyFXqf4vq9PPc", "vjKCZ4qFAuUfcJBOI6OwkE50WvC4EP5oA")),
    ("Canva Connect client secret", true, concat!("cnvcaaCLxJH4Q1ZaMZUv6754jwoQ", "SeZrZNKh5bZnVIDt7g1s54551173")),
    ("Canva Connect client secret", false, concat!("cnvcaaCLyJH4Q1ZaMZUv6754jwoQ", "SeZrZNKh5bZnVIDt7g1s54551173")),
    ("Cloudsmith API key", true, concat!("csa_5d7ae178dda54091", "e60e01dff7d91d38Q6ig")),
    ("Cloudsmith API key", false, concat!("csa_6d7ae178dda54091", "e60e01dff7d91d38Q6ig")),
    (
        "Weights & Biases API key v1",
        true,
        concat!("wandb_v1_kcxuH9Wock1Sgcxs9bgq3o6kcuwCSdUVKE", "3nCPN4u32CqGvTibEl6rdyyFyT1ALvNGnhF6X2oU248"),
    ),
    (
        "Weights & Biases API key v1",
        false,
        concat!("wandb_v1_kcxuH0Wock1Sgcxs9bgq3o6kcuwCSdUVKE", "3nCPN4u32CqGvTibEl6rdyyFyT1ALvNGnhF6X2oU248"),
    ),
    ("Polar tokens", true, concat!("polar_oat_M2j2r57exKJih2Ze", "cfF7oqBRAK66OnVDXJkPk0pbtC1")),
    ("Polar tokens", false, concat!("polar_oat_M2j2s57exKJih2Ze", "cfF7oqBRAK66OnVDXJkPk0pbtC1")),
    ("Laravel Sanctum personal access tokens", true, concat!("1|wQtRaWHhAtO1eoPiFTXcrW7", "C7tlF5zxHbOENVq0s24bc9b02")),
    (
        "Laravel Sanctum personal access tokens",
        false,
        concat!("1|wQtRbWHhAtO1eoPiFTXcrW7", "C7tlF5zxHbOENVq0s24bc9b02"),
    ),
    (
        "AdonisJS opaque access tokens",
        true,
        concat!("oat_MTc.eWJ2am5DX3FDbnFOc0tZLUkxa3lFa", "WdzVW1NRVI1U1FwMUg4V3NWTjQyNjg2NDc1ODk"),
    ),
    (
        "AdonisJS opaque access tokens",
        false,
        concat!("oat_MTc.eWJ2am5BX3FDbnFOc0tZLUkxa3lFa", "WdzVW1NRVI1U1FwMUg4V3NWTjQyNjg2NDc1ODk"),
    ),
];

/// Formats whose checksum is evidence only when it matches: a mismatch may be an older or unknown variant.
const MISMATCH_IS_STILL_REPORTED: &[&str] = &[
    // Positive evidence only: checked on one sample, or on an edited one (facts 2.13, 2.14, and `ATCTT3` in 2.6).
    "Canva Connect client secret",
    "Cloudsmith API key",
    "Atlassian API tokens",
    // Tokens from before the checksum was introduced are still valid (facts 2.16).
    "Polar tokens",
];

#[test]
fn valid_ones_are_proven_and_invalid_ones_are_not_reported() {
    let mut wrong = Vec::new();
    for (name, valid, token) in VECTORS {
        let json = Keyscan::at(&std::env::temp_dir()).args(["-", "--format", "json"]).stdin(format!("x = '{token}'\n"));
        let json = json.run().json();
        // The number and the pipe before a Laravel token are its row, not the secret.
        let hash = sha256(token.split_once('|').map_or(token, |(_, secret)| secret));
        let finding = json.findings().iter().find(|f| f["secret_sha256"] == hash.as_str());
        match (valid, finding) {
            (true, Some(finding)) if finding["verdict"] == "proven" && json.findings().len() == 1 => {}
            (false, None) if json.findings().is_empty() => {}
            (false, Some(finding)) if MISMATCH_IS_STILL_REPORTED.contains(name) && finding["verdict"] == "shape" => {}
            _ => {
                let what: Vec<_> =
                    json.findings().iter().map(|f| format!("{} {}", f["rule"]["id"], f["verdict"])).collect();
                wrong.push(format!("{name}, {}: {what:?}", if *valid { "valid" } else { "invalid" }));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn invalid_ones_are_counted_and_shown_on_request() {
    for (name, valid, token) in VECTORS {
        let source = format!("x = '{token}'\n");
        let run = || Keyscan::at(&std::env::temp_dir()).arg("-").stdin(&source);
        // Without a prefix nothing says that the text was meant to be a token.
        let unmarked = *name == "Laravel Sanctum personal access tokens";
        if *valid || unmarked || MISMATCH_IS_STILL_REPORTED.contains(name) {
            continue;
        }
        assert_eq!(run().json(0).value["receipt"]["not_reported"]["malformed"], 1, "{name}");
        let shown = run().arg("--show-malformed").json(0);
        assert_eq!(shown.findings()[0]["verdict"], "malformed", "{name}");
    }
}

/// An edited token in an example of the documentation and a real one in the code are told apart.
#[test]
fn a_valid_one_is_found_beside_an_invalid_one() {
    let source: String = VECTORS.iter().map(|(_, _, token)| format!("'{token}'\n")).collect();
    let json = Keyscan::at(&std::env::temp_dir()).arg("-").stdin(&source).json(1);
    for (name, _, token) in VECTORS.iter().filter(|(_, valid, _)| *valid) {
        let secret = token.split_once('|').map_or(*token, |(_, secret)| secret);
        assert!(json.has(secret), "{name}\n{}", json.story);
    }
}
