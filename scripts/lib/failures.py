#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints of a failed step's log what says why: the failed checks, and what a sanitizer reported.

    failures.py LOG

Where it finds none of these it prints the log's end.
"""
import re
import sys

SIGN = re.compile(r"FAILED:|^\W*(\d+: )?(FAIL|ERROR): |WARNING: ThreadSanitizer|ERROR: AddressSanitizer|LeakSanitizer|"
                  r"runtime error:|SIG(SEGV|ABRT|TERM)|\*\*\*(Failed|Timeout|Exception)|Traceback|: error:")
BEFORE, AFTER = 7, 25
MOST_LINES = 120
END_LINES = 40
WIDTH = 240


def excerpts(lines):
    """The lines about each sign, "…" where some are left out."""
    wanted = set()
    for number, line in enumerate(lines):
        if SIGN.search(line):
            wanted.update(range(max(number - BEFORE, 0), min(number + AFTER, len(lines))))
    shown = []
    last = -1
    for number in sorted(wanted)[:MOST_LINES]:
        if number != last + 1:
            shown.append("…")
        shown.append(lines[number])
        last = number
    return shown or lines[-END_LINES:]


def printable(line):
    return "".join(c if c.isprintable() else "?" for c in line[:WIDTH])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        print(*map(printable, excerpts(log.read().split("\n"))), sep="\n")
