//! Stages of a scan in bytes per second. `benches/ratio.sh` measures whole scans; see `benches/README.md`.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keyscan::detect::Detector;
use keyscan::rules::builtin;
use keyscan::source::objects::Objects;
use keyscan::source::pack::ObjectKind;
use keyscan::source::walk::{Memory, Object, Visitor};

/// Pseudo-random numbers, the same in every run (splitmix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// Text with the look of source code: mostly short words and punctuation, every eighth line with one long hex number.
fn source_text(size: usize) -> Vec<u8> {
    const WORDS: &[&str] =
        &["let", "config", "self.buffer", "return", "if", "request_id", "fn", "&str", "index", "// the next one", "=="];
    let mut rng = Rng(1);
    let mut out = String::with_capacity(size + 256);
    while out.len() < size {
        out.push_str("    ");
        for _ in 0..3 + rng.below(8) {
            out.push_str(WORDS[rng.below(WORDS.len() as u64) as usize]);
            out.push_str([" ", "(", ", ", ") "][rng.below(4) as usize]);
        }
        if rng.below(8) == 0 {
            out.push_str(&format!("0x{:016x}{:016x}", rng.below(u64::MAX), rng.below(u64::MAX)));
        }
        out.push('\n');
    }
    out.truncate(size);
    out.into_bytes()
}

fn detection(c: &mut Criterion) {
    let detector = Detector::new(builtin::rules().expect("the built-in rules are valid"));
    let text = source_text(4 << 20);
    let mut group = c.benchmark_group("detect");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
    let mut hits = Vec::new();
    group.bench_function("prefilter", |b| {
        b.iter(|| {
            hits.clear();
            detector.prefilter(black_box(&text), 0..text.len(), &mut hits);
            hits.len()
        });
    });
    group.bench_function("whole scan", |b| b.iter(|| detector.scan(black_box(&text)).len()));
    group.finish();
}

fn start(c: &mut Criterion) {
    c.bench_function("start: all rules compiled", |b| {
        b.iter(|| Detector::new(builtin::rules().expect("the built-in rules are valid")));
    });
}

/// Counts the expanded bytes and looks at nothing.
#[derive(Default)]
struct Count(AtomicU64);

impl Visitor for Count {
    type State = ();
    type Scratch = ();

    fn scratch(&self) {}

    fn wants(&self, kind: ObjectKind) -> bool {
        kind != ObjectKind::Tree
    }

    fn visit(&self, (): &mut (), object: Object<'_, ()>) {
        self.0.fetch_add(object.bytes.len() as u64, Ordering::Relaxed);
    }

    fn finish(&self, (): ()) {}
}

/// A packed repository with 200 versions of one file.
fn repository(at: &Path) {
    let git = |args: &[&str]| {
        let status = Command::new("git")
            .arg("-C")
            .arg(at)
            .args(["-c", "user.name=bench", "-c", "user.email=bench@bench.invalid"])
            .args(args)
            .status()
            .expect("git can be run");
        assert!(status.success(), "git {args:?}");
    };
    git(&["init", "--quiet"]);
    let mut lines: Vec<Vec<u8>> = source_text(256 << 10).split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let mut rng = Rng(2);
    for version in 0..200 {
        let line = rng.below(lines.len() as u64) as usize;
        lines[line] = format!("    // changed in version {version}").into_bytes();
        std::fs::write(at.join("source"), lines.join(&b'\n')).expect("the temporary directory is writable");
        git(&["add", "source"]);
        git(&["commit", "--quiet", "--message", "next"]);
    }
    git(&["gc", "--quiet"]);
}

fn history(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    repository(directory.path());
    let store = directory.path().join(".git/objects");
    let walk = || {
        let count = Count::default();
        let losses = Objects::open(&store, gix::hash::Kind::Sha1).walk(&count, &Memory::new(64 << 20));
        assert!(losses.problems.is_empty(), "{:?}", losses.problems);
        count.0.into_inner()
    };
    let mut group = c.benchmark_group("history");
    group.throughput(Throughput::Bytes(walk())).sample_size(20);
    group.bench_function("walk a pack, expanded bytes", |b| b.iter(walk));
    group.finish();
}

criterion_group!(benches, detection, start, history);
criterion_main!(benches);
