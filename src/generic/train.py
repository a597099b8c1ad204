#!/usr/bin/env python3
"""Trains words.bin: how likely three characters follow each other in words that people write.

    train.py OUT DIRECTORY...

Reads text files below the directories, each of which counts as one source, and takes their words: runs of letters, cut
where lower case turns to upper case. A word counts once for each source that holds it, if at least two do, so that no
file, and no random text, weighs much. OUT gets 28 * 28 * 28 bytes, indexed by three symbols (0 is the edge of a word,
1 to 26 are a to z, 27 is any other letter): the negated log2 of the probability of the third after the first two, in
sixteenths, with add-one-tenth smoothing.
"""
import collections
import math
import os
import re
import sys

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_a-zA-Z]+")
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
SKIP = {".git", "node_modules", "vendor", "third_party", "testdata", "fixtures", "cassettes"}
# Other languages stand in the files of translations.
TRANSLATED = re.compile(r"(^|[/_.-])(lang|langs|locales?|i18n|l10n|translations?|messages|intl)[/_.-]", re.I)
TRANSLATIONS = {".json", ".po", ".xlf", ".properties", ".strings", ".resx", ".xml"}
TEXT = {".md", ".rst", ".txt", ".py", ".rb", ".js", ".ts", ".go", ".rs", ".java", ".c", ".h", ".cs", ".php", ".sh",
        ".yml", ".yaml", ".toml", ".html", ".css", ".erb", ".kt", ".scala", ".adoc"}
SIZE = 28


def words_of(directory):
    words = collections.Counter()
    for at, folders, files in os.walk(directory):
        folders[:] = sorted(f for f in folders if f not in SKIP)
        for name in sorted(files):
            path = os.path.join(at, name)
            end = os.path.splitext(name)[1]
            wanted = end in TEXT or end in TRANSLATIONS and TRANSLATED.search(path)
            if not wanted or os.path.islink(path) or os.path.getsize(path) > 1 << 20:
                continue
            with open(path, errors="ignore") as file:
                for line in file:
                    if len(line) < 400:
                        words.update(w.lower() for w in WORD.findall(ESCAPE.sub(unescape, line)))
    return {w for w, n in words.items() if n >= 2 and 2 <= len(w) <= 20}


def unescape(match):
    return chr(int(match[1], 16))


def symbol(char):
    return ord(char) - 96 if "a" <= char <= "z" else 27


def main(out, *directories):
    sources = collections.Counter()
    for directory in directories:
        sources.update(words_of(directory))
    counts = [0.0] * SIZE ** 3
    for word, n in sources.items():
        if n >= 2:
            text = [0, 0, *map(symbol, word), 0]
            for a, b, c in zip(text, text[1:], text[2:]):
                counts[(a * SIZE + b) * SIZE + c] += n
    table = bytearray()
    for pair in range(SIZE * SIZE):
        row = [n + 0.1 for n in counts[pair * SIZE:(pair + 1) * SIZE]]
        total = sum(row)
        table += bytes(min(255, round(-16 * math.log2(n / total))) for n in row)
    with open(out, "wb") as file:
        file.write(table)
    print(f"{sum(n >= 2 for n in sources.values())} words of {len(directories)} sources", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
