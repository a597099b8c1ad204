//! Archives: what is in them, scanned like files, with the path of the member in every finding and problem.

use std::collections::BTreeMap;

use crate::archive::{self, At, Note};
use crate::detect::{incremental, text};
use crate::finding::Problem;
use crate::scan::collect::{Found, Inside, Sink, Source, named};

/// Problems of one kind that are named one by one for an archive.
const NAMED: usize = 5;

impl Sink<'_> {
    /// Scans what is in an archive, if the bytes are one; gives what was found there.
    pub(super) fn open(&mut self, bytes: &[u8], source: &Source<'_>) -> Found {
        let limits = self.options.archives;
        if limits.depth == 0 || !archive::is_archive(bytes) {
            return Found::default();
        }
        let mut opened = Opened { sink: self, source, found: Found::default(), told: BTreeMap::new() };
        archive::walk(bytes, limits, &mut opened);
        let Opened { found, told, .. } = opened;
        for ((what, accepted), count) in told.into_iter().filter(|(_, count)| *count > NAMED) {
            let what = format!("the same of {} more of its members: {what}", count - NAMED);
            self.problems.push(Problem { object: named(source), what, help: None, accepted });
        }
        found
    }
}

/// An archive that is being scanned.
struct Opened<'s, 'd, 'o> {
    sink: &'s mut Sink<'d>,
    source: &'o Source<'o>,
    found: Found,
    /// How often something was told.
    told: BTreeMap<(String, bool), usize>,
}

impl archive::Visitor for Opened<'_, '_, '_> {
    fn content(&mut self, at: &At, bytes: &[u8]) {
        let text = text::sniff(bytes);
        let memo = incremental::scan_whole(self.sink.detector, &text.bytes, &mut self.sink.scratch);
        let inside = Inside { member: at.member(), via: at.via.clone() };
        self.sink.take_from(&memo, &text, self.source, &inside, &mut self.found);
    }

    fn note(&mut self, at: &At, note: Note) {
        let object = match at.member() {
            Some(member) => format!("{}!{member}", named(self.source)),
            None => named(self.source),
        };
        let (what, help, accepted) = words(note);
        let told = self.told.entry((what.clone(), accepted)).or_default();
        *told += 1;
        if *told <= NAMED {
            self.sink.problems.push(Problem { object, what, help: Some(help.to_owned()), accepted });
        }
    }
}

/// What happened, what to do, and whether it is only to be known: what nobody can read without a password is no leak, and a
/// name does no harm while nothing is unpacked.
fn words(note: Note) -> (String, &'static str, bool) {
    const LIMIT: &str = "unpack it and scan what comes out, or raise the limit with --max-decompressed";
    match note {
        Note::Damaged(why) => (
            format!("the archive is damaged, and was scanned as far as it can be read: {why}"),
            "replace it, or accept it with --allow-incomplete",
            false,
        ),
        Note::Unsupported(why) => (format!("it cannot be opened: {why}"), "unpack it and scan what comes out", false),
        Note::Encrypted => {
            ("it is encrypted, so what is in it was not scanned".into(), "unpack it and scan what comes out", true)
        }
        Note::TooDeep(depth) => (
            format!("archives in it are nested deeper than {depth} layers"),
            "raise the limit with --max-archive-depth",
            false,
        ),
        Note::TooLarge(bytes) => {
            (format!("it decompresses to more than {} MiB, and was scanned up to there", bytes >> 20), LIMIT, false)
        }
        Note::TooMany(count) => (
            format!("it has more than {count} members, and the others were not scanned"),
            "unpack it and scan what comes out",
            false,
        ),
        Note::LongMember(bytes) => (
            format!("it is larger than {} MiB, and was scanned up to there", bytes >> 20),
            "unpack it and scan what comes out",
            false,
        ),
        Note::LeadsOut => (
            "its name leads out of the archive; it was scanned, and nothing was unpacked".into(),
            "do not unpack this archive with tools that follow such names",
            true,
        ),
    }
}
