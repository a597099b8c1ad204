//! Tests: the worst texts cost time linear in their length. What is counted is work, not time: the bytes that evaluations
//! depended on, and the hits.

use crate::detect::Detector;
use crate::detect::context::WordCache;
use crate::rules::{builtin, mint};
use crate::structure::Rng;

/// Texts of about so many bytes, by name.
fn texts(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let mut rng = Rng::new(3);
    let set = builtin::rules().expect("the built-in rules are valid");
    let key = set.index_of("aws-access-key-id").expect("a rule of that id");
    let mut keys = Vec::new();
    while keys.len() < size {
        keys.extend(mint::mint(&set.rules()[key], &mut rng).unwrap_or_default());
        keys.push(b' ');
    }
    let mut lines = Vec::new();
    while lines.len() < size {
        lines.extend(format!("token = {}\n", rng.text(b"ABCDEFGHabcdefgh0123456789", 40)).into_bytes());
    }
    let hash = rng.text(b"0123456789abcdef", 40);
    let cycle = |text: &str| text.bytes().cycle().take(size).collect::<Vec<u8>>();
    vec![
        ("hex digits", rng.text(b"0123456789abcdef", size).into_bytes()),
        ("base64", rng.text(b"ABCDEFGHabcdefgh0123456789+/", size).into_bytes()),
        ("base64 with signs", rng.text(b"aB3./=-_+", size).into_bytes()),
        ("keys on one line", keys),
        ("PEM headers without an end", cycle(concat!("-----BEGIN RSA ", "PRIVATE KEY-----\n"))),
        ("PEM headers on one line", cycle(concat!("-----BEGIN ", "PRIVATE KEY-----"))),
        ("passwords without a value", cycle("password=")),
        ("brackets", cycle("[{(")),
        ("JSON Web Tokens of dots", cycle(concat!("eyJ", "hbGciOiJIUzI1NiJ9."))),
        ("tokens in lines", lines),
        ("hashes", cycle(&format!("commit: {hash}, "))),
        ("hashes without names", cycle(&format!("{hash} "))),
        ("addresses", cycle("https://a:b@")),
        ("names and values", cycle(&format!("datadog key token secret {} ", rng.text(b"0123456789abcdef", 32)))),
    ]
}

/// Hits, and bytes that their evaluations depended on.
fn work(detector: &Detector, hay: &[u8]) -> (usize, usize) {
    let (mut hits, mut found, mut words) = (Vec::new(), Vec::new(), WordCache::default());
    detector.prefilter(hay, 0..hay.len(), &mut hits);
    let mut read = 0;
    for hit in &hits {
        let bytes = detector.evaluate(hay, *hit, &mut words, &mut found);
        read += (bytes.end - bytes.start) as usize;
        assert!(words.count() < 1024, "words of the text far behind are remembered");
    }
    (hits.len(), read)
}

#[test]
fn work_grows_with_the_length() {
    let detector = Detector::new(builtin::rules().expect("the built-in rules are valid"));
    for ((name, short), (_, long)) in texts(1 << 17).iter().zip(&texts(1 << 19)) {
        let (few, little) = work(&detector, short);
        let (many, much) = work(&detector, long);
        // Four times as long; one more for what is not seen to its end at the edges.
        let growth = long.len() / short.len() + 2;
        assert!(many <= growth * (few + 10), "{name}: {few} hits became {many}");
        assert!(much <= growth * (little + 200_000), "{name}: {little} bytes read became {much}");
    }
}
