//! The key words of names that promise a secret.

/// Places at the start of a word that are looked at together; no word is shorter.
const FIRST: usize = 3;

/// The words that the prefilter looks for, lower case.
pub const KEY_WORDS: &[&str] =
    &["pass", "secret", "token", "key", "auth", "cred", "salt", "nonce", "pwd", "_pw", "identified"];

/// For each of the first places and each byte: the words that have it there in any letter case, one bit each.
static HAVE: [[u32; 256]; FIRST] = {
    let (mut have, mut word) = ([[0; 256]; FIRST], 0);
    while word < KEY_WORDS.len() {
        let mut place = 0;
        while place < FIRST {
            let byte = KEY_WORDS[word].as_bytes()[place];
            have[place][byte.to_ascii_lowercase() as usize] |= 1 << word;
            have[place][byte.to_ascii_uppercase() as usize] |= 1 << word;
            place += 1;
        }
        word += 1;
    }
    have
};

/// The first of the words that a text begins with, in any letter case.
#[inline]
pub fn key_word(text: &[u8]) -> Option<&'static str> {
    let first: &[u8; FIRST] = text.first_chunk()?;
    let mut words = (0..FIRST).fold(!0, |all, place| all & HAVE[place][usize::from(first[place])]);
    while words != 0 {
        let word = KEY_WORDS[words.trailing_zeros() as usize];
        if text.get(FIRST..word.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(&word.as_bytes()[FIRST..])) {
            return Some(word);
        }
        words &= words - 1;
    }
    None
}

/// Does a key word stand anywhere in a text?
pub fn has_key_word(text: &[u8]) -> bool {
    (0..text.len()).any(|at| key_word(&text[at..]).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_that_fits_is_found(text in "(pass|sec|RET|token|Key|au|th|cred|salt|non|ce|pwd|_pw|_P|identi|fied|x){0,6}") {
            let text = text.as_bytes();
            let naive = |text: &[u8]| {
                let here = |w: &&&str| text.get(..w.len()).is_some_and(|t| t.eq_ignore_ascii_case(w.as_bytes()));
                KEY_WORDS.iter().find(here).copied()
            };
            for at in 0..=text.len() {
                prop_assert_eq!(key_word(&text[at..]), naive(&text[at..]));
            }
            prop_assert_eq!(has_key_word(text), (0..text.len()).any(|at| naive(&text[at..]).is_some()));
        }
    }
}
