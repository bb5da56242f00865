#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that no failure of a step is counted as a success, and that its reason is shown."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "lib"))
from count_tests import count  # noqa: E402
from failures import excerpts  # noqa: E402


class Count(unittest.TestCase):
    def test_counts_the_cases_of_programs(self):
        self.assertEqual(count("1: All tests passed (31 assertions in 7 test cases)\n"
                               "2: All tests passed (1 assertion in 1 test case)\n"
                               "100% tests passed, 0 tests failed out of 2\n", 0), (8, 0))

    def test_counts_failed_cases(self):
        self.assertEqual(count("test cases: 12 | 10 passed | 2 failed\n"
                               "50% tests passed, 1 tests failed out of 2\n", 8), (10, 2))
        self.assertEqual(count("test cases:  3 |  3 failed\n", 1), (0, 3))
        self.assertEqual(count("Ran 5 tests in 1.2s\n\nFAILED (failures=1, errors=2)\n", 1), (2, 3))
        self.assertEqual(count("check_sizes: 12 checked, 4 wrong\ncheck_docs: 3 checked, 0 wrong\n", 1), (1, 1))

    def test_a_skipped_test_is_a_failed_one(self):
        self.assertEqual(count("Ran 5 tests in 1.2s\n\nOK (skipped=2)\n", 0), (3, 2))

    def test_a_program_that_crashed_counts(self):
        self.assertEqual(count("All tests passed (3 assertions in 2 test cases)\n"
                               "33% tests passed, 2 tests failed out of 3\n", 8), (2, 2))

    def test_a_step_without_a_summary_is_one_test(self):
        self.assertEqual(count("built\n", 0), (1, 0))
        self.assertEqual(count("error\n", 1), (0, 1))
        self.assertEqual(count("", 137), (0, 1))
        self.assertEqual(count("All tests passed (3 assertions in 2 test cases)\n", 124), (2, 1))

    def test_the_reason_is_shown_wherever_it_stands(self):
        log = ["fine"] * 500 + ["a_test.cc:9: FAILED:", "  CHECK( a == b )"] + ["fine"] * 500
        self.assertIn("  CHECK( a == b )", excerpts(log))
        self.assertLess(len(excerpts(log)), 60)
        self.assertEqual(excerpts(["1", "2"]), ["1", "2"])


if __name__ == "__main__":
    unittest.main()
