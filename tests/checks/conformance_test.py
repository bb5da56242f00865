#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that scripts/conformance notices what its lists of expected failures do not say, and what they say wrongly."""
import os
import sys
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts")
sys.path.insert(0, os.path.join(SCRIPTS, "lib"))
from conformance import expected  # noqa: E402
from conformance.pjdfstest import parse_tap  # noqa: E402
from conformance.xfstests import Outcomes  # noqa: E402

LIST = """
# a comment

chmod/00.t:2-4,7  no links
chmod/00.t:9      another reason
generic/002       the whole test
"""


class Lists(unittest.TestCase):
    def test_reads_numbers_and_ranges(self):
        self.assertEqual(list(expected.numbers("2-4,7")), [2, 3, 4, 7])
        self.assertEqual(expected.ranges([7, 3, 2, 4]), "2-4,7")
        listed = expected.parse(LIST.split("\n"), "list")
        self.assertEqual(listed["chmod/00.t", 3], "no links")
        self.assertEqual(listed["generic/002", expected.WHOLE], "the whole test")
        self.assertEqual(len(listed), 6)

    def test_writes_what_it_reads(self):
        listed = expected.parse(LIST.split("\n"), "list")
        self.assertEqual(expected.parse(expected.as_lines(listed), "again"), listed)

    def test_refuses_what_it_does_not_understand(self):
        for line in ("chmod/00.t:3", "chmod/00.t:3-x  why", "chmod/00.t:3,3 why", "chmod/00.t:,3 why"):
            with self.subTest(line), self.assertRaises(expected.ListError):
                expected.parse([line], "list")

    def test_every_list_can_be_read(self):
        folder = os.path.join(SCRIPTS, "..", "tests", "conformance")
        for name in os.listdir(folder):
            with self.subTest(name), open(os.path.join(folder, name), encoding="utf-8") as file:
                expected.parse(file, name)


class Comparisons(unittest.TestCase):
    LISTED = {("a/0.t", 1): "why", ("a/0.t", 2): "why"}

    def test_expected_failures_are_good(self):
        compared = expected.Comparison({("a/0.t", 1): "x", ("a/0.t", 2): "y", ("b/0.t", 1): None}, self.LISTED)
        self.assertTrue(compared.good)
        self.assertEqual(compared.per_folder(), {"a": (0, 2), "b": (1, 1)})

    def test_an_unlisted_failure_is_not(self):
        compared = expected.Comparison({("a/0.t", 1): "x", ("a/0.t", 2): "y", ("a/0.t", 3): "z"}, self.LISTED)
        self.assertFalse(compared.good)
        self.assertEqual(list(expected.as_lines(compared.unlisted)), [f"{'a/0.t:3':<28} z"])

    def test_a_listed_test_that_passes_is_not(self):
        compared = expected.Comparison({("a/0.t", 1): "x", ("a/0.t", 2): None}, self.LISTED)
        self.assertFalse(compared.good)
        self.assertEqual(compared.stale, {("a/0.t", 2): "why"})

    def test_one_that_fails_sometimes_may_pass(self):
        listed = {("a/0.t", 1): "sometimes: why"}
        self.assertTrue(expected.Comparison({("a/0.t", 1): None}, listed).good)
        self.assertTrue(expected.Comparison({("a/0.t", 1): "wrong"}, listed).good)

    def test_nor_one_that_does_not_exist(self):
        self.assertFalse(expected.Comparison({("a/0.t", 1): "x"}, self.LISTED).good)
        self.assertFalse(expected.Comparison({}, self.LISTED, gone={"a/0.t"}).good)

    def test_what_did_not_run_is_not_judged(self):
        compared = expected.Comparison({("b/0.t", 1): None}, self.LISTED)
        self.assertTrue(compared.good)
        self.assertEqual(compared.idle, {"a/0.t"})


class Outputs(unittest.TestCase):
    def test_tap(self):
        self.assertEqual(parse_tap("1..4\nok 1\nnot ok 2 - tried 'mkdir pjdfstest_0a1b 0755', expected 0, got EIO\n"
                                   "not ok 3 # TODO odd\n"),
                         {1: None, 2: "tried 'mkdir NAME 0755', expected 0, got EIO", 3: None, 4: "was not reached"})

    def test_a_test_that_prints_nothing_has_failed(self):
        self.assertIsNotNone(parse_tap("sh: syntax error\n")[1])

    def test_xfstests(self):
        outcomes = Outcomes()
        for line in ("FSTYP         -- fuse", "generic/001         8s", "generic/002 2s ...  3s",
                     "generic/003        [not run] No hardlink support",
                     "generic/004        - output mismatch (see /a/004.out.bad)",
                     "    --- tests/generic/004.out", "    +++ b", "     QA output", "    +mtime not updated", "    +more",
                     "generic/005       [failed, exit status 1]- output mismatch (see /a/b)",
                     "Ran: generic/001 generic/002"):
            outcomes.add(line)
        self.assertEqual(outcomes.passed, ["generic/001", "generic/002"])
        self.assertEqual(outcomes.not_run, {"generic/003": "No hardlink support"})
        self.assertEqual(outcomes.failed, {"generic/004": "output mismatch: mtime not updated",
                                           "generic/005": "[failed, exit status 1]- output mismatch"})


if __name__ == "__main__":
    unittest.main()
