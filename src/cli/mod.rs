//! The command line program: settings, scan, report, exit code. The one place that sees every step.

mod args;
mod baseline;
mod exit;
mod hook;
mod hook_args;
mod hook_words;
mod import;
mod key;
mod output;
mod progress;
mod rules;
mod rules_doc;
mod settings;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::mem::ManuallyDrop;
use std::time::Instant;

use clap::{CommandFactory, Parser};

pub use args::Cli;
pub use exit::Exit;

use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::finding::{Finding, Verdict};
use crate::report::{self, Report};
use crate::rules::{Kind, RuleMeta};
use crate::scan;
use args::{Command, ScanArgs};
use output::Outputs;
use settings::Settings;

/// Runs the program and says how it ended.
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            // `--help` and `--version` come this way, too.
            if e.use_stderr() {
                // A closed standard error leaves nobody to tell.
                let _ = e.print();
                return Exit::Failure;
            }
            return match e.print().and_then(|()| io::stdout().flush()) {
                Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                    complain(&Error::new("cannot write to standard output").cause(e));
                    Exit::Failure
                }
                _ => Exit::Clean,
            };
        }
    };
    let done = match cli.command {
        None => scan_command(cli.scan),
        Some(Command::Rules(command)) => rules::run(&command),
        Some(Command::Explain { id, rules }) => rules::show(&id, &rules),
        Some(Command::Report { file, output }) => output::report_command(&file, &output),
        Some(Command::Hook(command)) => return hook::run(command),
        Some(Command::Baseline(command)) => baseline::run(&command),
        Some(Command::Config(command)) => baseline::config(&command),
        Some(Command::Import(command)) => import::run(&command),
        Some(Command::Key(command)) => key::run(&command),
        Some(Command::Completions { shell }) => print(&completions(shell)),
        Some(Command::Man) => man(),
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        Exit::Failure
    })
}

/// Says on standard error what went wrong and what to do.
fn complain(error: &Error) {
    let mut stderr = io::stderr().lock();
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(stderr, "keyscan: error: {}", report::printable(error.to_string()));
    if let Some(help) = error.advice() {
        let _ = writeln!(stderr, "  help: {help}");
    }
}

fn scan_command(args: ScanArgs) -> Result<Exit> {
    let started = Instant::now();
    let settings = Settings::resolve(&args)?;
    let outputs = Outputs::plan(&args.output, args.show_secrets)?;
    let bar = progress::Bar::new(!args.quiet);
    let (detector, outcome) = scan_with(&args, settings, &bar)?;
    // They are needed until the process ends; taking their many small parts away before would only take time.
    let (detector, outcome) = (ManuallyDrop::new(detector), ManuallyDrop::new(outcome));
    let report = Report {
        findings: &outcome.findings,
        allowed: &outcome.allowed,
        rules: detector.rules().metas(),
        receipt: &outcome.receipt,
        options: report::Options { show_secrets: args.show_secrets, verbose: args.output.verbose, columns: None },
    };
    outputs.write(|format, columns, out| report::write(format, &report.for_columns(columns), out))?;
    if !args.quiet && io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "took {:.2} s", started.elapsed().as_secs_f64());
    }
    let hygiene = args.only.iter().any(|id| id.starts_with("hygiene"));
    let findings = outcome.findings.iter().filter(|f| is_leak(f, detector.rules().metas(), hygiene)).count();
    Ok(Exit::of_scan(findings, outcome.receipt.complete()))
}

/// Does it change the exit code? Malformed tokens are shown on request, and are no findings. Habits are remarks, unless they
/// were asked for by name.
fn is_leak(finding: &Finding, rules: &[RuleMeta], hygiene: bool) -> bool {
    finding.verdict != Verdict::Malformed && (hygiene || rules[finding.rule].kind != Kind::Hygiene)
}

/// Scans as the settings say, and leaves out what is less severe than was asked for.
fn scan_with(args: &ScanArgs, settings: Settings, bar: &progress::Bar) -> Result<(Detector, scan::Outcome)> {
    let detector = match settings.inventory {
        Some(inventory) => Detector::with_inventory(settings.rules, inventory),
        None => Detector::new(settings.rules),
    }
    .with_depth(args.decode_depth);
    let mut outcome = scan::run(&detector, &settings.targets, &settings.scan, bar)?;
    bar.finish();
    let found = outcome.findings.len();
    outcome.findings.retain(|f| f.severity >= settings.severity);
    outcome.receipt.below_severity += (found - outcome.findings.len()) as u64;
    Ok((detector, outcome))
}

/// Prints to standard output; a closed pipe is no failure.
fn print(text: &str) -> Result<Exit> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Error::new("cannot write to standard output").cause(e)),
        _ => Ok(Exit::Clean),
    }
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keyscan", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn man() -> Result<Exit> {
    let mut out = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut out)
        .map_err(|e| Error::new("cannot make the manual page").cause(e))?;
    print(&String::from_utf8_lossy(&out))
}
