//! What is damaged is named, and nothing else is lost with it: every other object is still scanned, exit code 2, no panic.

use std::collections::{BTreeMap, BTreeSet};
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
    // Nothing is lost, and the owner is told all the same.
    let json = victim.repo.json(1);
    assert_eq!(json.value["complete"], true, "{}", json.story);
    assert!(texts(&json.value["receipt"]["notes"]).iter().any(|n| n.contains("1 object is damaged in pack-")));
    assert_eq!(json.count("blobs"), 18, "{}", json.story);
    for token in &victim.tokens {
        let finding = json.finding(token);
        assert_eq!(finding["occurrences"].as_array().unwrap().len(), 6, "each version once\n{}", json.story);
        assert_eq!(text(&finding["life"]["first"]["summary"]), "version 0", "{}", json.story);
    }
}

#[test]
fn an_index_of_the_first_version_that_has_no_sums_of_objects() {
    let victim = Victim::packed(5270);
    victim.repo.git(["-c", "pack.indexVersion=1", "repack", "-q", "-a", "-d", "-f"]);
    let index = fs::read(victim.file("idx")).unwrap();
    assert_ne!(index[..4], *b"\xfftOc");
    victim.repo.json(1);
    let places = [0, 1, 2].map(|n| victim.place(&victim.blobs[n]));
    let pack = victim.file("pack");
    let good = fs::read(&pack).unwrap();
    for (n, (offset, len, _)) in places.iter().enumerate() {
        let others: Vec<usize> = (0..3).filter(|other| *other != n).collect();
        // A blob that has become a tree; a stream that is damaged.
        for (at, bit) in [(0, 0x10), (len / 2, 0xff)] {
            let mut bad = good.clone();
            bad[offset + at] ^= bit;
            overwrite(&pack, &bad);
            victim.damaged(&[&victim.blobs[n]], &others);
        }
    }
}

/// Another store with an object of a repository, as a loose one: the store, and the path of the object.
fn other_store(repo: &Repo, id: &str) -> (PathBuf, PathBuf) {
    let other = repo.beside("other");
    repo.git(["init", "-q", "--bare", other.to_str().unwrap()]);
    fs::write(other.join("blob"), repo.try_git(repo.path(), &["cat-file", "blob", id]).stdout).unwrap();
    assert_eq!(repo.git_in(&other, ["hash-object", "-w", "blob"]), id);
    let loose = other.join("objects").join(&id[..2]).join(&id[2..]);
    (other.join("objects"), loose)
}

#[test]
fn a_damaged_base_that_is_whole_elsewhere_loses_none_of_what_is_made_from_it() {
    fn loose(repo: &Repo, id: &str, content: &[u8]) {
        fs::create_dir_all(repo.loose(id).parent().unwrap()).unwrap();
        fs::write(repo.loose(id), content).unwrap();
    }
    fn borrow(repo: &Repo, store: &Path) {
        fs::write(repo.path().join(".git/objects/info/alternates"), format!("{}\n", store.display())).unwrap();
    }
    type Put = fn(&Repo, &str);
    let elsewhere: [(&str, Put); 4] = [
        ("a loose object", |repo, id| loose(repo, id, &fs::read(other_store(repo, id).1).unwrap())),
        ("another pack", |repo, id| {
            repo.git_with_input(&["pack-objects", "-q", ".git/objects/pack/pack"], &format!("{id}\n"));
        }),
        ("a store that it borrows from", |repo, id| borrow(repo, &other_store(repo, id).0)),
        ("a damaged loose object, and a good one in another store", |repo, id| {
            borrow(repo, &other_store(repo, id).0);
            loose(repo, id, b"garbage");
        }),
    ];
    for (n, (what, put)) in elsewhere.into_iter().enumerate() {
        println!("{what}");
        let victim = Victim::packed(5200 + 10 * n as u64);
        let id = &victim.blobs[0];
        let (offset, len, _) = victim.place(id);
        let pack = victim.file("pack");
        put(&victim.repo, id);
        change(&pack, |bytes| bytes[offset + len / 2] ^= 0xff);
        let json = victim.repo.json(1);
        let places = json.finding(&victim.tokens[0])["occurrences"].as_array().unwrap();
        assert_eq!(places.len(), 6, "{what}\n{}", json.story);
        assert_eq!(json.count("blobs"), 18, "{what}\n{}", json.story);
        // A range reads it from there, too, and what is made from it; it added no secret.
        let range = victim.repo.keyscan().args(["--since", "HEAD~3"]).json(0);
        assert_eq!(range.value["complete"], true, "{what}\n{}", range.story);
        // With a wrong index on top of it, too: the copies are found, and the index is told.
        change(&pack.with_extension("idx"), |bytes| *bytes.last_mut().unwrap() ^= 1);
        let json = victim.damaged(&["index of the pack is damaged"], &[0, 1, 2]);
        assert_eq!(json.count("blobs"), 18, "{what}\n{}", json.story);
    }
}

#[test]
fn two_packs_that_are_damaged_in_different_places_make_each_other_good() {
    let victim = Victim::packed(5260);
    let first = victim.file("pack");
    let ids = victim.repo.git(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    // The same objects with short chains, so that the deltas are others.
    let args = ["pack-objects", "-q", "--no-reuse-delta", "--depth=1", ".git/objects/pack/pack"];
    victim.repo.git_with_input(&args, &format!("{ids}\n"));
    let packs = victim.repo.git_files("objects/pack", "pack");
    let second = packs.iter().find(|p| **p != first).expect("a second pack").clone();
    let place = |pack: &Path, id: &str| -> (usize, usize) {
        let listing = victim.repo.git(["verify-pack", "-v", pack.with_extension("idx").to_str().unwrap()]);
        let row: Vec<&str> = listing.lines().find(|l| l.starts_with(id)).unwrap().split_whitespace().collect();
        (row[4].parse().unwrap(), row[3].parse().unwrap())
    };
    let breaking = [(&first, &victim.blobs[0]), (&second, &victim.blobs[1]), (&second, &victim.blobs[2])];
    let last = (&first, place(&first, &victim.blobs[2]));
    let breaking = breaking.map(|(pack, id)| (pack, place(pack, id)));
    for (pack, (offset, len)) in breaking {
        change(pack, |bytes| bytes[offset + len / 2] ^= 0xff);
    }
    let json = victim.repo.json(1);
    assert_eq!(json.count("blobs"), 18, "{}", json.story);
    assert!(victim.tokens.iter().all(|token| json.finding(token)["occurrences"].as_array().unwrap().len() == 6));
    // The third of them in both: now it is lost, and so is what both packs make from it.
    let (pack, (offset, len)) = last;
    change(pack, |bytes| bytes[offset + len / 2] ^= 0xff);
    let json = victim.damaged(&[&victim.blobs[2]], &[0, 1]);
    assert_eq!(json.problems().iter().filter(|p| p.contains(victim.blobs[2].as_str())).count(), 1, "{}", json.story);
}

/// The objects of these that git can still read, and that are what their id says.
fn readable(repo: &Repo, ids: &[String]) -> BTreeSet<String> {
    let can = |id: &&String| {
        let kind = repo.try_git(repo.path(), &["cat-file", "-t", id]);
        let kind = String::from_utf8_lossy(&kind.stdout).trim().to_owned();
        let content = repo.try_git(repo.path(), &["cat-file", &kind, id]);
        let mut whole = format!("{kind} {}\0", content.stdout.len()).into_bytes();
        whole.extend(&content.stdout);
        content.status.success()
            && sha1::Sha1::digest(&whole).iter().map(|b| format!("{b:02x}")).collect::<String>() == **id
    };
    ids.iter().filter(can).cloned().collect()
}

#[test]
fn never_less_than_git_can_read() {
    let rounds: u64 = std::env::var("KEYSCAN_DAMAGE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let seed: u64 = std::env::var("KEYSCAN_DAMAGE_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    // Every version of a file and every message has a token of its own.
    let repo = Repo::new();
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    let text: String = (0..80).map(|l| format!("line {l}: {}\n", l * 7919)).collect();
    for version in 0..8 {
        for file in 0..2 {
            let token = github_token(5300 + 10 * version + file);
            repo.write(format!("file{file}"), format!("{file}\n{text}{version}\n{}", line(&token)));
            repo.git(["add", "--all"]);
            held.insert(repo.git(["rev-parse", &format!(":file{file}")]), token);
        }
        let token = github_token(5300 + 10 * version + 9);
        held.insert(repo.commit_staged(&token), token);
    }
    repo.git(["rm", "-q", "-r", "--cached", "."]);
    repo.remove("file0");
    repo.remove("file1");
    repo.commit_staged("gone");
    // Some are in a second pack, with other deltas, and some loose.
    let ids = repo.git(["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    let ids: Vec<String> = ids.lines().map(str::to_owned).collect();
    let some = |from: usize| ids.iter().skip(from).step_by(3).map(|id| format!("{id}\n")).collect::<String>();
    repo.git(["repack", "-q", "-a", "-f"]);
    repo.git_with_input(&["pack-objects", "-q", "--no-reuse-delta", "--depth=2", ".git/objects/pack/pack"], &some(0));
    for id in ids.iter().enumerate().filter(|(at, _)| at % 3 != 1).map(|(_, id)| id) {
        fs::remove_file(repo.loose(id)).unwrap();
    }
    fs::remove_dir_all(repo.path().join(".git/logs")).unwrap();
    let mut files = Vec::new();
    list(&repo.path().join(".git/objects"), &mut files);
    files.sort();
    files.retain(|f| f.extension().is_none_or(|e| e == "pack" || e == "idx"));
    let packs: Vec<PathBuf> = files.iter().filter(|f| f.extension().is_some_and(|e| e == "pack")).cloned().collect();
    let mut rng = Rng::new(seed);
    let mut fewer = 0;
    for round in 0..rounds {
        let mut kept = BTreeMap::new();
        for _ in 0..1 + rng.below(3) {
            let path = if rng.below(3) > 0 { &packs[rng.below(packs.len())] } else { &files[rng.below(files.len())] };
            let mut bytes = fs::read(path).unwrap();
            kept.entry(path).or_insert_with(|| bytes.clone());
            let at = rng.below(bytes.len());
            if rng.below(8) == 0 {
                bytes.truncate(at.max(1));
            } else {
                let end = (at + 1 + rng.below(3)).min(bytes.len());
                bytes[at..end].iter_mut().for_each(|b| *b ^= 1 + rng.below(255) as u8);
            }
            overwrite(path, &bytes);
        }
        let names: Vec<String> = kept.keys().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
        let story = format!("seed {seed} round {round}: damaged {names:?}");
        let can = readable(&repo, &ids);
        let out = repo.keyscan().args(["--format", "json"]).run();
        assert!(!out.text().contains("panicked"), "{story}\n{}", out.story());
        let code = out.status.code();
        let json = out.json();
        let problems = json.problems();
        for (id, token) in &held {
            let named = problems.iter().filter(|p| p.contains(&format!("object {id}"))).count();
            let found = json.has(token);
            assert!(found || !can.contains(id), "{story}: git can read {id}\n{}", json.story);
            assert!(found || code == Some(2), "{story}: {id} is lost in silence\n{}", json.story);
            assert!(named <= 1, "{story}: {id} is named {named} times\n{}", json.story);
            assert!(named == 0 || !can.contains(id), "{story}: git can read {id}, which is named\n{}", json.story);
        }
        assert!(code == Some(2) || problems.is_empty(), "{story}\n{}", json.story);
        fewer += usize::from(can.len() < ids.len());
        for (path, good) in kept {
            overwrite(path, &good);
        }
    }
    assert!(fewer * 4 > rounds as usize, "git lost something in {fewer} of {rounds} rounds only");
    repo.json(1);
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
