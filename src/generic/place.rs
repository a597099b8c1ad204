//! What kind of file a value stands in, by its path: tests and documents are full of values made up for them, so there a
//! value needs more evidence. One that looks random needs little more: real ones are pasted into both.

use crate::generic::weights::Evidence;

/// A kind of file, the one in which values are believed most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Programs, settings, and whatever has no path.
    Own,
    /// Examples, samples, demos.
    Example,
    /// Text for people.
    Document,
    /// Tests, and what they read.
    Test,
    /// Libraries of others that were copied in.
    Foreign,
    /// Texts in the languages of users.
    Translation,
}

/// Words of a part of a path that say test.
const TESTS: &[&str] = &[
    "test",
    "tests",
    "testing",
    "testdata",
    "testcase",
    "testcases",
    "spec",
    "specs",
    "fixture",
    "fixtures",
    "cassette",
    "cassettes",
    "vcr",
    "mock",
    "mocks",
    "snapshot",
    "snapshots",
    "e2e",
    "unittest",
    "unittests",
];

/// Words of a part of a path that say example.
const EXAMPLES: &[&str] = &["example", "examples", "sample", "samples", "demo", "demos", "tutorial", "tutorials"];

/// Directories of documents.
const DOCUMENTS: &[&str] = &["doc", "docs", "documentation", "guide", "guides", "manual", "man"];

/// Ends of names of documents.
const TEXTS: &[&str] = &[
    "md", "mdx", "markdown", "rst", "adoc", "asciidoc", "txt", "html", "htm", "tex", "textile", "rdoc", "pod", "ipynb",
];

/// Directories of translations.
const TRANSLATIONS: &[&str] =
    &["lang", "langs", "languages", "locale", "locales", "i18n", "l10n", "translation", "translations", "resjson"];

/// Directories into which libraries are copied.
const LIBRARIES: &[&str] = &[
    "vendor",
    "vendors",
    "node_modules",
    "site-packages",
    "bower_components",
    "third_party",
    "third-party",
    "godeps",
    "_workspace",
];

impl Place {
    /// The kind of file at a path.
    pub fn of(path: &[u8]) -> Self {
        let parts: Vec<String> =
            path.split(|b| *b == b'/').map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        let Some((name, directories)) = parts.split_last() else { return Self::Own };
        let any = |list: &[&str], part: &String| words(part).any(|word| list.contains(&word.as_str()));
        let lies_in = |list: &[&str]| directories.iter().any(|d| list.contains(&d.to_ascii_lowercase().as_str()));
        let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
        match () {
            () if lies_in(TRANSLATIONS) => Self::Translation,
            () if lies_in(LIBRARIES) || directories.windows(2).any(|two| two == ["pkg", "mod"]) => Self::Foreign,
            () if parts.iter().any(|part| any(TESTS, part)) => Self::Test,
            () if TEXTS.contains(&end.as_str()) || lies_in(DOCUMENTS) => Self::Document,
            () if parts.iter().any(|part| any(EXAMPLES, part)) => Self::Example,
            () => Self::Own,
        }
    }

    /// What it says about a value, given what else is known of it.
    pub fn says(self, known: &[Evidence]) -> Option<Evidence> {
        let random = known.iter().any(|evidence| RANDOM.contains(evidence));
        // In other languages words look random to who does not know them.
        let text = known.iter().any(|evidence| matches!(evidence, Evidence::Spaces | Evidence::Wide));
        let random = random && !(text && self == Self::Translation);
        Some(match (self, random) {
            (Self::Own, _) => return None,
            (Self::Example, false) => Evidence::WordInExample,
            (Self::Example, true) => Evidence::RandomInExample,
            (Self::Document, false) => Evidence::WordInDocument,
            (Self::Document, true) => Evidence::RandomInDocument,
            (Self::Test, false) => Evidence::WordInTest,
            (Self::Test, true) => Evidence::RandomInTest,
            (Self::Foreign, _) => Evidence::InLibrary,
            (Self::Translation, false) => Evidence::WordInTranslation,
            (Self::Translation, true) => Evidence::RandomInTranslation,
        })
    }
}

/// What makes a value look random.
const RANDOM: &[Evidence] = &[
    Evidence::LikeRandom2,
    Evidence::LikeRandom3,
    Evidence::HexLong,
    Evidence::HexShort,
    Evidence::ManyChanges,
    Evidence::Base64,
];

/// The words of a part of a path, lower case: cut at what is no letter or digit, and where lower case turns to upper case.
fn words(part: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut last = ' ';
    for letter in part.chars() {
        if !letter.is_alphanumeric() || letter.is_uppercase() && last.is_lowercase() {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        last = letter;
    }
    words.into_iter().filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_the_kind_of_file() {
        for (path, place) in [
            ("src/settings.py", Place::Own),
            (".env", Place::Own),
            ("config/latest.yml", Place::Own),
            ("src/attest/contest.go", Place::Own),
            ("tests/test_mail.py", Place::Test),
            ("cmd/server_test.go", Place::Test),
            ("src/main/LoginTest.java", Place::Test),
            ("app/UserTests.swift", Place::Test),
            ("web/login.spec.ts", Place::Test),
            ("api/__tests__/a.js", Place::Test),
            ("spec/fixtures/vcr_cassettes/a.yml", Place::Test),
            ("README.md", Place::Document),
            ("docs/api/index.yaml", Place::Document),
            ("notebooks/a.ipynb", Place::Document),
            (".env.example", Place::Example),
            ("examples/app/main.tf", Place::Example),
            ("config.sample.json", Place::Example),
            ("web/locales/sv.json", Place::Translation),
            ("venv/lib/site-packages/x/y.py", Place::Foreign),
            ("web/node_modules/a/test/b.js", Place::Foreign),
            ("go/pkg/mod/example.com/a/b.go", Place::Foreign),
            ("Godeps/_workspace/src/a/b.go", Place::Foreign),
            ("", Place::Own),
        ] {
            assert_eq!(Place::of(path.as_bytes()), place, "{path}");
        }
    }

    #[test]
    fn what_looks_random_loses_less() {
        let weight = |evidence: Option<Evidence>| crate::generic::weights::sum(evidence.as_slice());
        for place in [Place::Example, Place::Document, Place::Test, Place::Translation] {
            let (random, word) = (place.says(&[Evidence::LikeRandom2]), place.says(&[Evidence::LikeWords1]));
            assert!(weight(random) > weight(word), "{place:?}");
        }
    }
}
