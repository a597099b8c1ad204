//! The hot loop on given files, with nothing around it: for `perf`, for callgrind and for a first look at throughput.
//!
//!     cargo bench --bench hot -- [-n RUNS] FILE...
//!
//! For each file and stage it prints bytes per second of processor time (the best of RUNS runs; default 5) and what was
//! found. See `benches/README.md`.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use keyscan::detect::Detector;
use keyscan::detect::incremental::{Scratch, scan_whole};
use keyscan::detect::prefilter::What;
use keyscan::rules::builtin;

fn main() {
    let mut runs = 5;
    let mut stages = ["prefilter", "scan"].as_slice();
    let mut files = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-n" => runs = args.next().and_then(|n| n.parse().ok()).expect("-n takes a number"),
            "--prefilter" => stages = &["prefilter"],
            "--scan" => stages = &["scan"],
            // What cargo adds.
            "--bench" => {}
            _ => files.push(arg),
        }
    }
    let detector = Detector::new(builtin::rules().expect("the built-in rules are valid"));
    for file in files {
        let text = std::fs::read(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
        for &stage in stages {
            let run = if stage == "prefilter" { prefilter } else { scan };
            let (mut best, mut found) = (Duration::MAX, String::new());
            for _ in 0..runs {
                let start = spent();
                found = run(&detector, black_box(&text));
                best = best.min(spent().saturating_sub(start));
            }
            let speed = text.len() as f64 / best.as_secs_f64() / 1e9;
            println!("{speed:6.3} GB/s  {stage:<9}  {file}: {found}");
        }
    }
}

/// Processor time so far, which other programs disturb less than time on the wall; that where the system does not say.
fn spent() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let ran = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = ran.as_deref().and_then(|text| text.split(' ').next()).and_then(|n| n.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

fn prefilter(detector: &Detector, text: &[u8]) -> String {
    let mut hits = Vec::new();
    detector.prefilter(text, 0..text.len(), &mut hits);
    let values = hits.iter().filter(|h| matches!(h.what, What::Value(_))).count();
    format!("{} hits at literals, {values} values", hits.len() - values)
}

fn scan(detector: &Detector, text: &[u8]) -> String {
    let memo = scan_whole(detector, text, &mut Scratch::default());
    format!("{} matches", memo.matches().len())
}
