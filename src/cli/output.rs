//! Where reports go: one to standard output, any number to files.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use termcolor::{BufferedStandardStream, ColorChoice, NoColor, WriteColor};

use crate::cli::Exit;
use crate::cli::args::{Color, OutputArgs};
use crate::error::{Error, Result};
use crate::report::{Format, Options, Saved};

/// The reports that a run writes.
#[derive(Debug)]
pub struct Outputs {
    color: Color,
    /// In the order in which they are written; no file twice. `None` is standard output.
    list: Vec<(Format, Option<PathBuf>)>,
}

impl Outputs {
    /// Reads the arguments, and looks for what can be known before a long scan to go wrong.
    pub fn plan(args: &OutputArgs, show_secrets: bool) -> Result<Self> {
        let mut list = Vec::new();
        for text in &args.reports {
            list.push(report(text)?);
        }
        // Text on the screen is for the one who looks, unless other reports already go there.
        let taken = list.iter().any(|(_, file)| file.is_none());
        let format = args.format.as_deref().map(Format::from_str).transpose()?;
        if format.is_some() || args.output.is_some() || !taken {
            list.insert(0, (format.unwrap_or(Format::Text), args.output.clone()));
        }
        if list.iter().filter(|(_, file)| file.is_none()).count() > 1 {
            return Err(Error::new("two reports cannot both go to standard output")
                .help("give all but one of them a file: --report FORMAT=FILE, or --format with --output"));
        }
        for (number, (format, file)) in list.iter().enumerate() {
            check(*format, file.as_deref(), show_secrets)?;
            let spot = |file: &Option<PathBuf>| file.as_deref().map(resolved);
            if let (Some(path), true) = (file, list[..number].iter().any(|(_, other)| spot(other) == spot(file))) {
                return Err(Error::new(format!("two reports would be written to {}", path.display()))
                    .help("give each report a file of its own"));
            }
        }
        Ok(Self { color: args.color, list })
    }

    /// Writes all of them. If one cannot be written, the others are, all the same.
    pub fn write(
        &self,
        mut write: impl FnMut(Format, Option<usize>, &mut dyn WriteColor) -> io::Result<Vec<String>>,
    ) -> Result<()> {
        let mut failed = Ok(());
        for (format, file) in &self.list {
            let written = match file {
                Some(path) => File::create(path)
                    .and_then(|file| {
                        let mut out = NoColor::new(io::BufWriter::new(file));
                        let told = write(*format, None, &mut out)?;
                        out.flush().map(|()| told)
                    })
                    .map_err(|e| Error::new(format!("cannot write the report to {}", path.display())).cause(e)),
                None => self.print(|out| write(*format, columns(), out)),
            };
            match written {
                Ok(told) => told.iter().for_each(|what| warn(what)),
                Err(e) => failed = failed.and(Err(e)),
            }
        }
        failed
    }

    fn print(&self, write: impl FnOnce(&mut dyn WriteColor) -> io::Result<Vec<String>>) -> Result<Vec<String>> {
        let choice = match self.color {
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Auto if io::stdout().is_terminal() => ColorChoice::Auto,
            _ => ColorChoice::Never,
        };
        let mut out = BufferedStandardStream::stdout(choice);
        match write(&mut out).and_then(|told| out.flush().map(|()| told)) {
            // The reader has seen enough (`keyscan . | head`).
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Vec::new()),
            other => other.map_err(|e| Error::new("cannot write the report to standard output").cause(e)),
        }
    }
}

/// Columns of standard output, if it is a terminal.
fn columns() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(io::stdout())?;
    (columns > 0).then_some(usize::from(columns))
}

/// Says what a report could not hold.
fn warn(what: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr().lock(), "keyscan: {what}");
}

/// Reads `FORMAT=FILE`.
fn report(text: &str) -> Result<(Format, Option<PathBuf>)> {
    let Some((format, file)) = text.split_once('=').filter(|(_, file)| !file.is_empty()) else {
        return Err(Error::new(format!("--report {text} names no file"))
            .help("write FORMAT=FILE, for instance --report sarif=out.sarif; `-` is standard output"));
    };
    let file = (file != "-").then(|| PathBuf::from(file));
    Ok((Format::from_str(format)?, file))
}

/// A path in one spelling, whether the file exists or not.
fn resolved(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
    file.file_name().map_or_else(|| file.to_owned(), |name| parent.join(name))
}

fn check(format: Format, file: Option<&Path>, show_secrets: bool) -> Result<()> {
    if show_secrets && !format.can_show_secrets() {
        let able: Vec<_> = Format::all().filter(|f| f.can_show_secrets()).map(Format::as_str).collect();
        return Err(Error::new(format!("the format {format} never shows whole secrets"))
            .help(format!("leave --show-secrets out, or use one of {}", able.join(", "))));
    }
    let Some(file) = file else { return Ok(()) };
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if file.is_dir() || !parent.is_dir() {
        let why = if file.is_dir() { "it is a directory" } else { "its directory does not exist" };
        return Err(Error::new(format!("cannot write the report to {}: {why}", file.display()))
            .help("give the path of a file in a directory that exists"));
    }
    Ok(())
}

/// Turns a saved report into other formats.
pub fn report_command(file: &Path, args: &OutputArgs) -> Result<Exit> {
    let outputs = Outputs::plan(args, false)?;
    let (name, bytes) = if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        ("standard input".to_owned(), io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (file.display().to_string(), std::fs::read(file))
    };
    let bytes = bytes.map_err(|e| Error::new(format!("cannot read the report {name}")).cause(e))?;
    let saved = Saved::parse(&bytes).map_err(|error| {
        let help = error.advice().map(str::to_owned);
        let named = Error::new(format!("{name}: {error}"));
        match help {
            Some(help) => named.help(help),
            None => named,
        }
    })?;
    outputs.write(|format, columns, out| {
        let options = Options { verbose: args.verbose, columns, ..Options::default() };
        saved.write(format, options, out)
    })?;
    Ok(Exit::Clean)
}
