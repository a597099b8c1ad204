//! What is damaged is named, and nothing else is lost with it: every other object is still scanned, exit code 2, no panic.

use std::fs;
use std::path::{Path, PathBuf};

use keyscan::structure::Rng;
use sha1::Digest;

use crate::util::{Json, Keyscan, Repo, github_token, line, overwrite, text, texts};

/// A repository in which each of three files holds a token, two of them in many versions, so that packs have deltas.
struct Victim {
    repo: Repo,
    tokens: Vec<String>,
    /// The newest version of each file.
    blobs: Vec<String>,
}

impl Victim {
    fn new(seed: u64) -> Self {
        let tokens: Vec<String> = (seed..seed + 3).map(github_token).collect();
        let repo = Repo::new();
        for version in 0..6 {
            for (n, token) in tokens.iter().enumerate() {
                let body: String = (0..60)
                    .map(|l| format!("file {n} line {l}: {}\n", if l % 6 <= version { l * 7919 } else { l }))
                    .collect();
                repo.write(format!("file{n}"), format!("{body}{}", line(token)));
            }
            repo.commit(&format!("version {version}"));
        }
        let blobs = (0..3).map(|n| repo.git(["rev-parse", &format!("HEAD:file{n}")])).collect();
        for n in 0..3 {
            repo.remove(&format!("file{n}"));
        }
        repo.commit("removed");
        Self { repo, tokens, blobs }
    }

    fn packed(seed: u64) -> Self {
        let victim = Self::new(seed);
        victim.repo.git(["repack", "-q", "-a", "-d", "-f"]);
        fs::remove_dir_all(victim.repo.path().join(".git/logs")).unwrap();
        victim
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.repo.git_files("objects/pack", extension).remove(0)
    }

    /// Where an object lies in the pack: offset, length, and the base if it is a delta.
    fn place(&self, id: &str) -> (usize, usize, Option<String>) {
        let listing = self.repo.git(["verify-pack", "-v", self.file("idx").to_str().unwrap()]);
        let row = listing.lines().find(|l| l.starts_with(id)).unwrap();
        let fields: Vec<&str> = row.split_whitespace().collect();
        (fields[4].parse().unwrap(), fields[3].parse().unwrap(), fields.get(6).map(|b| (*b).to_owned()))
    }

    /// A scan that is not complete, names these, and finds the tokens of these files.
    #[track_caller]
    fn damaged(&self, names: &[&str], found: &[usize]) -> Json {
        let out = self.repo.keyscan().args(["--format", "json"]).run().code(2).never_says("panicked");
        let json = out.json();
        assert_eq!(json.value["complete"], false);
        let problems = json.problems().join("\n");
        for name in names {
            assert!(problems.contains(name), "does not name {name}\n{}", json.story);
        }
        for n in found {
            assert!(json.has(&self.tokens[*n]), "file{n} was lost\n{}", json.story);
        }
        json
    }
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    overwrite(path, &bytes);
}

#[test]
fn the_pack_that_is_damaged_has_deltas() {
    let victim = Victim::packed(5000);
    let bases: Vec<_> = victim.blobs.iter().map(|b| victim.place(b).2).collect();
    let older = victim.repo.git(["rev-parse", "HEAD~3:file0"]);
    assert!(bases.iter().all(Option::is_none), "the newest version is the base: {bases:?}");
    assert!(victim.place(&older).2.is_some());
    victim.repo.json(1);
}

#[test]
fn a_byte_of_an_object_a_delta_or_a_base() {
    let victim = Victim::packed(5010);
    let older = victim.repo.git(["rev-parse", "HEAD~3:file0"]);
    let pack = victim.file("pack");
    let good = fs::read(&pack).unwrap();
    let places = [&victim.blobs[0], &older].map(|id| (id, victim.place(id)));
    for (id, (offset, len, _)) in &places {
        for at in [0, 1, *len / 2, *len - 1] {
            let mut bad = good.clone();
            bad[offset + at] ^= 0x10;
            overwrite(&pack, &bad);
            victim.damaged(&[id.as_str()], &[1, 2]);
        }
    }
    // What is made from a damaged base is named, too.
    let (offset, len) = (places[0].1.0, places[0].1.1);
    let mut bad = good.clone();
    bad[offset + len / 2] ^= 0xff;
    overwrite(&pack, &bad);
    victim.damaged(&[&victim.blobs[0], &older, "delta base"], &[1, 2]);
    // A blob that has become a tree in one bit is not passed over.
    let mut bad = good.clone();
    bad[offset] ^= 0x10;
    overwrite(&pack, &bad);
    victim.damaged(&[&victim.blobs[0]], &[1, 2]);
}

#[test]
fn a_pack_that_ends_too_early() {
    let victim = Victim::packed(5020);
    let mut order: Vec<(usize, usize)> = (0..3).map(|n| (victim.place(&victim.blobs[n]).0, n)).collect();
    order.sort_unstable();
    let pack = victim.file("pack");
    // In the middle of the last of the three.
    change(&pack, |bytes| bytes.truncate(order[2].0 + 24));
    victim.damaged(&[&victim.blobs[order[2].1]], &[order[0].1, order[1].1]);
    // The same without an index: what stands before is found, and how much is missing is told.
    fs::remove_file(victim.file("idx")).unwrap();
    victim.damaged(&["pack-", "no index", "cannot be read from byte"], &[order[0].1, order[1].1]);
}

#[test]
fn a_wrong_checksum_of_a_pack_is_no_loss() {
    // Each object has a sum of its own; the one over all of them says nothing more.
    let victim = Victim::packed(5030);
    change(&victim.file("pack"), |bytes| *bytes.last_mut().unwrap() ^= 1);
    let json = victim.repo.json(1);
    assert!(victim.tokens.iter().all(|token| json.has(token)));
}

#[test]
fn an_index_that_is_missing_damaged_or_of_another_pack() {
    let victim = Victim::packed(5040);
    let other = Victim::packed(5050);
    let index = victim.file("idx");
    let name = index.file_stem().unwrap().to_str().unwrap().to_owned();
    let good = fs::read(&index).unwrap();
    let foreign = fs::read(other.file("idx")).unwrap();
    let mut cases: Vec<(String, Vec<u8>)> = [0, 4, 1000, good.len() / 2, good.len() - 1]
        .into_iter()
        .map(|keep| (format!("{keep} bytes"), good[..keep].to_vec()))
        .collect();
    // In the header, the fan-out, the ids, the offsets and the sums.
    for at in [1, 600, 1040, good.len() - 60, good.len() - 30] {
        let mut bad = good.clone();
        bad[at] ^= 0x80;
        cases.push((format!("byte {at}"), bad));
    }
    cases.push(("of another pack".to_owned(), foreign));
    for (what, bytes) in cases {
        println!("{what}");
        overwrite(&index, &bytes);
        // The pack is sound, so everything in it is found.
        let json = victim.damaged(&[&name, "git index-pack"], &[0, 1, 2]);
        assert_eq!(json.count("blobs"), 18, "{what}\n{}", json.story);
        assert_eq!(text(&json.finding(&victim.tokens[0])["life"]["first"]["summary"]), "version 0", "{what}");
    }
    fs::remove_file(&index).unwrap();
    let json = victim.damaged(&[&name, "no index"], &[0, 1, 2]);
    assert_eq!(json.count("blobs"), 18, "{}", json.story);
    // Nothing is written into the repository for it.
    assert!(!index.exists());
}

#[test]
fn an_index_that_lists_less_than_its_pack() {
    let victim = Victim::packed(5060);
    let pack = victim.file("pack");
    let whole = fs::read(&pack).unwrap();
    let few = victim.repo.git_with_input(
        &["pack-objects", "-q", ".git/objects/pack/few"],
        &format!("{}\n", victim.repo.git(["rev-parse", "HEAD"])),
    );
    let few = victim.repo.path().join(format!(".git/objects/pack/few-{few}"));
    let index = fs::read(few.with_extension("idx")).unwrap();
    for extension in ["pack", "idx", "rev"] {
        let _ = fs::remove_file(few.with_extension(extension));
    }
    overwrite(&pack, &whole);
    overwrite(&victim.file("idx"), &index);
    victim.damaged(&["pack-", "lists 1 objects"], &[0, 1, 2]);
}

#[test]
fn a_pack_that_is_gone_and_one_that_is_no_pack() {
    let victim = Victim::packed(5070);
    let loose = github_token(5079);
    victim.repo.git_with_input(&["hash-object", "-w", "--stdin"], &line(&loose));
    let pack = victim.file("pack");
    let name = pack.file_name().unwrap().to_str().unwrap().to_owned();
    for content in [&b"garbage"[..], b"", b"PACK\0\0\0\x02\0\0\0\x01"] {
        overwrite(&pack, content);
        assert!(victim.damaged(&[&name], &[]).has(&loose));
    }
    fs::remove_file(&pack).unwrap();
    assert!(victim.damaged(&[&name], &[]).has(&loose));
}

#[test]
fn a_delta_whose_base_is_missing_and_deltas_in_a_circle() {
    let victim = Victim::packed(5080);
    let older = victim.repo.git(["rev-parse", "HEAD~3:file0"]);
    victim.repo.git(["-c", "pack.compression=0", "repack", "-q", "-a", "-d", "-f"]);
    // Deltas that name their base by its id.
    let ids = victim.repo.git(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    let args = ["-c", "repack.useDeltaBaseOffset=false", "pack-objects", "-q", ".git/objects/pack/ref"];
    victim.repo.git_with_input(&args, &format!("{ids}\n"));
    for path in victim.repo.git_files("objects/pack", "pack") {
        if path.file_name().unwrap().to_str().unwrap().starts_with("pack-") {
            for extension in ["pack", "idx", "rev"] {
                let _ = fs::remove_file(path.with_extension(extension));
            }
        }
    }
    victim.repo.json(1);
    let (offset, len, base) = victim.place(&older);
    let base = base.expect("a delta");
    let raw =
        |id: &str| -> Vec<u8> { (0..20).map(|n| u8::from_str_radix(&id[n * 2..n * 2 + 2], 16).unwrap()).collect() };
    let pack = victim.file("pack");
    let good = fs::read(&pack).unwrap();
    let at = good[offset..offset + len].windows(20).position(|w| w == raw(&base)).expect("its base by id") + offset;
    for id in ["1234567890123456789012345678901234567890", &older] {
        let mut bad = good.clone();
        bad[at..at + 20].copy_from_slice(&raw(id));
        overwrite(&pack, &bad);
        victim.damaged(&[&older], &[1, 2]);
        // Without the index, too.
        let index = victim.file("idx");
        let kept = fs::read(&index).unwrap();
        fs::remove_file(&index).unwrap();
        victim.damaged(&["made from others"], &[1, 2]);
        fs::write(&index, kept).unwrap();
    }
}

#[test]
fn a_copy_elsewhere_makes_good_what_is_damaged() {
    let victim = Victim::new(5090);
    // All objects both loose and packed.
    victim.repo.git(["repack", "-q", "-a", "-f"]);
    let (offset, len, _) = victim.place(&victim.blobs[0]);
    change(&victim.file("pack"), |bytes| bytes[offset + len / 2] ^= 0xff);
    let json = victim.damaged(&[&victim.blobs[0]], &[0, 1, 2]);
    assert_eq!(
        json.finding(&victim.tokens[0])["occurrences"].as_array().unwrap().len(),
        6,
        "each version once\n{}",
        json.story
    );
}

#[test]
fn loose_objects() {
    let victim = Victim::new(5100);
    let id = &victim.blobs[0];
    let path = victim.repo.loose(id);
    let good = fs::read(&path).unwrap();
    let other = fs::read(victim.repo.loose(&victim.blobs[1])).unwrap();
    let tree = fs::read(victim.repo.loose(&victim.repo.git(["rev-parse", "HEAD~1^{tree}"]))).unwrap();
    let deflate = |bytes: &[u8]| {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut out, bytes).unwrap();
        out.finish().unwrap()
    };
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 0x40;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("cut off", good[..good.len() / 2].to_vec()),
        ("a byte", flipped),
        ("not zlib", b"garbage".to_vec()),
        ("no header", deflate(b"text")),
        ("an unknown kind", deflate(b"glob 4\0text")),
        ("a wrong size", deflate(b"blob 5\0text")),
        ("a huge size", deflate(b"blob 99999999999999999999\0text")),
        ("another object", other),
        ("an object of another kind", tree),
        ("other content", deflate(b"blob 4\0text")),
    ];
    for (what, bytes) in &cases {
        println!("{what}");
        overwrite(&path, bytes);
        victim.damaged(&[id], &[0, 1, 2]);
    }
    // What is in the place of an object is scanned, too.
    let planted = github_token(5109);
    let content = line(&planted);
    overwrite(&path, &deflate(format!("blob {}\0{content}", content.len()).as_bytes()));
    assert!(victim.damaged(&[id], &[1, 2]).has(&planted));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    victim.damaged(&[id], &[1, 2]);
}

#[test]
fn refs() {
    let victim = Victim::new(5110);
    let repo = &victim.repo;
    repo.git(["branch", "kept", "HEAD~1"]);
    repo.git(["branch", "bad", "HEAD~1"]);
    let held = |json: &Json| texts(&json.finding(&victim.tokens[0])["life"]["branches"]);
    let bad = repo.path().join(".git/refs/heads/bad");
    for content in [&b"garbage"[..], b"", b"0000000000000000000000000000000000000000\n", &[0; 41]] {
        fs::write(&bad, content).unwrap();
        let json = victim.damaged(&["refs/heads/bad"], &[0, 1, 2]);
        assert_eq!(held(&json), ["kept"], "the others are read\n{}", json.story);
    }
    fs::write(&bad, "1234567890123456789012345678901234567890\n").unwrap();
    assert_eq!(held(&victim.damaged(&["refs/heads/bad", "in no object store"], &[0, 1, 2])), ["kept"]);
    fs::remove_file(&bad).unwrap();
    repo.git(["pack-refs", "--all"]);
    let packed = repo.path().join(".git/packed-refs");
    let good = fs::read_to_string(&packed).unwrap();
    for more in ["garbage\n", "123 refs/heads/x\n", "\0\0\0\0"] {
        fs::write(&packed, format!("{good}{more}")).unwrap();
        assert_eq!(held(&victim.damaged(&["packed-refs"], &[0, 1, 2])), ["kept"]);
    }
}

#[test]
fn the_index_of_the_working_tree() {
    let (tracked, plain) = (github_token(5120), github_token(5121));
    let repo = Repo::new();
    repo.write(".gitignore", "*.env\n");
    repo.write("a.env", "x\n");
    repo.git(["add", "--force", "a.env"]);
    repo.write("a", line(&plain));
    repo.commit("first");
    repo.write("a.env", line(&tracked));
    repo.json(1).finding(&tracked);
    let index = repo.path().join(".git/index");
    let good = fs::read(&index).unwrap();
    for keep in [0, 10, good.len() / 2] {
        overwrite(&index, &good[..keep]);
        let json = repo.json(2);
        json.finding(&plain);
        assert!(json.problems().iter().any(|p| p.contains(".git/index")), "{}", json.story);
        Keyscan::at(repo.path()).args([".", "--no-history"]).run().code(2).says(".git/index");
    }
}

#[test]
fn random_damage_never_passes_in_silence() {
    let rounds: u64 = std::env::var("KEYSCAN_DAMAGE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let seed: u64 = std::env::var("KEYSCAN_DAMAGE_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let victim = Victim::packed(5130);
    let late: Vec<String> = (5140..5143).map(github_token).collect();
    for token in &late {
        victim.repo.write("late", line(token));
        victim.repo.commit("late");
    }
    victim.repo.remove("late");
    victim.repo.git(["rm", "-q", "--cached", "late"]);
    victim.repo.commit_staged("gone");
    victim.repo.git(["tag", "v1"]);
    victim.repo.git(["pack-refs", "--all"]);
    victim.repo.git(["branch", "loose"]);
    fs::remove_dir_all(victim.repo.path().join(".git/logs")).unwrap();
    let tokens: Vec<&String> = victim.tokens.iter().chain(&late).collect();
    let mut files = Vec::new();
    for below in ["objects", "refs", "packed-refs", "HEAD", "config"] {
        list(&victim.repo.path().join(".git").join(below), &mut files);
    }
    files.sort();
    files.retain(|path| fs::metadata(path).unwrap().len() > 0);
    let mut rng = Rng::new(seed);
    let mut told = 0;
    for round in 0..rounds {
        let path = &files[rng.below(files.len())];
        let good = fs::read(path).unwrap();
        let mut bad = good.clone();
        let at = rng.below(bad.len());
        let what = match rng.below(4) {
            0 => {
                bad.truncate(at);
                "cut off"
            }
            1 => {
                bad[at] = rng.below(256) as u8;
                "a byte"
            }
            2 => {
                bad[at] ^= 1 << rng.below(8);
                "a bit"
            }
            _ => {
                let end = (at + 1 + rng.below(40)).min(bad.len());
                bad[at..end].fill(0);
                "zeros"
            }
        };
        let is = |extension: &str| path.extension().is_some_and(|e| e == extension);
        if is("idx") && bad.len() > 20 && rng.below(2) == 0 {
            // As somebody would write it who means harm: the sum over the index is right.
            let end = bad.len() - 20;
            let sum = sha1::Sha1::digest(&bad[..end]);
            bad[end..].copy_from_slice(&sum);
        }
        overwrite(path, &bad);
        let index = path.with_extension("idx");
        let kept = (is("pack") && rng.below(3) == 0).then(|| fs::read(&index).unwrap());
        if kept.is_some() {
            fs::remove_file(&index).unwrap();
        }
        let story = format!("seed {seed} round {round}: {what} at {at} of {}", path.display());
        let out = victim.repo.keyscan().args(["--format", "json"]).run();
        assert!(!out.text().contains("panicked"), "{story}\n{}", out.story());
        let code = out.status.code().unwrap_or_else(|| panic!("{story}\n{}", out.story()));
        let json = out.json();
        let lost = tokens.iter().filter(|token| !json.has(token)).count();
        assert!(lost == 0 || code == 2, "{story}: {lost} tokens lost with exit code {code}\n{}", json.story);
        told += u64::from(code == 2);
        overwrite(path, &good);
        if let Some(kept) = kept {
            fs::write(&index, kept).unwrap();
        }
    }
    assert!(told * 2 > rounds, "only {told} of {rounds} were told");
    victim.repo.json(1);
}

fn list(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        return files.push(path.to_owned());
    }
    for entry in fs::read_dir(path).unwrap() {
        list(&entry.unwrap().path(), files);
    }
}
