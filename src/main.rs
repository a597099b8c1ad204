//! The `keyscan` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyscan::cli::run(std::env::args_os()).into()
}
