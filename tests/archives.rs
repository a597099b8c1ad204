//! Archives and documents: what is found in them, under which path, and what is told when they cannot be read.

use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::Value;
use sha2::Digest as _;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::util::{Json, Keyscan, Repo, github_token, kinds, line, mint, scan_file, text, texts, write};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut out = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(3)).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn zip_with(method: CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        out.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        out.write_all(content).unwrap();
    }
    out.finish().unwrap().into_inner()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(CompressionMethod::Deflated, members)
}

/// A zip with one member, compressed with LZMA as zip has it: a version, the size of the properties, and these.
fn zip_lzma(name: &str, content: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(3);
    let mut encoder = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, Some(content.len() as u64)).unwrap();
    encoder.write_all(content).unwrap();
    let stream = encoder.finish().unwrap();
    // A file of its own has the length behind the properties.
    let packed = [&[9, 20, 5, 0], &stream[..5], &stream[13..]].concat();
    let sizes = [crc32fast::hash(content), packed.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat();
    let about = [&[63, 0, 0, 0, 14, 0, 0, 0, 0, 0][..], &sizes, &(name.len() as u16).to_le_bytes(), &[0, 0]].concat();
    let local = [b"PK\x03\x04", &about[..], name.as_bytes(), &packed].concat();
    let entry = [b"PK\x01\x02\x3f\0", &about[..], &[0; 14], name.as_bytes()].concat();
    let end = [entry.len() as u32, local.len() as u32].map(u32::to_le_bytes).concat();
    [&local[..], &entry, b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &end, &[0, 0]].concat()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // The crate refuses names that lead out; archives in the wild do not.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        out.append(&header, *content).unwrap();
    }
    out.into_inner().unwrap()
}

fn sevenz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = sevenz_rust2::ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    for (name, content) in members {
        out.push_archive_entry(sevenz_rust2::ArchiveEntry::new_file(name), Some(*content)).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// A text that compresses, with a token in it.
fn config(token: &str) -> Vec<u8> {
    format!("# a configuration\n{}token: {token}\n", "option: value\n".repeat(40)).into_bytes()
}

/// A 7z with one member, whose content is this LZMA2 stream.
fn sevenz_of(stream: &[u8], size: u16) -> Vec<u8> {
    let of_stream = [&[0x01, 0x04, 0x06, 0x00, 0x01, 0x09, u8::try_from(stream.len()).unwrap(), 0x00][..]];
    let [low, high] = size.to_le_bytes();
    // One folder with LZMA2 and a dictionary of 16 MiB; `80 + high` begins a number of two bytes.
    let folder = [0x07, 0x0b, 0x01, 0x00, 0x01, 0x21, 0x21, 0x01, 0x18, 0x0c, 0x80 + high, low, 0x00, 0x08, 0x00, 0x00];
    let files = [0x05, 0x01, 0x11, 0x05, 0x00, b'x', 0x00, 0x00, 0x00, 0x00, 0x00];
    let header = [of_stream[0], &folder, &files].concat();
    let mut start = (stream.len() as u64).to_le_bytes().to_vec();
    start.extend((header.len() as u64).to_le_bytes());
    start.extend(crc32fast::hash(&header).to_le_bytes());
    let magic = [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, 0x00, 0x04];
    [&magic, &crc32fast::hash(&start).to_le_bytes()[..], &start, stream, &header].concat()
}

/// A decoder that failed and is asked again goes on for ever.
#[test]
fn a_7z_whose_stream_breaks_ends() {
    // A chunk as it is, and one that is compressed in a way that there is not.
    let mut stream = vec![0x01, 0, 99];
    stream.extend([b'x'; 100]);
    let whole = [&stream[..], &[0x00]].concat();
    assert_eq!(scan_file("a.7z", sevenz_of(&whole, 100), 0).count("files"), 1);
    stream.extend([0xe0, 0, 0xff, 0, 0x10, 0xff]);
    stream.extend([0; 17]);
    let report = scan_file("a.7z", sevenz_of(&stream, 356), 2);
    assert!(report.problems()[0].contains("damaged"), "{}", report.story);
}

/// The only place of a secret: its member and the formats that were opened.
#[track_caller]
fn place(report: &Json, secret: &str) -> (String, Vec<String>) {
    let occurrences = report.finding(secret)["occurrences"].as_array().unwrap();
    assert_eq!(occurrences.len(), 1, "{}", report.story);
    (text(&occurrences[0]["member"]["path"]), texts(&occurrences[0]["via"]))
}

#[test]
fn every_format() {
    let token = github_token(61);
    let content = config(&token);
    let one: &[(&str, &[u8])] = &[("a/readme.txt", b"nothing"), ("BOOT-INF/classes/application.yml", &content)];
    let member = "BOOT-INF/classes/application.yml";
    let cases: Vec<(&str, Vec<u8>, &str, Vec<&str>)> = vec![
        ("app.jar", zip(one), member, vec!["zip"]),
        ("stored.zip", zip_with(CompressionMethod::Stored, one), member, vec!["zip"]),
        ("bzip2.zip", zip_with(CompressionMethod::Bzip2, one), member, vec!["zip"]),
        ("a.tar", tar(one), member, vec!["tar"]),
        ("a.tar.gz", gzip(&tar(one)), member, vec!["gzip", "tar"]),
        ("a.tar.bz2", bzip2(&tar(one)), member, vec!["bzip2", "tar"]),
        ("a.tar.xz", xz(&tar(one)), member, vec!["xz", "tar"]),
        ("a.tar.zst", zstd(&tar(one)), member, vec!["zstd", "tar"]),
        ("dump.sql.gz", gzip(&content), "", vec!["gzip"]),
        ("log.xz", xz(&content), "", vec!["xz"]),
        ("a.7z", sevenz(one), member, vec!["7z"]),
    ];
    for (name, bytes, member, via) in cases {
        let report = scan_file(name, &bytes, 1);
        let (found, through) = place(&report, &token);
        assert_eq!((found.as_str(), through), (member, via.iter().map(|s| (*s).to_owned()).collect()), "{name}");
        assert_eq!(report.finding(&token)["occurrences"][0]["position"]["line"], 42, "{name}");
    }
}

#[test]
fn office_documents_and_wheels() {
    let token = github_token(62);
    let xml = format!("<w:document><w:t>the token is {token}</w:t></w:document>");
    let report = scan_file("letter.docx", zip(&[("word/document.xml", xml.as_bytes())]), 1);
    assert_eq!(place(&report, &token).0, "word/document.xml");
    // Word splits text where the spelling was checked.
    let wheel = zip(&[("pkg/__init__.py", line(&token).as_bytes()), ("pkg/data.bin", &[0, 1, 2, 3])]);
    let report = scan_file("pkg-1.0-py3-none-any.whl", wheel, 1);
    assert_eq!(place(&report, &token).0, "pkg/__init__.py");
}

/// What was typed in two goes stands in two runs.
#[test]
fn words_that_an_editor_cut_in_pieces() {
    let token = github_token(31);
    let (start, end) = token.split_at(17);
    let run = |text: &str| format!("<w:r><w:rPr><w:lang/></w:rPr><w:t xml:space=\"preserve\">{text}</w:t></w:r>");
    let xml = format!("<w:body><w:p>{}{}</w:p></w:body>", run(&format!("token: {start}")), run(end));
    let repo = Repo::new();
    repo.write("a.docx", zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", xml.as_bytes())]));
    let report = repo.keyscan().arg("--no-history").json(1);
    assert_eq!(place(&report, &token).0, "word/document.xml!text");
}

#[test]
fn layers_of_a_container_image() {
    let (saved, laid_out) = (github_token(63), github_token(64));
    let layer = |token: &str| tar(&[("srv/app.jar", &zip(&[("config.yml", &config(token))]))]);
    // `docker save`, and an OCI layout, whose layers have no extension.
    let archive = tar(&[("manifest.json", b"[]"), ("0a1b/layer.tar", &layer(&saved))]);
    let report = scan_file("image.tar", archive, 1);
    assert_eq!(place(&report, &saved).0, "0a1b/layer.tar!srv/app.jar!config.yml");
    assert_eq!(place(&report, &saved).1, ["tar", "tar", "zip"]);
    let blob = format!("blobs/sha256/{}", "0".repeat(64));
    let report = scan_file("oci.tar", tar(&[(&blob, &gzip(&layer(&laid_out)))]), 1);
    assert_eq!(place(&report, &laid_out).0, format!("{blob}!srv/app.jar!config.yml"));
    assert_eq!(place(&report, &laid_out).1, ["tar", "gzip", "tar", "zip"]);
}

/// A blob of an OCI layout: its path and content.
fn blob(content: Vec<u8>) -> (String, Vec<u8>) {
    let digest: String = sha2::Sha256::digest(&content).iter().map(|b| format!("{b:02x}")).collect();
    (format!("blobs/sha256/{digest}"), content)
}

#[test]
fn an_oci_layout_in_which_a_later_layer_deletes_the_secret() {
    let [deleted, squeezed, plain, variable] = [65, 66, 67, 68].map(github_token);
    // Some tools end a layer right behind the content of its last member, without the rest of the block.
    let cut = |token: &str| {
        let content = config(token);
        let mut layer = tar(&[("etc/app/config.yml", &content)]);
        layer.truncate(512 + content.len());
        layer
    };
    let layers = [
        blob(gzip(&cut(&deleted))),
        blob(gzip(&tar(&[("etc/app/.wh.config.yml", b""), ("srv/.wh..wh..opq", b"")]))),
        blob(zstd(&tar(&[("srv/settings.yml", &config(&squeezed))]))),
        blob(tar(&[("srv/more.yml", &config(&plain))])),
    ];
    let image = blob(format!("{{\"config\":{{\"Env\":[\"API={variable}\"]}},\"rootfs\":{{}}}}").into_bytes());
    let digest = |(path, _): &(String, Vec<u8>)| format!("sha256:{}", path.rsplit('/').next().unwrap());
    let listed: Vec<String> = layers.iter().map(|l| format!("{{\"digest\":\"{}\"}}", digest(l))).collect();
    let manifest =
        blob(format!("{{\"config\":\"{}\",\"layers\":[{}]}}", digest(&image), listed.join(",")).into_bytes());
    let inner = blob(format!("{{\"manifests\":[{{\"digest\":\"{}\"}}]}}", digest(&manifest)).into_bytes());
    let index = format!("{{\"manifests\":[{{\"digest\":\"{}\"}}]}}", digest(&inner));
    let repo = Repo::new();
    repo.write("oci/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    repo.write("oci/index.json", index);
    for (path, content) in layers.iter().chain([&image, &manifest, &inner]) {
        repo.write(format!("oci/{path}"), content);
    }
    let report = repo.keyscan().arg("--no-history").json(1);
    assert_eq!(report.value["complete"], true, "{}", report.story);
    let found = |secret: &str| {
        let occurrence = &report.finding(secret)["occurrences"][0];
        (text(&occurrence["paths"][0]["path"]), place(&report, secret))
    };
    for (layer, secret, member, via) in [
        (0, &deleted, "etc/app/config.yml", ["gzip", "tar"].as_slice()),
        (2, &squeezed, "srv/settings.yml", &["zstd", "tar"]),
        (3, &plain, "srv/more.yml", &["tar"]),
    ] {
        let (path, (inside, chain)) = found(secret);
        assert_eq!((path, inside.as_str()), (format!("oci/{}", layers[layer].0), member));
        assert_eq!(chain, via);
    }
    assert_eq!(text(&report.finding(&variable)["occurrences"][0]["paths"][0]["path"]), format!("oci/{}", image.0));
    // The same as one file, as other tools save it: layers by their digest, and links with the names of old.
    let saved = tar(&[("0123.tar", &cut(&deleted)), ("manifest.json", b"[{\"Layers\":[\"0123.tar\"]}]")]);
    let report = scan_file("saved.tar", saved, 1);
    assert_eq!(place(&report, &deleted).0, "0123.tar!etc/app/config.yml");
    // What lacks a part of its content is damaged all the same.
    let mut short = cut(&deleted);
    short.truncate(short.len() - 1);
    let report = scan_file("short.tar", short, 2);
    assert!(report.problems()[0].contains("the archive is damaged"), "{}", report.story);
    assert!(report.has(&deleted), "{}", report.story);
}

#[test]
fn a_zip_with_lzma() {
    let token = github_token(69);
    let content = [config(&token), b"more text\n".repeat(2000)].concat();
    let good = zip_lzma("settings/config.yml", &content);
    let report = scan_file("a.zip", &good, 1);
    assert_eq!(place(&report, &token), ("settings/config.yml".to_owned(), vec!["zip".to_owned()]));
    let mut bad = good.clone();
    let at = good.len() - 150;
    bad[at..at + 8].fill(0xff);
    let report = scan_file("a.zip", bad, 2);
    assert!(report.problems()[0].contains("settings/config.yml"), "{}", report.story);
    // A window of 4 GiB is not made room for.
    let mut huge = good;
    let window = 30 + "settings/config.yml".len() + 5;
    huge[window..window + 4].fill(0xff);
    let report = scan_file("a.zip", huge, 2);
    assert!(report.problems()[0].contains("more memory"), "{}", report.story);
}

#[test]
fn the_same_archive_in_tree_and_history_is_one_finding() {
    let token = github_token(65);
    let repo = Repo::new();
    let archive = zip(&[("a.env", &config(&token))]);
    repo.write("lib/app.jar", &archive);
    repo.commit("a library");
    let report = repo.json(1);
    assert_eq!(report.findings().len(), 1);
    assert_eq!(kinds(report.finding(&token)), ["file", "blob"]);
    // Another version, packed as a delta of the first.
    let other = github_token(66);
    let archive = zip(&[("a.env", &config(&token)), ("b.env", &config(&other))]);
    repo.write("lib/app.jar", &archive);
    repo.commit("more");
    repo.remove("lib/app.jar");
    repo.commit("gone");
    repo.git(["gc", "--quiet"]);
    let report = repo.json(1);
    assert_eq!(kinds(report.finding(&token)), ["blob", "blob"]);
    assert_eq!(text(&report.finding(&other)["occurrences"][0]["member"]["path"]), "b.env");
    assert_eq!(report.value, repo.keyscan().arg("--plain").json(1).value);
    for format in ["text", "jsonl", "sarif"] {
        repo.keyscan().args(["--format", format]).run().code(1).says("a.env").never_says(&token[8..]);
    }
    repo.keyscan().run().says("lib/app.jar!a.env:42:8");
}

#[test]
fn what_is_encoded_in_an_archive() {
    let token = github_token(67);
    let encoded = data_encoding::BASE64.encode(&config(&token));
    let report = scan_file("a.zip", zip(&[("secret.yaml", encoded.as_bytes())]), 1);
    assert_eq!(place(&report, &token), ("secret.yaml".to_owned(), vec!["zip".to_owned(), "base64".to_owned()]));
}

#[test]
fn appended_text_is_found_once() {
    let (inside, behind) = (github_token(68), github_token(69));
    let mut bytes = zip_with(CompressionMethod::Stored, &[("a.txt", line(&inside).as_bytes())]);
    bytes.extend(line(&behind).as_bytes());
    let report = scan_file("a.zip", bytes, 1);
    assert_eq!(place(&report, &inside).0, "a.txt");
    assert_eq!(place(&report, &behind), (String::new(), Vec::new()));
}

#[test]
fn switched_off() {
    let token = github_token(70);
    let room = TempDir::new().unwrap();
    write(room.path(), "a.zip", zip(&[("a.txt", &config(&token))]));
    Keyscan::at(room.path()).args([".", "--no-archives"]).json(0);
    assert!(Keyscan::at(room.path()).arg(".").json(1).has(&token));
}

#[test]
fn nesting_is_limited_and_told() {
    let token = github_token(71);
    let mut bytes = config(&token);
    for _ in 0..10 {
        bytes = gzip(&bytes);
    }
    let room = TempDir::new().unwrap();
    write(room.path(), "deep.gz", &bytes);
    let report = Keyscan::at(room.path()).arg(".").json(2);
    assert!(!report.has(&token));
    assert!(
        report.problems()[0].contains("deep.gz: archives in it are nested deeper than 8 layers"),
        "{}",
        report.story
    );
    assert!(report.problems()[0].contains("--max-archive-depth"));
    assert!(Keyscan::at(room.path()).args([".", "--max-archive-depth", "10"]).json(1).has(&token));
    Keyscan::at(room.path()).args([".", "--allow-incomplete"]).json(0);
}

#[test]
fn bombs_are_cut_off_and_told() {
    let token = github_token(72);
    // What stands before the limit is scanned.
    let mut content = config(&token);
    content.resize(300 << 20, b'a');
    let report = scan_file("bomb.gz", gzip(&content), 2);
    assert!(report.has(&token));
    assert!(report.problems()[0].starts_with("bomb.gz: it decompresses to more than "), "{}", report.story);
    let room = TempDir::new().unwrap();
    write(room.path(), "a.gz", gzip(&content[..3 << 20]));
    Keyscan::at(room.path()).arg(".").json(1);
    let report = Keyscan::at(room.path()).args([".", "--max-decompressed", "1"]).json(2);
    assert!(report.problems()[0].contains("more than 1 MiB"), "{}", report.story);
    // Many members, each of them small.
    let zeros = vec![0; 1 << 20];
    let names: Vec<String> = (0..100).map(|n| format!("{n}.bin")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), zeros.as_slice())).collect();
    let report = scan_file("many.zip", zip(&members), 2);
    assert_eq!(report.problems().len(), 1, "{}", report.story);
}

#[test]
fn damaged_archives_are_told_and_scanned_as_far_as_possible() {
    let token = github_token(73);
    let mut random = keyscan::structure::Rng::new(5);
    let noise = random.bytes(100_000);
    let whole = tar(&[("first.txt", &config(&token)), ("second.bin", &noise)]);
    let cases: Vec<(&str, Vec<u8>, bool)> = vec![
        ("cut.tar", whole[..60_000].to_vec(), true),
        (
            "cut.tar.gz",
            {
                let g = gzip(&whole);
                g[..60_000].to_vec()
            },
            true,
        ),
        (
            "cut.tar.xz",
            {
                let g = xz(&whole);
                g[..90_000].to_vec()
            },
            true,
        ),
        (
            "cut.zip",
            {
                let z = zip(&[("first.txt", &config(&token)), ("b", &noise)]);
                z[..60_000].to_vec()
            },
            true,
        ),
        (
            "cut.7z",
            {
                let z = sevenz(&[("first.txt", &config(&token))]);
                z[..z.len() - 20].to_vec()
            },
            false,
        ),
        (
            "changed.zip",
            {
                let mut z = zip(&[("first.txt", &config(&token)), ("b", &noise)]);
                let middle = z.len() / 2;
                z[middle] ^= 0xff;
                z
            },
            true,
        ),
    ];
    for (name, bytes, readable) in cases {
        let report = scan_file(name, &bytes, 2);
        assert!(report.problems()[0].contains(name) && report.problems()[0].contains("damaged"), "{}", report.story);
        assert_eq!(report.has(&token), readable, "{name}: {}", report.story);
    }
}

#[test]
fn members_of_one_name_are_all_scanned() {
    let (first, second) = (github_token(81), github_token(82));
    // The crate does not write such archives; another name of the same length is changed in both headers.
    let mut bytes = zip(&[("a.txt", &config(&first)), ("b.txt", &config(&second)), ("c.txt", b"nothing")]);
    for at in 0..bytes.len() - 5 {
        if bytes[at..].starts_with(b"b.txt") {
            bytes[at] = b'a';
        }
    }
    let report = scan_file("a.zip", bytes, 1);
    assert!(report.has(&first) && report.has(&second), "{}", report.story);
}

#[test]
fn encrypted_members_and_names_that_lead_out_are_named_and_are_no_failure() {
    let token = github_token(74);
    let mut bytes =
        zip_with(CompressionMethod::Stored, &[("locked.txt", b"0123456789abcdef"), ("open.txt", b"nothing")]);
    // The flag in both headers of the first member.
    let headers: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x01\x02"];
    for (magic, flag) in headers.iter().zip([6, 8]) {
        let at = bytes.windows(4).position(|w| w == *magic).unwrap();
        bytes[at + flag] |= 1;
    }
    let report = scan_file("a.zip", &bytes, 0);
    assert_eq!(report.problems().len(), 1);
    assert!(report.problems()[0].starts_with("a.zip!locked.txt: it is encrypted"), "{}", report.story);
    assert_eq!(report.value["receipt"]["problems"][0]["accepted"], true);

    let report = scan_file("b.tar", tar(&[("../../etc/cron.d/x", &config(&token))]), 1);
    assert!(report.problems()[0].starts_with("b.tar!../../etc/cron.d/x: its name leads out"), "{}", report.story);
    assert!(report.has(&token));
}

#[test]
fn secrets_in_names_of_members_are_masked() {
    let (name, inside) = (github_token(75), github_token(76));
    let room = TempDir::new().unwrap();
    write(room.path(), "a.zip", zip(&[(&format!("../{name}.txt"), &config(&inside))]));
    for format in ["text", "json", "jsonl", "sarif"] {
        let run = Keyscan::at(room.path()).args([".", "--verbose", "--format", format]).run();
        run.code(1).never_says(&name[8..]).never_says(&inside[8..]);
    }
}

/// A database of one table with one row, whose text goes on in other pages.
fn sqlite(text: &[u8]) -> Vec<u8> {
    const PAGE: usize = 512;
    let varint =
        |n: usize| -> Vec<u8> { if n < 128 { vec![n as u8] } else { vec![(n >> 7) as u8 | 0x80, (n & 0x7f) as u8] } };
    let record = |values: &[(usize, &[u8])]| -> Vec<u8> {
        let kinds: Vec<u8> = values.iter().flat_map(|(kind, _)| varint(*kind)).collect();
        let mut out = varint(kinds.len() + 1);
        out.extend(kinds);
        values.iter().for_each(|(_, value)| out.extend_from_slice(value));
        out
    };
    let of = |t: &[u8]| 13 + 2 * t.len();
    let leaf = |header: usize, cell: &[u8]| -> Vec<u8> {
        let mut page = vec![0; PAGE];
        let at = PAGE - cell.len();
        page[header] = 13;
        page[header + 3..header + 5].copy_from_slice(&1u16.to_be_bytes());
        page[header + 5..header + 7].copy_from_slice(&(at as u16).to_be_bytes());
        page[header + 8..header + 10].copy_from_slice(&(at as u16).to_be_bytes());
        page[at..].copy_from_slice(cell);
        page
    };
    let sql = b"CREATE TABLE users(name, note)";
    let schema = record(&[
        (of(b"table"), b"table"),
        (of(b"users"), b"users"),
        (of(b"users"), b"users"),
        (1, &[2]),
        (of(sql), sql),
    ]);
    let mut first = leaf(100, &[varint(schema.len()), vec![1], schema].concat());
    first[..16].copy_from_slice(b"SQLite format 3\0");
    first[16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
    first[59] = 1;
    let row = record(&[(of(b"robot"), b"robot"), (of(text), text)]);
    let least = (PAGE - 12) * 32 / 255 - 23;
    let kept = least + (row.len() - least) % (PAGE - 4);
    let here = if kept <= PAGE - 35 { kept } else { least };
    let cell = [varint(row.len()), vec![1], row[..here].to_vec(), 3u32.to_be_bytes().to_vec()].concat();
    let mut pages = vec![first, leaf(0, &cell)];
    let rest: Vec<&[u8]> = row[here..].chunks(PAGE - 4).collect();
    for (n, part) in rest.iter().enumerate() {
        let next = if n + 1 == rest.len() { 0u32 } else { 4 + n as u32 };
        let mut page = [next.to_be_bytes().as_slice(), part].concat();
        page.resize(PAGE, 0);
        pages.push(page);
    }
    pages.concat()
}

#[test]
fn rows_of_a_database() {
    let token = mint("slack-bot-token", 77);
    // It stands over the border of every page somewhere.
    for before in (0..1100).step_by(37) {
        let text = format!("{} {token} {}", "x".repeat(before + 500), "y".repeat(400));
        let report = scan_file("app.db", sqlite(text.as_bytes()), 1);
        let (member, via) = place(&report, &token);
        assert_eq!((member.as_str(), via), ("users", vec!["sqlite".to_owned()]), "{before}");
    }
    // A value that directly follows another one.
    let text = format!("{token}{}", " ".repeat(700));
    assert!(scan_file("app.db", sqlite(text.as_bytes()), 1).has(&token));
}

#[test]
fn text_of_a_pdf() {
    let token = github_token(78);
    let (a, b) = token.split_at(17);
    let page = format!("BT /F1 12 Tf 72 720 Td (Access) Tj 0 -14 Td [(token: {a}) 20 ({b})] TJ ET");
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(page.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let head = format!("%PDF-1.4\n4 0 obj\n<< /Length {} /Filter /FlateDecode >>\nstream\n", packed.len());
    let bytes = [head.as_bytes(), &packed, b"\nendstream\nendobj\n%%EOF\n"].concat();
    let report = scan_file("letter.pdf", bytes, 1);
    assert_eq!(place(&report, &token), ("stream 1".to_owned(), vec!["pdf".to_owned()]));
}

#[test]
fn compiled_python_is_scanned_as_it_is() {
    let token = github_token(79);
    // A marshalled short ASCII string between other objects.
    let mut bytes = b"\xcb\x0d\x0d\x0a\0\0\0\0\x10\x20\x30\x40\x99\0\0\0\xe3\0\0\0\0".to_vec();
    bytes.extend([0xda, 4]);
    bytes.extend(b"name");
    bytes.extend([0xfa, token.len() as u8]);
    bytes.extend(token.as_bytes());
    bytes.extend([0xe9, 1, 0, 0, 0]);
    let report = scan_file("module.cpython-312.pyc", bytes, 1);
    assert_eq!(place(&report, &token), (String::new(), Vec::new()));
    assert_eq!(report.finding(&token)["occurrences"][0]["binary"], true);
}

#[test]
fn hostile_bytes_do_no_harm() {
    let token = github_token(80);
    let content = config(&token);
    let mut random = keyscan::structure::Rng::new(9);
    let whole: Vec<Vec<u8>> = vec![
        zip(&[("a", &content)]),
        tar(&[("a", &content)]),
        gzip(&tar(&[("a", &content)])),
        xz(&content),
        bzip2(&content),
        zstd(&content),
        sevenz(&[("a", &content)]),
        sqlite(&content),
    ];
    let room = TempDir::new().unwrap();
    for (n, bytes) in whole.iter().enumerate() {
        for round in 0..40 {
            let mut bytes = bytes.clone();
            for _ in 0..=round % 4 {
                let at = random.below(bytes.len().min(400));
                bytes[at] = random.next() as u8;
            }
            bytes.truncate(bytes.len() - random.below(20));
            write(room.path(), format!("{n}-{round}"), bytes);
        }
    }
    let run = Keyscan::at(room.path()).args([".", "--format", "json"]).run();
    assert!(run.status.code().is_some_and(|c| c == 1 || c == 2), "{}", run.story());
    let report: Value = run.json().value;
    assert_eq!(report["receipt"]["files"], 320);
}

/// A member of an archive is judged by its own path, too.
#[test]
fn a_test_in_an_archive_is_judged_as_a_test() {
    let weak = concat!("Orca", "le18");
    for (member, findings) in [("app/settings.py", 1), ("app/tests/settings.py", 0)] {
        let repo = Repo::new();
        let archive = tar(&[(member, format!("user = \"app\"\npassword = \"{weak}\"\n").as_bytes())]);
        repo.write("dist/app.tar", archive);
        repo.commit("a release");
        let json = repo.json(findings);
        assert_eq!(json.findings().len(), usize::try_from(findings).unwrap(), "{member}\n{}", json.story);
    }
}
