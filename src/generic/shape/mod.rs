//! What a value looks like, beside random: templates, code, paths, words, identifiers, known encodings.

mod code;
mod constant;
mod count;
mod escape;
mod number;
mod place;
mod placeholder;
mod sealed;
mod template;
mod text;
pub mod vocabulary;

pub use code::{
    are_siblings, is_between_literals, is_class_path, is_code, is_code_piece, is_entry, is_identifier, is_injection,
    is_regex, is_type,
};
pub use constant::is_constant;
pub use count::{Counts, counts};
pub use escape::{decoded, has_breaks, is_few_escapes, is_packed, unescaped};
pub use number::{is_address, is_numeric, is_uuid};
pub use place::{is_file, is_path};
pub use placeholder::{placeholder_share, says_example, sequence_share};
pub use sealed::{is_hash_in_base64, is_sealed};
pub use template::{is_left_out, is_template};
pub use text::{is_field_rules, is_label, is_phrase, is_shortcut};

/// Values are short: a plain search beats a prepared one.
fn has(value: &[u8], part: &[u8]) -> bool {
    value.windows(part.len()).any(|w| w == part)
}

/// Does one of these pairs of bytes stand in the value?
fn has_pair(value: &[u8], pairs: &[&[u8; 2]]) -> bool {
    value.windows(2).any(|w| pairs.iter().any(|p| w == *p))
}
