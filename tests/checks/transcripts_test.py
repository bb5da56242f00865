#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that an example of docs/semantics.md or docs/operations which is wrong, missing or unreadable does not pass for a right one."""
import os
import sys
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "real"))
from transcripts import Example, File, NotationError, NotPlayed, difference, read_page, without_examples  # noqa: E402


def page(*lines):
    return read_page("p.md", "\n".join(["# Page", "## One", "```console", *lines, "```", ""]))


class Reading(unittest.TestCase):
    def test_prompts_and_their_answers(self):
        example = page("(mounted with --read-only --no-cache)", "a$ ls", "x", "# y", "b>>> 1 + 1", "2", "s3$ ls",
                       "$ true").examples[0]
        self.assertEqual((example.section, example.line, example.options), ("One", 3, ["--read-only", "--no-cache"]))
        self.assertEqual([(step.line, step.node, step.kind, step.text, step.expected) for step in example.steps],
                         [(5, "a", "$", "ls", ["x", "# y"]), (8, "b", ">>>", "1 + 1", ["2"]), (10, "", "s3$", "ls", []),
                          (11, "", "$", "true", [])])

    def test_refuses_what_nobody_would_play(self):
        for wrong, lines in {"p.md:4: unknown prompt": ["gs$ ls"], "p.md:5: unknown prompt": ["$ ls", "root# ls"],
                             "p.md:6: unknown prompt": ["$ ls", "", "A>>> 1"], "p.md:4: an answer": ["x", "$ ls"],
                             "p.md:3: an empty example": [], "a block of ''": ["$ ls", "```", "", "```", "$ ls"]}.items():
            with self.subTest(wrong), self.assertRaisesRegex(NotationError, wrong):
                page(*lines)
        with self.assertRaisesRegex(NotationError, "p.md:1: this block does not end"):
            read_page("p.md", "```console\n$ ls\n")

    def test_each_section_has_an_example_or_an_excuse(self):
        two = read_page("p.md", "## One\n```console\n$ ls\n```\n## Two\n")
        self.assertEqual(list(without_examples(two, {})), ["p.md: the section 'Two' has no example"])
        self.assertEqual(list(without_examples(two, {"Two": "why"})), [])
        self.assertEqual(len(list(without_examples(two, {"Two": "why", "One": "has one", "Three": "is none"}))), 2)


def operations(*lines):
    return read_page("p.md", "\n".join(lines), with_files=True)


class Files(unittest.TestCase):
    def test_blocks_are_played_written_or_marked(self):
        page = operations("# Page", "```", "# ~/.a/b.toml", "x = 1", "", "```", "<!--", "```console", "$ hidden", "```", "-->",
                          "<!-- not played: why; tests/a_test.py test_b c -->", "```console", "$ docker run", "```")
        self.assertEqual(page.blocks[0], File(2, "~/.a/b.toml", "# ~/.a/b.toml\nx = 1\n\n"))
        self.assertIsInstance(page.blocks[1], Example)
        self.assertEqual(page.blocks[2], NotPlayed(13, "why", "tests/a_test.py", "test_b c"))
        self.assertEqual(len(page.blocks), 3)
        self.assertEqual(page.examples, [page.blocks[1]])

    def test_refuses_every_other_block(self):
        for wrong, lines in {"p.md:1: a block of ''": ["```", "apt install penstock", "```"],
                             "p.md:2: a block of 'sh'": ["", "```sh", "# /etc/file", "```"],
                             "p.md:3: a block of ''": ["<!-- played by nobody -->", "", "```", "x", "```"],
                             "p.md:1: a mark is": ["<!-- not played: no test -->", "```", "x", "```"],
                             "p.md:1: there is no block below": ["<!-- not played: why; f t -->", "", "```console", "$ a", "```"],
                             "p.md:2: there is no block below": ["", "<!-- not played: why; f t -->"],
                             "p.md:3: an indented block": ["Text", "", "    apt install penstock"],
                             "p.md:2: an indented block": ["## Title", "\tapt install penstock"]}.items():
            with self.subTest(wrong), self.assertRaisesRegex(NotationError, wrong):
                operations(*lines)

    def test_a_contract_has_examples_alone(self):
        for lines in (["```", "# /etc/file", "```"], ["<!-- not played: why; f t -->", "```", "x", "```"]):
            with self.assertRaisesRegex(NotationError, "a block of ''"):
                read_page("p.md", "\n".join(lines))


class Comparing(unittest.TestCase):
    def difference(self, expected, answer):
        return difference("p.md", page("$ cat f", *expected).examples[0].steps[0], answer)

    def test_equal_answers(self):
        self.assertIsNone(self.difference(["one", "", "two", ""], "one\n\ntwo"))
        self.assertIsNone(self.difference([], ""))
        self.assertIsNone(self.difference(["at … of …."], "at 12:30 of 5.\n"))

    def test_other_answers(self):
        for expected, answer in ((["one"], "One"), (["one"], ""), ([], "one"), (["one"], "one\none"), (["a…"], "b"),
                                 (["a.c"], "abc"), (["…"], "one\ntwo"), (["one"], "one ")):
            with self.subTest(expected=expected, answer=answer):
                self.assertIsNotNone(self.difference(expected, answer))

    def test_any_lines(self):
        for expected, answer in ((["a", "[…]", "b"], "a\nb"), (["a", "[…]", "b"], "a\nx\ny\nb"), (["[…]"], ""),
                                 (["[…]", "b", "[…]"], "b\nb\nc"), (["[…]", "a…", "[…]", "(exit 1)"], "x\nab\n(exit 1)")):
            with self.subTest(expected=expected, answer=answer):
                self.assertIsNone(self.difference(expected, answer))
        for expected, answer in ((["a", "[…]", "b"], "a"), (["a", "[…]"], "x\na"), (["[…]", "b"], "b\nc"),
                                 (["a", "[…]", "a"], "a"), (["[…]", "b", "[…]", "b"], "b")):
            with self.subTest(expected=expected, answer=answer):
                self.assertIsNotNone(self.difference(expected, answer))

    def test_says_where_and_how(self):
        text = self.difference(["one"], "two\n")
        for part in ("p.md:4: $ cat f", "-one", "+two"):
            self.assertIn(part, text)


if __name__ == "__main__":
    unittest.main()
