#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads what a step of scripts/test printed and says how many tests that were.

    count_tests.py LOG STATUS      prints "PASSED FAILED"

Understands Catch2, Python's unittest, ctest and the project's own checks. A step that printed none of these counts as
one test; one that failed has at least one failed test.
"""
import re
import sys


def count(text, status):
    passed = failed = 0
    for match in re.finditer(r"All tests passed \(.* in (\d+) test cases?\)", text):
        passed += int(match.group(1))
    for match in re.finditer(r"test cases: *(\d+) \|(?: *(\d+) passed)?(?: *\|)?(?: *(\d+) failed)?", text):
        failed += int(match.group(3) or 0)
        passed += int(match.group(1)) - int(match.group(3) or 0)
    for match in re.finditer(r"^Ran (\d+) tests? in .*\n\n(.*)$", text, re.MULTILINE):
        wrong = sum(map(int, re.findall(r"(?:failures|errors|skipped)=(\d+)", match.group(2))))
        failed += wrong
        passed += int(match.group(1)) - wrong
    for match in re.finditer(r"^check_\w+: \d+ checked, (\d+) wrong", text, re.MULTILINE):
        passed, failed = (passed, failed + 1) if int(match.group(1)) else (passed + 1, failed)
    # Programs that ctest saw fail without a summary of their own: crashed, hung or not started.
    programs = sum(int(number) for number in re.findall(r"(\d+) tests? failed out of \d+", text))
    failed = max(failed, programs)
    if status != 0:
        failed = max(failed, 1)
    elif passed + failed == 0:
        passed = 1
    return passed, failed


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        print(*count(log.read(), int(sys.argv[2])))
