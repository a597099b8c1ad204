//! Git's own files: settings are scanned like files; what only repeats objects is told where nothing else holds it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bstr::BString;
use gix::ObjectId;

use crate::detect::Detector;
use crate::finding::Problem;
use crate::provenance;
use crate::scan::collect::{Sink, Source};
use crate::scan::{Options, Scan, unread};
use crate::source::git_dir::GitDir;
use crate::source::objects::Objects;
use crate::source::refs::Ref;
use crate::source::{git_files, worktree};

impl Scan<'_> {
    /// Scans git's own files, after everything else. `prefix` stands before paths where several targets are scanned.
    pub(super) fn git_files(&mut self, directory: &GitDir, prefix: Option<&Path>) {
        let shown = match (directory.is_bare(), prefix) {
            (true, _) => String::new(),
            (false, None) => ".git/".to_owned(),
            (false, Some(prefix)) => format!("{}/", prefix.join(".git").display()),
        };
        let files = git_files::list(directory.common_dir(), &shown);
        self.receipt.problems.extend(files.problems);
        if self.options.files || directory.is_bare() {
            let (sink, problems) = sink_of(self.detector, self.options, &files.settings);
            self.collected.merge(sink);
            self.receipt.problems.extend(problems);
        }
        if self.options.history {
            let (sink, problems) = sink_of(self.detector, self.options, &files.notes);
            self.remember(Some(sink.keys()));
            self.collected.merge_new(sink);
            self.receipt.problems.extend(problems);
        }
    }

    /// Names the submodules of the commit at HEAD, where no file is scanned that could show them.
    pub(super) fn submodules(&mut self, refs: &[Ref], objects: &Objects) {
        let entry = |tree: &ObjectId, name: &str| {
            let (_, bytes) = objects.get(tree)?;
            let mut entries = provenance::parse::tree(&bytes, tree.as_bytes().len());
            ObjectId::try_from(entries.find(|e| e.name == name)?.id).ok()
        };
        let gitmodules = refs.iter().find(|r| r.name == "HEAD").and_then(|head| {
            let (_, commit) = objects.get(&head.target)?;
            let tree = provenance::parse::commit(&commit)?.tree;
            Some(objects.get(&entry(&tree, ".gitmodules")?)?.1)
        });
        let paths = git_files::submodules(&gitmodules.unwrap_or_default());
        let mut skipped = BTreeMap::new();
        worktree::tell(&mut skipped, &paths, "submodule", "its content is in another repository");
        self.receipt.skipped.extend(skipped);
    }
}

/// Scans files.
fn sink_of<'d>(detector: &'d Detector, options: &'d Options, files: &[(BString, PathBuf)]) -> (Sink<'d>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut sink = Sink::new(detector, options);
    let mut buffer = Vec::new();
    for (shown, path) in files {
        match worktree::read(path, &mut buffer) {
            Ok(()) => sink.scan(&buffer, &Source::File(shown)),
            // Git removes them as it works.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => problems.push(unread(shown, &e)),
        }
    }
    (sink, problems)
}
