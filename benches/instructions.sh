#!/usr/bin/env bash
# Instructions and allocations of a scan of given files: numbers that other programs on the machine do not disturb.
# See benches/README.md.
set -euo pipefail

usage() {
    cat <<'TEXT'
benches/instructions.sh [-p] [-b PROGRAM] FILE...

  -p          also print the functions with the most instructions
  -b PROGRAM  keyscan; default target/quick/keyscan, which has the names of its functions

Needs valgrind. Each file is scanned with one thread; an empty file is taken off, which is what starting costs.
TEXT
}

here=$(cd "$(dirname "$0")/.." && pwd)
program=$here/target/quick/keyscan
profile=false
while getopts pb:h option; do
    case $option in
    p) profile=true ;;
    b) program=$OPTARG ;;
    h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2 && exit 2; }
[ -x "$program" ] || { echo "there is no $program: run \`cargo build --profile quick --locked\`" >&2 && exit 2; }
command -v valgrind >/dev/null || { echo "valgrind is needed" >&2 && exit 2; }

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
: >"$temporary/empty"

# run TOOL FILE OPTIONS...: what valgrind says; keyscan's exit codes 0 and 1 are fine.
run() {
    local tool=$1 file=$2 code=0
    shift 2
    valgrind --tool="$tool" "$@" "$program" --quiet --no-history -j1 --format json --output "$temporary/report" "$file" \
        2>"$temporary/said" || code=$?
    [ "$code" -le 1 ] || { cat "$temporary/said" >&2 && echo "the scan of $file ended with $code" >&2 && exit 2; }
}
instructions() {
    run callgrind "$1" --callgrind-out-file="$temporary/callgrind"
    awk '/Collected *:/ { print $NF }' "$temporary/said"
}
allocations() {
    run dhat "$1" --dhat-out-file="$temporary/dhat"
    awk '/Total:/ { gsub(",", ""); print $(NF - 1) }' "$temporary/said"
}

start=$(instructions "$temporary/empty")
start_allocations=$(allocations "$temporary/empty")
printf '| file | bytes | instructions | per byte | allocations | per KiB |\n| --- | --- | --- | --- | --- | --- |\n'
printf '| (start) | 0 | %d |  | %d |  |\n' "$start" "$start_allocations"
for file in "$@"; do
    size=$(stat -c %s "$file")
    [ "$size" -gt 0 ] || { echo "$file is empty" >&2 && exit 2; }
    some=$(($(instructions "$file") - start))
    if $profile; then callgrind_annotate "$temporary/callgrind" | head -60 >&2; fi
    blocks=$(($(allocations "$file") - start_allocations))
    awk -v name="$(basename "$file")" -v size="$size" -v some="$some" -v blocks="$blocks" 'BEGIN {
        printf "| %s | %d | %d | %.1f | %d | %.2f |\n", name, size, some, some / size, blocks, blocks * 1024 / size
    }'
done
