# SPDX-License-Identifier: Apache-2.0
"""The lists of expected failures (tests/conformance/*.expected), and what a run says beside them.

A line names a test and says why it fails; of a test with numbered assertions also which:

    generic/002                 why
    chmod/00.t:5-7,22           why

Blank lines and lines that begin with # say nothing. A test may have several lines. A reason that begins with "sometimes: "
is of a test that may pass as well.
"""
import collections
import re

LINE = re.compile(r"([^\s:]+)(?::(\S+))?\s+(\S.*)")
SOMETIMES = "sometimes: "
WHOLE = 0  # the number of a test without numbered assertions


class ListError(Exception):
    """A list that cannot be understood."""


def numbers(text):
    """"5-7,22" → 5, 6, 7, 22"""
    for piece in text.split(","):
        first, _, last = piece.partition("-")
        yield from range(int(first), int(last or first) + 1)


def ranges(found):
    """5, 6, 7, 22 → "5-7,22" """
    runs = []
    for number in sorted(found):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def parse(lines, name):
    """{(test, number): reason}"""
    listed = {}
    for count, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if not match:
            raise ListError(f"{name}:{count}: want TEST[:NUMBERS] and a reason, got '{line}'")
        test, found, reason = match.groups()
        try:
            keys = [(test, number) for number in (numbers(found) if found else (WHOLE,))]
        except ValueError as error:
            raise ListError(f"{name}:{count}: '{found}' is no list of numbers and ranges") from error
        for key in keys:
            if key in listed:
                raise ListError(f"{name}:{count}: {test}{f':{key[1]}' if key[1] else ''} is listed twice")
            listed[key] = reason
    return listed


def read(path):
    with open(path, encoding="utf-8") as file:
        return parse(file, path.name)


class Comparison:
    """What a run gave beside its list. `results` is {(test, number): what went wrong, or None where it passed}. A listed
    test is stale where it passes, where it has no such number, and where it is `gone`: there is no such test. What did
    not run for another reason is not judged."""

    def __init__(self, results, listed, gone=()):
        self.passed = [key for key, wrong in results.items() if wrong is None]
        failed = {key: wrong for key, wrong in results.items() if wrong is not None}
        self.unlisted = {key: wrong for key, wrong in failed.items() if key not in listed}
        self.known = {key: listed[key] for key in failed if key in listed}
        judged = {test for test, _ in results} | set(gone)
        self.stale = {key: reason for key, reason in listed.items()
                      if key[0] in judged and key not in failed and not reason.startswith(SOMETIMES)}
        self.idle = {test for test, _ in listed if test not in judged}

    @property
    def good(self):
        return not self.unlisted and not self.stale

    def per_folder(self):
        """{folder: (passed, all)}"""
        counts = collections.defaultdict(lambda: [0, 0])
        for keys, good in ((self.passed, 1), (self.unlisted, 0), (self.known, 0)):
            for test, _ in keys:
                one = counts[test.rpartition("/")[0]]
                one[0] += good
                one[1] += 1
        return {folder: tuple(one) for folder, one in sorted(counts.items())}


def as_lines(entries):
    """{(test, number): text} in the lists' own format: a line for each run of numbers with the same text."""
    grouped = collections.defaultdict(list)
    for (test, number), text in entries.items():
        grouped[test, text].append(number)
    order = sorted(grouped.items(), key=lambda item: (item[0][0], min(item[1])))
    for (test, text), found in order:
        where = test if found == [WHOLE] else f"{test}:{ranges(found)}"
        yield f"{where:<28} {text}"
