//! keyscan as its users meet it: real repositories made by git, the real program, its reports and exit codes.
//!
//! One test binary, one module per area. No token-like literal stands here: tokens are minted at run time, since this
//! repository is scanned, too. No test is timed and none uses a network.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::iter_over_hash_type,
    reason = "a test that panics has failed, which is what it is for"
)]

/// What a session is: repositories, the program, minted credentials.
mod util;

/// The GitHub Action, run as a runner would for each event.
mod action;
/// Archives, compressed files and documents.
mod archives;
/// The catalogue as a whole.
mod catalogue;
/// What is damaged is named, and nothing else is lost with it.
mod damage;
/// Secrets in another spelling.
mod decode;
/// The same bytes for any number of threads, and for the plain and the incremental scan.
mod determinism;
/// 0 clean, 1 findings, 2 not everything could be read.
mod exit_codes;
/// Passwords and keys without a prefix, in every syntax.
mod generic;
/// Passwords without a name, where calls, commands and settings take them.
mod given;
/// Where secrets hide in a repository, and what is told of their lives.
mod history;
/// keyscan in git's hooks.
mod hooks;
/// Habits by which secrets leak.
mod hygiene;
/// Every place in which git keeps something.
mod keeps;
/// Keys of formats of one's own, the inventory, and credentials in two halves.
mod keys;
/// Which module may know which.
mod layers;
/// Leaks as they stand in the files of tools, and what in them is none.
mod leaks;
/// When a secret came in and went, and what still holds it.
mod life;
/// What users of other scanners suffer from.
mod peers;
/// Every type of credential in the places where people leave it.
mod places;
/// What is found and not shown: comments, ignores, config files, baselines, and what is taken over from gitleaks.
mod policy;
/// Parts of a history.
mod ranges;
/// Every format on real scans, several at once, and saved reports turned into others.
mod reports;
/// Every kind of repository, and its surroundings.
mod repositories;
/// Scans that go on where an earlier one ended.
mod resume;
/// Every built-in rule, in the surroundings that its credentials have.
mod rules;
/// Whole secrets are never printed.
mod secrets;
/// Published and synthetic vectors of checksummed formats.
mod vectors;
/// Ways of writing passwords down that were missed once.
mod ways;
/// Files: which are read, how they are decoded, where a finding stands.
mod worktree;
