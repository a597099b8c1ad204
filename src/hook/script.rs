//! The text of an installed hook: a few lines of POSIX shell that anyone can read.

use std::fmt::Write;
use std::path::Path;

use super::Hook;

/// The line by which a hook is known to be keyscan's.
const MARK: &str = "# keyscan hook, written by `keyscan hook install`.";

/// Did keyscan write it?
pub(super) fn is_ours(text: &[u8]) -> bool {
    text.split(|&b| b == b'\n').take(3).any(|line| line == MARK.as_bytes())
}

/// The script. It looks for the program where it was, then in PATH, and stops everything if it is in neither.
pub(super) fn text(hook: Hook, program: &Path, options: &[String]) -> String {
    let name = hook.as_str();
    let mut command = format!("\"$keyscan\" hook {name}");
    for option in options {
        let _ = write!(command, " {}", quoted(option));
    }
    command.push_str(" \"$@\"");
    let (input, feed) = if hook.reads_input() {
        // Two programs are to read it.
        ("input=$(cat; echo .)\n", "printf %s \"${input%.}\" | ")
    } else {
        ("", "")
    };
    let program = quoted(&program.display().to_string());
    let (stops, around) = (hook.stops(), hook.way_around());
    format!(
        r#"#!/bin/sh
{MARK}
# `keyscan hook uninstall {name}` takes it out. What was here before is in {name}.chained and runs afterwards.
keyscan={program}
if [ ! -x "$keyscan" ] && ! keyscan=$(command -v keyscan); then
    echo "keyscan: error: keyscan is neither at" {program} "nor in PATH: nothing was checked, so {stops} is stopped" >&2
    echo '  help: install keyscan again and run `keyscan hook install {name}`; {around}' >&2
    exit 2
fi
{input}{feed}{command} || exit $?
chained=$(dirname "$0")/{name}.chained
if [ -x "$chained" ]; then
    {feed}"$chained" "$@" || exit $?
fi
"#
    )
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_know_themselves_and_quote() {
        for hook in Hook::ALL {
            let text = text(hook, Path::new("/a b/it's"), &["--only".into(), "$(rm)".into()]);
            assert!(is_ours(text.as_bytes()));
            assert!(text.contains(r"keyscan='/a b/it'\''s'"), "{text}");
            assert!(text.contains("'--only' '$(rm)' \"$@\""), "{text}");
        }
        assert!(!is_ours(b"#!/bin/sh\nkeyscan hook pre-commit\n"));
    }
}
