#!/usr/bin/env bash
# Whole scans against yardsticks that anyone has, as ratios measured in one run on one machine. See benches/README.md.
set -euo pipefail

usage() {
    cat <<'TEXT'
benches/ratio.sh [-n RUNS] [-b KEYSCAN] REPOSITORY...

  -n RUNS     runs of each measurement, of which the median counts; default 3
  -b KEYSCAN  the program; default target/release/keyscan

Needs git, GNU time (/usr/bin/time) and python3; ripgrep for the line that is compared with it.
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
for needed in git python3 /usr/bin/time; do
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
    local name=$1 code
    shift
    : >"$temporary/$name.runs"
    for run in $(seq 0 "$runs"); do
        code=0
        /usr/bin/time -q -o "$temporary/one" -f '%U %S %e %M' "$@" >/dev/null 2>"$temporary/$name.err" || code=$?
        if [ "$code" -gt 2 ] || [ ! -s "$temporary/one" ]; then
            cat "$temporary/$name.err" >&2
            echo "$* ended with $code" >&2
            exit 2
        fi
        [ "$code" = 2 ] && [ "$run" = 0 ] && echo "warning: $* ended with 2: it could not read everything" >&2
        [ "$run" = 0 ] || cat "$temporary/one" >>"$temporary/$name.runs"
    done
}
of() {
    case $2 in
    cpu) awk '{ print $1 + $2 }' "$temporary/$1.runs" ;;
    wall) awk '{ print $3 }' "$temporary/$1.runs" ;;
    memory) awk '{ print $4 / 1024 }' "$temporary/$1.runs" ;;
    esac | median
}
# ratio A B: A / B, or "too short" where the clock of GNU time (10 ms) is too coarse for a quotient.
ratio() { calculate "f'{$1 / $2:.2f}' if $1 >= 0.2 and $2 >= 0.2 else 'too short to tell'"; }
seconds() { printf '%.2f s' "$1"; }

scan() { measure "$1" "$keyscan" --quiet --format json --output "$temporary/report" "${@:2}"; }

history() {
    local repository=$1 packs
    measure cat git -C "$repository" cat-file --batch-all-objects --batch --unordered --buffer
    scan history --history-only "$repository"
    scan one --history-only -j1 "$repository"
    scan two --history-only -j2 "$repository"
    row "full history, CPU / git cat-file, CPU" "$(seconds "$(of history cpu)")" "$(seconds "$(of cat cpu)")" \
        "$(ratio "$(of history cpu)" "$(of cat cpu)")" "at most 0.25"
    row "full history, wall with -j1 / wall with -j2" "$(seconds "$(of one wall)")" "$(seconds "$(of two wall)")" \
        "$(ratio "$(of one wall)" "$(of two wall)")" "at least 1.7"
    packs=$(git -C "$repository" count-objects -v | awk '/^size-pack:/ { print $2 / 1024 }')
    row "full history, peak memory; packs" "$(printf '%.0f MiB' "$(of history memory)")" "$(printf '%.0f MiB' "$packs")" \
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
    row "working tree, peak memory" "$(printf '%.0f MiB' "$(of tree memory)")" "$(printf '%.0f MiB' "$(of ripgrep memory)")" "" ""
}

large_file() {
    local repository=$1 file=$temporary/large size
    git -C "$repository" grep -zIl '' | (cd "$repository" && xargs -0 cat --) | head -c 268435456 >"$temporary/part" || true
    if [ ! -s "$temporary/part" ]; then
        row "one large source file, one thread" "not measured" "no text files are tracked" "" "at least 1 GB/s"
        return
    fi
    : >"$file"
    while [ "$(stat -c %s "$file")" -lt 268435456 ]; do cat "$temporary/part" >>"$file"; done
    size=$(stat -c %s "$file")
    scan large --no-history -j1 "$file"
    row "one large source file, one thread, whole process" "$(seconds "$(of large wall)")" \
        "$(calculate "f'{$size / 1e6:.0f} MB'")" "$(calculate "f'{$size / 1e9 / $(of large wall):.2f} GB/s'")" "at least 1 GB/s"
    rm -f "$file" "$temporary/part"
}

one_line() {
    echo "a line" >"$temporary/line"
    # 21 runs, timed by one process: GNU time's 10 ms are too coarse.
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
