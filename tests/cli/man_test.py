#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows the manual pages with man(1): man_test.py PENSTOCK [unittest arguments]."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PENSTOCK = ""
PAGES = ("penstock.1", "penstock-mount.8", "penstock.toml.5")


def words_of(*arguments):
    return subprocess.run([PENSTOCK, *arguments], capture_output=True, text=True, check=True).stdout


class ManPages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="penstock-man-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for page in PAGES:
            (self.folder / page).write_text(words_of("--generate", page))

    def shown(self, page, width=80):
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": str(width), "MAN_KEEP_FORMATTING": ""}
        result = subprocess.run(["man", "--warnings", "--encoding=UTF-8", "--pager=cat", "--local-file",
                                 self.folder / page], capture_output=True, text=True, env=environment, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""), page)
        return result.stdout

    def test_man_warns_of_nothing_and_no_line_is_too_long(self):
        for page in PAGES:
            for width in (80, 132):
                for line in self.shown(page, width).splitlines():
                    self.assertLessEqual(len(line), width, f"{page}: {line}")

    def test_the_pages_show_what_help_shows(self):
        help_all = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", words_of("--help-all"), re.MULTILINE))
        page = set(re.findall(r"^ {7}(?:-\w, )?(--[a-z-]+)", self.shown("penstock-mount.8", 132), re.MULTILINE))
        self.assertEqual(page, help_all)
        commands = set(re.findall(r"^ {3}penstock ([a-z ]+)$", self.shown("penstock.1"), re.MULTILINE))
        wanted = {"mount"}
        for word in ("umount", "warm", "restore", "archive", "tier", "verify", "cache", "status", "stats", "doctor",
                     "credentials", "replay", "config"):
            wanted |= {name.strip() for name in re.findall(r"penstock ([a-z ]+) \[OPTIONS\]", words_of("help", word))}
        self.assertEqual(commands, wanted)
        shown = self.shown("penstock.toml.5", 132)
        keys = set(re.findall(r"^ {7}([a-z][a-z-]+)(?: |$)", shown[shown.index("\n       endpoint-url"):], re.MULTILINE))
        self.assertEqual({f"--{key}" for key in keys}, help_all - {"--config"})

    def test_whatis_finds_their_names(self):
        for page in PAGES:
            self.assertIn(f"{page[:-2]}", self.shown(page).split("NAME\n", 1)[1].split("\n\n")[0])


if __name__ == "__main__":
    PENSTOCK = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
