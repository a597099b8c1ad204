//! Parts of a history: what a range holds, what it adds, and what is an error rather than an all-clear.

use std::fs;

use crate::util::{Json, Keyscan, Repo, github_token, kinds, line, paths, text, texts};

/// A repository with one clean commit on `main`.
fn started() -> Repo {
    let repo = Repo::new();
    repo.write("README.md", "hello\n");
    repo.commit("start");
    repo
}

fn range(repo: &Repo, range: &str, code: i32) -> Json {
    repo.keyscan().args(["--range", range]).json(code)
}

#[track_caller]
fn refused(repo: &Repo, args: &[&str], says: &[&str]) {
    let mut out = repo.keyscan().args(args).run().code(2);
    for text in says {
        out = out.says(text);
    }
    assert!(out.stdout.is_empty(), "a refused range has no report\n{}", out.story());
}

#[test]
fn a_range_reports_what_it_adds_and_who_brought_it() {
    let (old, new) = (github_token(600), github_token(601));
    let repo = started();
    repo.write("config.js", line(&old));
    let base = repo.commit("before");
    repo.write("config.js", format!("{}// a comment\n{}", line(&old), line(&new)));
    let bad = repo.commit("adds another");
    repo.write("other.js", "nothing\n");
    repo.commit("after");
    for args in
        [vec!["--since", &base], vec!["--range", &format!("{base}..HEAD")], vec!["--range", &format!("{base}...main")]]
    {
        let json = repo.keyscan().args(&args).json(1);
        assert!(!json.has(&old), "it stood there before\n{}", json.story);
        let finding = json.finding(&new);
        assert_eq!(paths(finding), ["config.js"]);
        assert_eq!(finding["occurrences"][0]["position"]["line"], 3, "{}", json.story);
        assert_eq!(finding["occurrences"][0]["commit"], bad.as_str());
        assert_eq!(finding["life"]["first"]["id"], bad.as_str());
        assert_eq!(finding["life"]["first"]["author"], "Ann Author");
        assert_eq!(finding["life"]["in_head"], true);
        assert_eq!(texts(&finding["life"]["branches"]), ["main"]);
        assert_eq!(json.count("commits"), 2);
        assert_eq!(json.value["complete"], true);
    }
    // The fingerprint is that of a full scan, so that a baseline fits both.
    let full = repo.json(1);
    assert_eq!(range(&repo, &format!("{base}.."), 1).finding(&new)["fingerprint"], full.finding(&new)["fingerprint"]);
    range(&repo, "HEAD~1..HEAD", 0);
}

#[test]
fn a_secret_that_comes_and_goes_within_the_range_is_reported() {
    let token = github_token(602);
    let repo = started();
    repo.write("a", line(&token));
    repo.commit("add");
    repo.remove("a");
    let removal = repo.commit("remove");
    let json = range(&repo, "HEAD~2..HEAD", 1);
    let life = &json.finding(&token)["life"];
    assert_eq!(life["in_head"], false);
    assert_eq!(life["removed"][0]["commit"], removal.as_str(), "{}", json.story);
    assert_eq!(life["exposure_days"], 1);
    range(&repo, "HEAD~1..HEAD", 0);
}

#[test]
fn a_rename_with_an_edit_adds_nothing_old_and_everything_new() {
    let (old, new) = (github_token(603), github_token(604));
    let repo = started();
    let body: String = (0..40).map(|n| format!("line {n}\n")).collect();
    repo.write("old.txt", format!("{body}{}", line(&old)));
    repo.commit("before");
    repo.remove("old.txt");
    repo.write("dir/new.txt", format!("{body}{}edited\n{}", line(&old), line(&new)));
    repo.commit("rename and edit");
    let json = range(&repo, "HEAD~1..HEAD", 1);
    assert!(!json.has(&old), "it only moved\n{}", json.story);
    assert_eq!(paths(json.finding(&new)), ["dir/new.txt"]);
    assert_eq!(json.finding(&new)["occurrences"][0]["position"]["line"], 43);
}

#[test]
fn a_copy_is_one_more_and_the_new_line_is_shown() {
    let token = github_token(605);
    let repo = started();
    repo.write("a", format!("one\n{}two\n", line(&token)));
    repo.commit("before");
    repo.write("b", format!("one\n{}two\n", line(&token)));
    repo.commit("copied");
    let json = range(&repo, "HEAD~1..HEAD", 1);
    assert_eq!(paths(json.finding(&token)), ["b"]);
    // The same line once more in the same file.
    repo.write("a", format!("{0}one\n{0}two\n", line(&token)));
    repo.commit("twice");
    let json = range(&repo, "HEAD~1..HEAD", 1);
    let places = json.finding(&token)["occurrences"].as_array().unwrap();
    assert_eq!(places.len(), 1, "{}", json.story);
    assert_eq!(places[0]["position"]["line"], 1, "{}", json.story);
    // Other lines of the file change: nothing new.
    repo.write("a", format!("{0}ONE\n{0}TWO\n", line(&token)));
    repo.commit("edited around it");
    range(&repo, "HEAD~1..HEAD", 0);
}

#[test]
fn a_merge_adds_only_what_no_parent_has() {
    let (side, evil) = (github_token(606), github_token(607));
    let repo = started();
    repo.git(["checkout", "-q", "-b", "side"]);
    repo.write("side.txt", line(&side));
    repo.commit("on the side");
    repo.git(["checkout", "-q", "main"]);
    repo.write("main.txt", "main\n");
    let before = repo.commit("on main");
    repo.git(["merge", "-q", "--no-ff", "--no-commit", "side"]);
    repo.write("main.txt", format!("main\n{}", line(&evil)));
    let merge = repo.commit("merge");
    // Relative to the side branch as well, only the merge's own text is new.
    let json = repo.keyscan().args(["--range", "side..main"]).json(1);
    assert!(!json.has(&side), "{}", json.story);
    assert_eq!(json.finding(&evil)["life"]["first"]["id"], merge.as_str());
    // What the merge brings to main came with the commit of the side branch.
    let json = range(&repo, &format!("{before}..main"), 1);
    assert_eq!(json.finding(&side)["life"]["first"]["summary"], "on the side");
    assert_eq!(json.finding(&evil)["life"]["first"]["id"], merge.as_str());
    // A merge that takes the same file from both sides adds nothing of its own.
    assert_eq!(json.count("commits"), 2);
}

/// peers.md: "Side branches with older dates in base..head".
#[test]
fn side_branches_with_older_dates_are_in_the_range() {
    let token = github_token(608);
    let repo = started();
    repo.pass_days(400);
    repo.write("main.txt", "1\n");
    repo.commit("much later");
    let base = repo.git(["rev-parse", "HEAD"]);
    repo.git(["checkout", "-q", "-b", "side", "HEAD~1"]);
    repo.pass_days(-700);
    repo.write("side.txt", line(&token));
    repo.commit("dated before everything");
    repo.pass_days(800);
    repo.git(["checkout", "-q", "main"]);
    repo.git(["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let json = range(&repo, &format!("{base}..main"), 1);
    assert_eq!(json.count("commits"), 2);
    assert_eq!(paths(json.finding(&token)), ["side.txt"]);
}

#[test]
fn dates_out_of_order_bring_nothing_old_into_the_range() {
    let token = github_token(609);
    let repo = started();
    repo.write("old.txt", line(&token));
    repo.commit("the leak, long known");
    for n in 0..30 {
        repo.write("n", format!("{n}\n"));
        repo.commit("later");
    }
    repo.git(["branch", "base"]);
    // The base gets a commit that is dated ages ago, and the range one that is dated older still.
    repo.git(["checkout", "-q", "base"]);
    repo.pass_days(-5000);
    repo.write("base.txt", "base\n");
    repo.commit("base goes on");
    repo.git(["checkout", "-q", "main"]);
    repo.pass_days(-1000);
    repo.write("new.txt", "new\n");
    repo.commit("new");
    let json = range(&repo, "base..main", 0);
    assert_eq!(json.count("commits"), 1, "{}", json.story);
}

/// peers.md: "A bad commit range, a wrong base or BASE == HEAD scans nothing and passes".
#[test]
fn a_bad_range_is_an_error_and_no_all_clear() {
    let repo = Repo::with_removed(&github_token(610));
    let head = repo.git(["rev-parse", "HEAD"]);
    refused(&repo, &["--range", "nonsense..HEAD"], &["nonsense..HEAD", "there is no commit `nonsense`"]);
    refused(&repo, &["--range", "HEAD..nonsense"], &["nonsense"]);
    refused(&repo, &["--since", "HEAD~50"], &["HEAD~50"]);
    refused(&repo, &["--since", "2024-01-01"], &["2024-01-01", "not a date"]);
    refused(&repo, &["--branch", "no-such-branch"], &["no-such-branch"]);
    refused(&repo, &["--range", "HEAD"], &["`HEAD` is no range", "A..B"]);
    refused(&repo, &["--range", ".."], &["`..` is no range"]);
    refused(&repo, &["--range", &format!("{head}..HEAD")], &["both ends are commit", &head, "--allow-empty-range"]);
    refused(&repo, &["--range", "HEAD..HEAD~1"], &["HEAD..HEAD~1", "holds no commit"]);
    refused(&repo, &["--since", "HEAD"], &["HEAD..HEAD", "holds no commit"]);
    refused(&repo, &["--since", "0000000000000000000000000000000000000000"], &["zeros"]);
    refused(&repo, &["--since", "HEAD^{tree}"], &["is a tree"]);
    let gone = "1234567890123456789012345678901234567890";
    refused(&repo, &["--range", &format!("{gone}..HEAD")], &[gone]);
    let json = repo.keyscan().args(["--since", "HEAD", "--allow-empty-range"]).json(0);
    assert!(json.skipped().iter().any(|s| s.contains("ranges without a commit")), "{}", json.story);
    // Whether it may be empty or not, it has to exist.
    drop(repo.keyscan().args(["--since", "nonsense", "--allow-empty-range"]).run().code(2));
    // Outside of a repository there is no range.
    let out = Keyscan::at(repo.path().parent().unwrap()).args([".", "--since", "HEAD"]).run().code(2);
    drop(out.says("not the root of a git repository"));
}

#[test]
fn unrelated_histories_have_no_merge_base() {
    let repo = started();
    repo.git(["checkout", "-q", "--orphan", "other"]);
    repo.write("other", "other\n");
    repo.commit("another root");
    refused(&repo, &["--range", "main...other"], &["main...other", "no commit in common"]);
    assert_eq!(range(&repo, "main..other", 0).count("commits"), 1);
}

#[test]
fn a_branch_alone_is_all_that_leads_to_it() {
    let (here, there) = (github_token(611), github_token(612));
    let repo = started();
    repo.write("here", line(&here));
    repo.commit("here");
    repo.remove("here");
    repo.commit("gone");
    repo.git(["checkout", "-q", "-b", "side", "HEAD~2"]);
    repo.write("there", line(&there));
    repo.commit("there");
    let json = repo.keyscan().args(["--branch", "main"]).json(1);
    assert!(json.has(&here) && !json.has(&there), "{}", json.story);
    assert_eq!(json.count("commits"), 3);
    let json = repo.keyscan().args(["--branch", "main", "--branch", "side"]).json(1);
    assert!(json.has(&here) && json.has(&there), "{}", json.story);
    // What a branch has since another commit.
    let json = repo.keyscan().args(["--branch", "side", "--since", "main"]).json(1);
    assert!(!json.has(&here) && json.has(&there), "{}", json.story);
    assert_eq!(json.count("commits"), 1);
}

#[test]
fn messages_tags_and_names_of_a_range() {
    let [subject, author, tag, name, file] = [613, 614, 615, 616, 617].map(github_token);
    let repo = started();
    repo.git(["tag", "-a", "-m", &format!("old {}", github_token(618)), "v0"]);
    repo.write("a", "a\n");
    repo.git(["add", "--all"]);
    repo.git([
        "commit",
        "-q",
        "-m",
        &format!("deploy with {subject}"),
        "--author",
        &format!("{author} <x@example.com>"),
    ]);
    repo.write(format!("dir/{file}.txt"), "b\n");
    repo.commit("a name");
    repo.git(["tag", "-a", "-m", &format!("release {tag}"), "v1"]);
    repo.git(["branch", &name]);
    let json = range(&repo, "v0..main", 1);
    assert_eq!(kinds(json.finding(&subject)), ["commit"]);
    assert_eq!(json.finding(&subject)["life"]["first"]["id"].as_str().unwrap().len(), 40);
    assert_eq!(texts(&json.finding(&subject)["life"]["tags"]), ["v1"], "{}", json.story);
    assert_eq!(kinds(json.finding(&author)), ["commit"]);
    assert_eq!(kinds(json.finding(&tag)), ["tag"]);
    assert_eq!(kinds(json.finding(&name)), ["ref"]);
    assert_eq!(kinds(json.finding(&file)), ["blob"]);
    assert_eq!(json.findings().len(), 5, "{}", json.story);
    assert!(!json.story.contains(&file), "the name of the file was printed");
}

#[test]
fn contents_of_every_kind_are_read() {
    let [utf16, binary, link, attribute] = [619, 620, 621, 622].map(github_token);
    let repo = started();
    let wide: Vec<u8> = line(&utf16).encode_utf16().flat_map(u16::to_le_bytes).collect();
    repo.write("wide.txt", [b"\xff\xfe".as_slice(), &wide].concat());
    repo.write("data.bin", [b"\0\x01\x02 ".as_slice(), binary.as_bytes(), b" \0"].concat());
    std::os::unix::fs::symlink(&link, repo.path().join("link")).unwrap();
    repo.write(".gitattributes", "*.secret -diff binary\n");
    repo.write("a.secret", line(&attribute));
    repo.commit("all kinds");
    let json = range(&repo, "HEAD~1..", 1);
    for token in [&utf16, &binary, &link, &attribute] {
        json.finding(token);
    }
    // A link becomes a file.
    let token = github_token(623);
    repo.remove("link");
    repo.write("link", line(&token));
    repo.commit("typechange");
    assert_eq!(paths(range(&repo, "HEAD~1..", 1).finding(&token)), ["link"]);
}

#[test]
fn a_shallow_clone_that_has_the_range_is_enough() {
    let token = github_token(624);
    let repo = started();
    for n in 0..5 {
        repo.write("n", format!("{n}\n"));
        repo.commit("more");
    }
    repo.write("leak", line(&token));
    repo.commit("leak");
    let shallow = repo.beside("shallow");
    let url = format!("file://{}", repo.path().display());
    repo.git(["clone", "-q", "--depth", "3", &url, shallow.to_str().unwrap()]);
    let json = Keyscan::at(&shallow).args([".", "--range", "HEAD~2..HEAD"]).json(1);
    assert_eq!(json.value["complete"], true, "{}", json.story);
    json.finding(&token);
    Keyscan::at(&shallow).args([".", "--range", "HEAD~2..HEAD~1"]).json(0);
    // The beginning is not there: no all-clear, and how to get it.
    let first = repo.git(["rev-list", "--max-parents=0", "HEAD"]);
    let out = Keyscan::at(&shallow).args([".", "--range", &format!("{first}..HEAD")]).run().code(2);
    drop(out.says(&first).says("git fetch"));
    let json = Keyscan::at(&shallow).args([".", "--branch", "HEAD"]).json(2);
    json.finding(&token);
    assert!(json.problems()[0].contains("--unshallow"), "{}", json.story);
    Keyscan::at(&shallow).args([".", "--branch", "HEAD", "--allow-incomplete"]).json(1);
    // The beginning is there, and the way to it is not.
    repo.git_in(&shallow, ["fetch", "-q", "--depth", "1", "origin", &first]);
    let json = Keyscan::at(&shallow).args([".", "--range", &format!("{first}..HEAD")]).json(2);
    assert!(json.problems()[0].contains("runs into the end of this shallow clone"), "{}", json.story);
}

#[test]
fn a_missing_or_damaged_object_in_the_range_is_named() {
    let repo = started();
    repo.write("a", "to be lost\n");
    repo.write("dir/b", "to be damaged\n");
    repo.commit("two");
    let (lost, damaged) = (repo.git(["rev-parse", "HEAD:a"]), repo.git(["rev-parse", "HEAD:dir/b"]));
    range(&repo, "HEAD~1..", 0);
    fs::remove_file(repo.loose(&lost)).unwrap();
    crate::util::overwrite(&repo.loose(&damaged), b"not zlib");
    let json = range(&repo, "HEAD~1..", 2);
    let problems = json.problems().join("\n");
    assert!(problems.contains(&lost) && problems.contains(&damaged) && problems.contains("dir/b"), "{problems}");
    let tree = repo.git(["rev-parse", "HEAD:dir"]);
    fs::remove_file(repo.loose(&tree)).unwrap();
    assert!(range(&repo, "HEAD~1..", 2).problems().join("\n").contains(&tree));
}

#[test]
fn sha256_bare_reftable_and_linked_worktrees() {
    let token = github_token(625);
    for format in [&["--object-format=sha256"][..], &["--ref-format=reftable"], &[]] {
        if !Repo::git_can(format) {
            continue;
        }
        let repo = Repo::init(format);
        repo.write("a", "a\n");
        repo.commit("start");
        repo.write("a", line(&token));
        repo.commit("leak");
        repo.git(["checkout", "-q", "-b", "side"]);
        let json = range(&repo, "main~1..side", 1);
        assert_eq!(paths(json.finding(&token)), ["a"]);
        let linked = repo.beside("linked");
        repo.git(["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap()]);
        Keyscan::at(&linked).args([".", "--since", "HEAD~1"]).json(1).finding(&token);
        let bare = repo.beside("bare.git");
        repo.git(["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
        Keyscan::at(&bare).args([".", "--since", "HEAD~1"]).json(1).finding(&token);
        repo.git(["repack", "-adq"]);
        repo.git(["commit-graph", "write", "--reachable"]);
        range(&repo, "main~1..side", 1).finding(&token);
    }
}

#[test]
fn replace_refs_and_grafts_hide_nothing() {
    let token = github_token(626);
    let repo = started();
    repo.write("a", line(&token));
    repo.commit("leak");
    let bad = repo.git(["rev-parse", "HEAD:a"]);
    let good = repo.git(["rev-parse", "HEAD:README.md"]);
    repo.git(["replace", &bad, &good]);
    range(&repo, "HEAD~1..HEAD", 1).finding(&token);
    let (parent, head) = (repo.git(["rev-parse", "HEAD~1"]), repo.git(["rev-parse", "HEAD"]));
    fs::write(repo.path().join(".git/info/grafts"), format!("{head}\n{parent}\n")).unwrap();
    let json = repo.keyscan().args(["--branch", &head]).json(1);
    assert_eq!(json.count("commits"), 2, "{}", json.story);
}

#[test]
fn a_range_says_what_it_scanned() {
    let repo = Repo::with_removed(&github_token(627));
    let out = repo.keyscan().args(["--range", "HEAD~1..HEAD"]).run().code(0);
    let out = out.says("the range HEAD~1..HEAD in .").says("No new secrets found").says("1 commit");
    drop(out.never_says("working tree"));
    let json = range(&repo, "HEAD~1..HEAD", 0);
    assert_eq!(text(&json.value["receipt"]["selection"]), "the range HEAD~1..HEAD");
    assert_eq!(json.count("files"), 0);
    for pair in [["--since", "HEAD", "--all"], ["--since", "HEAD", "--no-history"], ["--staged", "--range", "a..b"]] {
        drop(repo.keyscan().args(pair).run().code(2));
    }
    repo.keyscan().arg("--all").json(1);
}

#[test]
fn any_number_of_threads_says_the_same() {
    let repo = started();
    for n in 0..200 {
        repo.import(
            format!(
                "commit refs/heads/many\nmark :{}\ncommitter C <c@example.com> {} +0000\ndata 1\nm{}\n\
             M 100644 inline f{}\ndata <<END\n{}END\n\n",
                1,
                1_700_000_000 + n,
                if n == 0 { "" } else { "\nfrom refs/heads/many^0" },
                n % 20,
                line(&github_token(630 + n % 7))
            )
            .as_bytes(),
        );
        if n > 20 {
            break;
        }
    }
    let run = |threads: &str| {
        let scan = repo.keyscan().args(["--branch", "many", "--format", "json", "-j", threads]);
        scan.env("SOURCE_DATE_EPOCH", "1750000000").run().code(1).stdout
    };
    assert!(run("1") == run("7"));
}
