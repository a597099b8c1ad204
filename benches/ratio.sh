#!/usr/bin/env bash
# Whole scans against yardsticks that anyone has, as ratios measured in one run on one machine. See benches/README.md.
set -euo pipefail

usage() {
    cat <<'TEXT'
benches/ratio.sh [-n RUNS] [-b KEYSCAN] REPOSITORY...

  -n RUNS     runs of each measurement, of which the median counts; default 3
  -b KEYSCAN  the program; default target/release/keyscan

Needs git and python3; ripgrep for the line that is compared with it, valgrind for the count of allocations.
TEXT
}

runs=3
here=$(cd "$(dirname "$0")/.." && pwd)
keyscan=$here/target/release/keyscan
while getopts n:b:h option; do
    case $option in
    n) runs=$OPTARG ;;
    b) keyscan=$OPTARG ;;
    h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2 && exit 2; }
keyscan=$(realpath "$keyscan")
[ -x "$keyscan" ] || { echo "there is no $keyscan: run \`cargo build --release --locked\`" >&2 && exit 2; }
for needed in git python3; do
    command -v "$needed" >/dev/null || { echo "$needed is needed" >&2 && exit 2; }
done

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

calculate() { python3 -c 'import sys; print(eval(sys.argv[1]))' "$1"; }
median() { sort -n | python3 -c 'import statistics, sys; print(statistics.median(float(line) for line in sys.stdin))'; }
row() { printf '| %s | %s | %s | %s | %s |\n' "$@"; }

# measure NAME COMMAND...: runs it RUNS times after one run that warms the caches; then `of NAME cpu|wall|memory` gives
# the median. keyscan's own exit codes 0 and 1 are fine (ripgrep's, too); 2 is worth a warning.
measure() {
    python3 - "$temporary/$1.runs" "$runs" "${@:2}" <<'PYTHON'
import os, subprocess, sys, time

out, runs, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
with open(out, "w") as file:
    for run in range(runs + 1):
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = code = os.waitstatus_to_exitcode(status)
        if not 0 <= code <= 2:
            sys.stderr.buffer.write(said)
            sys.exit(f"{' '.join(command)} ended with {code}")
        if run == 0:
            if code == 2:
                print(f"warning: {' '.join(command)} ended with 2: it could not read everything", file=sys.stderr)
            continue
        print(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, file=file)
PYTHON
}
of() {
    case $2 in
    cpu) awk '{ print $1 }' "$temporary/$1.runs" ;;
    wall) awk '{ print $2 }' "$temporary/$1.runs" ;;
    memory) awk '{ print $3 }' "$temporary/$1.runs" ;;
    esac | median
}
ratio() { calculate "f'{$1 / $2:.2f}'"; }
seconds() { printf '%.3f s' "$1"; }
mib() { printf '%.0f MiB' "$1"; }

scan() { measure "$1" "$keyscan" --quiet --format json --output "$temporary/report" "${@:2}"; }

history() {
    local repository=$1 packs
    measure cat git -C "$repository" cat-file --batch-all-objects --batch --unordered --buffer
    scan history --history-only --no-cache "$repository"
    scan one --history-only --no-cache -j1 "$repository"
    scan two --history-only --no-cache -j2 "$repository"
    # The run that is not counted fills the cache.
    scan again --history-only --cache-dir "$temporary/cache" "$repository"
    row "full history, CPU / git cat-file, CPU" "$(seconds "$(of history cpu)")" "$(seconds "$(of cat cpu)")" \
        "$(ratio "$(of history cpu)" "$(of cat cpu)")" "at most 0.25"
    row "full history, wall with -j1 / wall with -j2" "$(seconds "$(of one wall)")" "$(seconds "$(of two wall)")" \
        "$(ratio "$(of one wall)" "$(of two wall)")" "at least 1.7"
    row "repeat scan with the cache, wall / the first, wall" "$(seconds "$(of again wall)")" "$(seconds "$(of history wall)")" \
        "$(ratio "$(of again wall)" "$(of history wall)")" "at most 0.05"
    packs=$(git -C "$repository" count-objects -v | awk '/^size-pack:/ { print $2 / 1024 }')
    row "full history, peak memory; packs" "$(mib "$(of history memory)")" "$(mib "$packs")" \
        "$(calculate "f'packs + {max(0, $(of history memory) - $packs):.0f} MiB'")" "at most packs + 256 MiB"
}

tree() {
    local repository=$1
    if ! command -v rg >/dev/null; then
        row "working tree, wall / ripgrep, wall" "not measured" "ripgrep is not installed" "" "at most 2"
        return
    fi
    # The files that keyscan reads: hidden ones and binary ones, too, but not what git ignores.
    (cd "$repository" && measure ripgrep rg --no-config --hidden --glob '!.git' --text --count --fixed-strings 'gh''p_' .)
    scan tree --no-history "$repository"
    row "working tree, wall / ripgrep, wall" "$(seconds "$(of tree wall)")" "$(seconds "$(of ripgrep wall)")" \
        "$(ratio "$(of tree wall)" "$(of ripgrep wall)")" "at most 2"
    row "working tree, peak memory" "$(mib "$(of tree memory)")" "$(mib "$(of ripgrep memory)")" "" ""
}

# text REPOSITORY BYTES FILE: the tracked text files one after the other, again and again, up to so many bytes.
text() {
    git -C "$1" grep -zIl '' | (cd "$1" && xargs -0 cat --) | head -c "$2" >"$temporary/part" || true
    [ -s "$temporary/part" ] || return 1
    : >"$3"
    while [ "$(stat -c %s "$3")" -lt "$2" ]; do cat "$temporary/part" >>"$3"; done
    truncate -s "$2" "$3"
    rm -f "$temporary/part"
}

large_file() {
    local repository=$1 file=$temporary/large small=$temporary/small size=$((256 << 20)) huge=$((2 << 30))
    if ! text "$repository" $size "$file"; then
        row "one large source file, one thread" "not measured" "no text files are tracked" "" "at least 1 GB/s"
        return
    fi
    scan large --no-history -j1 "$file"
    row "one large source file, one thread, whole process" "$(seconds "$(of large wall)")" \
        "$(calculate "f'{$size / 1e6:.0f} MB'")" "$(calculate "f'{$size / 1e9 / $(of large wall):.2f} GB/s'")" "at least 1 GB/s"
    scan large2 --no-history -j2 "$file"
    row "the same, wall with -j1 / wall with -j2" "$(seconds "$(of large wall)")" "$(seconds "$(of large2 wall)")" \
        "$(ratio "$(of large wall)" "$(of large2 wall)")" ""
    while [ "$(stat -c %s "$file")" -lt $huge ]; do cat "$file" "$file" >"$small" && mv "$small" "$file"; done
    scan huge --no-history "$file"
    row "a file of 2 GiB, all threads; peak memory" "$(seconds "$(of huge wall)")" "" "$(mib "$(of huge memory)")" ""
    rm -f "$file"
    if command -v valgrind >/dev/null && text "$repository" $((8 << 20)) "$small"; then
        : >"$temporary/empty"
        local start some
        start=$(allocations "$temporary/empty")
        some=$(($(allocations "$small") - start))
        row "allocations: at the start; for each KiB of source" "$start" "$(calculate "f'{$some * 1024 / (8 << 20):.2f}'")" "" ""
    else
        row "allocations" "not measured" "valgrind is not installed" "" ""
    fi
    rm -f "$small"
}

# Blocks that a scan of a file allocates.
allocations() {
    local code=0
    valgrind --tool=dhat --dhat-out-file=/dev/null "$keyscan" --quiet --no-history -j1 --format json \
        --output "$temporary/report" "$1" 2>"$temporary/said" || code=$?
    [ "$code" -le 1 ] || { cat "$temporary/said" >&2 && exit 2; }
    awk '/Total:/ { gsub(",", ""); print $(NF - 1) }' "$temporary/said"
}

one_line() {
    echo "a line" >"$temporary/line"
    # 21 runs, timed by one process.
    local milliseconds
    milliseconds=$(python3 - "$keyscan" "$temporary/line" <<'PYTHON'
import statistics, subprocess, sys, time

def once():
    start = time.perf_counter()
    subprocess.run([sys.argv[1], "--quiet", "--no-history", sys.argv[2]], stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1000

once()
print(f"{statistics.median(once() for _ in range(21)):.1f} ms")
PYTHON
    )
    row "a one-line file, whole process" "$milliseconds" "" "$milliseconds" "at most 10 ms"
}

staged() {
    local repository=$1 milliseconds
    if ! "$keyscan" hook pre-commit --help >/dev/null 2>&1; then
        row "staged scan of 10 files" "not measured" "this keyscan has no \`hook pre-commit\`" "" "at most 30 ms"
        return
    fi
    if [ "$(git -C "$repository" rev-parse --is-bare-repository)" = true ]; then
        row "staged scan of 10 files" "not measured" "the repository is bare" "" "at most 30 ms"
        return
    fi
    # In a work tree of its own, which is taken away again.
    git -C "$repository" worktree add --quiet --detach "$temporary/staged" HEAD
    milliseconds=$(python3 - "$keyscan" "$temporary/staged" <<'PYTHON'
import statistics, subprocess, sys, time

keyscan, tree = sys.argv[1:]
for n in range(10):
    with open(f"{tree}/keyscan-bench-{n}", "w") as file:
        file.write("".join(f"line {line} of file {n}\n" for line in range(300)))
subprocess.run(["git", "-C", tree, "add", "--", *[f"keyscan-bench-{n}" for n in range(10)]], check=True)

def once():
    start = time.perf_counter()
    subprocess.run([keyscan, "hook", "pre-commit"], cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1000

once()
print(f"{statistics.median(once() for _ in range(21)):.1f} ms")
PYTHON
    )
    git -C "$repository" worktree remove --force "$temporary/staged"
    row "staged scan of 10 files, whole process" "$milliseconds" "" "$milliseconds" "at most 30 ms"
}

printf '%s, %s\n' "$("$keyscan" --version)" "commit $(git -C "$here" describe --always --dirty 2>/dev/null || echo unknown)"
printf '%s, %s cores, %s, load before %s\n' \
    "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | sed -n 1p)" "$(getconf _NPROCESSORS_ONLN)" \
    "$(date -u +%Y-%m-%d)" "$(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo unknown)"
printf 'medians of %s runs, after one that warms the caches\n' "$runs"
for repository in "$@"; do
    printf '\n%s: %s commits\n\n' "$(basename "$(realpath "$repository")")" "$(git -C "$repository" rev-list --all --count)"
    row what keyscan yardstick ratio target
    row --- --- --- --- ---
    history "$repository"
    if [ "$(git -C "$repository" rev-parse --is-bare-repository)" = true ]; then
        row "working tree; one large source file" "not measured" "the repository is bare" "" ""
    else
        tree "$repository"
        large_file "$repository"
    fi
done
printf '\nOnce\n\n'
row what keyscan "" value target
row --- --- --- --- ---
one_line
size=$(calculate "f'{$(stat -c %s "$keyscan") / 2**20:.1f} MiB'")
row "the program's size" "$size" "" "$size" "at most 15 MiB"
staged "$1"
