#!/usr/bin/env bash
# Start-up and throughput in CPU time for 50, 200 and all rules, in one run on one machine. See benches/README.md.
set -euo pipefail

usage() {
    cat <<'TEXT'
benches/rules.sh [-n RUNS] [-b KEYSCAN] FILE

  -n RUNS     runs of each measurement, of which the median counts; default 5
  -b KEYSCAN  the program; default target/release/keyscan
  FILE        a large text, such as all files of a repository in one: `git archive HEAD | tar xO >all.txt`

The chosen rules are every k-th of the list, those that go by context words included, and in each row those for passwords and
keys without a prefix. Needs python3.
TEXT
}

runs=5
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
[ $# -eq 1 ] && [ -f "$1" ] || { usage >&2 && exit 2; }

exec python3 - "$keyscan" "$runs" "$1" <<'PYTHON'
import json, os, statistics, subprocess, sys, tempfile

keyscan, runs, big = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ids = [rule["id"] for rule in json.loads(subprocess.check_output([keyscan, "rules", "list", "--json"]))]
# `--only` takes every rule whose id begins so; ids that begin another one would bring it along.
alone = [i for i in ids if not any(other.startswith(i + "-") for other in ids)]


def chosen(count):
    return alone[:: max(1, len(alone) // count)][:count]


def measure(arguments):
    times = []
    for run in range(runs + 1):
        child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode > 1:
            sys.exit(f"{' '.join(arguments[:3])} ... ended with {child.returncode}")
        if run > 0:
            times.append(used.ru_utime + used.ru_stime)
    return statistics.median(times)


with tempfile.TemporaryDirectory() as room:
    line = os.path.join(room, "line.txt")
    with open(line, "w") as file:
        file.write("hello\n")
    size = os.path.getsize(big) / 1e6
    print("| rules | a one-line file | a large text, one thread |\n|---|---|---|")
    for count in [50, 200, len(ids)]:
        # Rules that judge by evidence cost the same among few and many.
        few = [*chosen(count), "generic"]
        only = [] if count == len(ids) else [part for i in few for part in ("--only", i)]
        base = [keyscan, "-q", "-j1", "--no-history", *only]
        small = measure([*base, line])
        large = measure([*base, big]) - small
        print(f"| {count} | {small * 1000:.1f} ms | {size / large:.0f} MB/s |")
PYTHON
