#!/usr/bin/env python3
"""Fits the weights of generic findings to labelled files, and says how well they do on files they were not fitted to.

    cargo run --release --example evidence -- FILES > evidence.tsv
    src/generic/fit.py evidence.tsv labels.csv [--found others.txt] [--pull 0.1] [--print]

FILES is a directory with one directory for each repository; evidence.tsv holds no values. labels.csv has a line
`path,first line,last line,T or F` for each labelled place, its path as in evidence.tsv. others.txt lists places that
other rules find, as `path:line`; they count as found.

Prints precision, recall and F1 with the weights as they stand, then five-fold: each fifth of the repositories is judged by
weights that were fitted to the others. --print adds the weights fitted to all of them. They are a proposal: what labels
cannot teach (the places of files, what is public by its nature) is set by hand, from findings read in other repositories.

Logistic regression by Adagrad on the sum of the weights, pulled towards the weights as they stand by --pull: without it,
evidence that few labels have would weigh anything.
"""
import argparse
import collections
import csv
import math
import pathlib
import random
import re

WEIGHTS = pathlib.Path(__file__).parent / "weights.rs"
START = "(start)"
ROUNDS = 60


def current():
    """The weights as they stand, in points."""
    text = WEIGHTS.read_text()
    table = {name: int(weight) / 10 for name, weight in re.findall(r'^    (\w+) (-?\d+) "', text, re.M)}
    table[START] = int(re.search(r"START: i32 = (-?\d+)", text)[1]) / 10
    return table


class Labels:
    def __init__(self, path):
        self.places = collections.defaultdict(list)
        with open(path, newline="") as file:
            for where, first, last, label in csv.reader(file):
                self.places[where].append((int(first), int(last), label == "T"))

    def at(self, path, line):
        """True, False, or None if nobody labelled the line."""
        said = [label for first, last, label in self.places.get(path, ()) if first <= line <= last]
        return any(said) if said else None


def read(path, labels):
    """Candidates: path, line, evidence, label. Those of lines without a label are left out."""
    rows = []
    with open(path, errors="replace") as file:
        for entry in file:
            where, line, _, evidence = entry.rstrip("\n").split("\t")
            label = labels.at(where, int(line))
            if label is not None:
                rows.append((where, int(line), [START, *evidence.split(",")], label))
    return rows


def fit(rows, start, pull):
    """Weights that make positive sums likely for secrets, and stay near where they start."""
    weights = dict(start)
    squares = collections.defaultdict(lambda: 1e-6)
    order = list(range(len(rows)))
    seen = collections.Counter(name for _, _, evidence, _ in rows for name in evidence)
    rng = random.Random(1)
    for _ in range(ROUNDS):
        rng.shuffle(order)
        for index in order:
            _, _, evidence, label = rows[index]
            total = sum(weights.get(name, 0.0) for name in evidence)
            error = 1 / (1 + math.exp(-max(-30.0, min(30.0, total)))) - label
            for name in evidence:
                step = error + pull * (weights.get(name, 0.0) - start.get(name, 0.0)) / seen[name]
                squares[name] += step * step
                weights[name] = weights.get(name, 0.0) - 0.1 * step / math.sqrt(squares[name])
    return weights


def judge(rows, weigh, labels, found, repositories):
    """Counts labelled places: hit and true, hit and false, missed."""
    hits = {(where, line) for where, line, evidence, _ in rows if weigh(evidence, where) >= 0} | found
    by_file = collections.defaultdict(list)
    for where, line in hits:
        by_file[where].append(line)
    counts = collections.Counter()
    for where, places in labels.places.items():
        if where.split("/")[0] in repositories:
            for first, last, label in places:
                counts[label, any(first <= line <= last for line in by_file[where])] += 1
    return counts


def said(counts):
    right, wrong, missed = counts[True, True], counts[False, True], counts[True, False]
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    return f"P {precision:.3f} R {recall:.3f} F1 {f1:.3f} ({right} right, {wrong} wrong, {missed} missed)"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evidence")
    parser.add_argument("labels")
    parser.add_argument("--found")
    parser.add_argument("--pull", type=float, default=0.1)
    parser.add_argument("--print", action="store_true", dest="show")
    options = parser.parse_args()
    labels, start = Labels(options.labels), current()
    rows = read(options.evidence, labels)
    found = set()
    if options.found:
        for line in pathlib.Path(options.found).read_text().splitlines():
            where, number = line.rsplit(":", 1)
            found.add((where, int(number)))
    repositories = sorted({where.split("/")[0] for where in labels.places})
    print(f"{len(rows)} candidates, {sum(row[3] for row in rows)} of them labelled secret, "
          f"in {len(repositories)} repositories")
    total = lambda weights: lambda evidence, _: sum(weights.get(name, 0.0) for name in evidence)
    print("as they stand  ", said(judge(rows, total(start), labels, found, set(repositories))))
    random.Random(1).shuffle(repositories)
    folds = collections.Counter()
    for fold in range(5):
        held = set(repositories[fold::5])
        weights = fit([row for row in rows if row[0].split("/")[0] not in held], start, options.pull)
        tested = [row for row in rows if row[0].split("/")[0] in held]
        folds += judge(tested, total(weights), labels, found, held)
    print("five-fold      ", said(folds))
    if options.show:
        weights = fit(rows, start, options.pull)
        print("fitted to all  ", said(judge(rows, total(weights), labels, found, set(repositories))))
        for name in sorted(weights, key=lambda name: -abs(weights[name] - start.get(name, 0.0))):
            print(f"  {name:18} {start.get(name, 0.0):+6.1f} -> {weights[name]:+6.1f}")


if __name__ == "__main__":
    main()
