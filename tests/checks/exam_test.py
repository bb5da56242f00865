#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that the faults which the simulation must find can still be put into the sources, see scripts/simulation-exam."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lib"))
from exam import EXAM, faults, promise  # noqa: E402


def applies(patch):
    return subprocess.run(["git", "apply", "--check", str(patch)], cwd=ROOT, capture_output=True, text=True, check=False)


class Exam(unittest.TestCase):
    def test_each_patch_applies(self):
        self.assertGreaterEqual(len(faults(ROOT)), 10)
        for name in faults(ROOT):
            with self.subTest(name):
                checked = applies(ROOT / EXAM / f"{name}.patch")
                self.assertEqual(checked.returncode, 0, "bring the patch up to date with the sources: " + checked.stderr)

    def test_each_patch_says_what_it_breaks(self):
        for name in faults(ROOT):
            with self.subTest(name):
                self.assertRegex(promise(ROOT, name), r"^[A-Z][^\n]*\.$")

    def test_a_patch_of_other_sources_is_noticed(self):
        name = faults(ROOT)[0]
        text = (ROOT / EXAM / f"{name}.patch").read_text().replace("\n ", "\n other text before ")
        with tempfile.NamedTemporaryFile("w", suffix=".patch") as patch:
            patch.write(text)
            patch.flush()
            self.assertNotEqual(applies(patch.name).returncode, 0)


if __name__ == "__main__":
    unittest.main()
