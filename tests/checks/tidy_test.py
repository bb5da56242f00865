#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that scripts/check_tidy.py looks at every source that may have changed since it was found clean."""
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "check_tidy.py")
KEPT = "tests/checks/tidy-clean.txt"


class TidyTest(unittest.TestCase):
    """src/a.cc includes src/deep/b.h by way of src/a.h, and src/c.cc nothing."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.write("src/a.cc", '#include "a.h"\nint a() { return deep(); }\n')
        self.write("src/a.h", '#pragma once\n#include "deep/b.h"\nint a();\n')
        self.write("src/deep/b.h", "#pragma once\ninline int deep() { return 1; }\n")
        self.write("src/c.cc", "int* c();\nint* c() { return nullptr; }\n")
        self.write(".clang-tidy", "Checks: '-*,modernize-use-nullptr'\nWarningsAsErrors: '*'\nHeaderFilterRegex: '.*'\n")
        self.compile_by("-Wall")

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def compile_by(self, options, *sources):
        entries = []
        for name in sources or ("a", "c"):
            path = f"{self.root}/src/{name}.cc"
            entries.append({"directory": f"{self.root}/build", "file": path,
                            "command": f"clang++ -I{self.root}/src {options} -o {name}.o -c {path}"})
        self.write("build/compile_commands.json", json.dumps(entries))

    def command(self, *options):
        return [CHECK, *options, os.path.join(self.root, "build"), self.root]

    def check(self, *options):
        return subprocess.run(self.command(*options), capture_output=True, text=True, check=False)

    def remember(self):
        self.assertEqual(self.check("--remember").returncode, 0)
        self.forget_here()

    def forget_here(self):
        """As in a fresh clone: what was found good is known from the kept file alone."""
        folder = os.path.join(self.root, "build", "tidy-good")
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))

    def looked_at(self, *options, headers=False):
        """The sources, or the headers that were compiled alone."""
        result = self.check(*options)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return {line.split()[1] for line in result.stdout.splitlines() if line.startswith("[") and ("(alone)" in line) == headers}

    def assert_looks_at(self, *names, options=()):
        self.assertEqual(self.looked_at(*options), {f"src/{name}.cc" for name in names})

    def test_looks_at_everything_until_it_is_told_to_remember(self):
        self.assert_looks_at("a", "c")
        self.assertFalse(os.path.exists(os.path.join(self.root, KEPT)))
        self.assert_looks_at("a", "c", options=["--remember"])
        self.assert_looks_at()
        self.assert_looks_at("a", "c", options=["--all"])

    def test_finds_what_is_wrong_in_a_changed_header_by_those_who_include_it(self):
        self.remember()
        self.write("src/deep/b.h", "#pragma once\ninline int* null() { return 0; }\ninline int deep() { return 1; }\n")
        result = self.check("--remember")
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("deep/b.h:2", result.stdout)
        self.assertNotIn("src/c.cc", result.stdout)
        kept = [line.split()[1] for line in self.read(KEPT).splitlines()]
        self.assertEqual([name for name in kept if name.endswith(".cc")], ["src/c.cc"])

    def test_compiles_headers_alone_that_no_source_begins_with(self):
        self.assertEqual(self.looked_at("--remember", headers=True), {"src/deep/b.h"})
        self.forget_here()
        self.assertEqual(self.looked_at(headers=True), set())
        self.write("src/c.cc", '#include "a.h"\n#include "e.h"\nint c() { return a(); }\n')
        self.write("src/e.h", "#pragma once\ninline int e() { return a(); }\n")
        result = self.check()
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("src/e.h:2", result.stdout)
        self.write("src/e.h", '#pragma once\n#include "a.h"\ninline int e() { return a(); }\n')
        self.assertEqual(self.looked_at("--remember", headers=True), {"src/e.h"})
        self.write("src/deep/b.h", "#pragma once\ninline int deep() { return 3; }\n")
        self.assertEqual(self.looked_at(headers=True), {"src/deep/b.h", "src/e.h"})

    def test_looks_at_who_includes_a_changed_header(self):
        self.remember()
        self.write("src/deep/b.h", "#pragma once\ninline int deep() { return 2; }\n")
        self.assert_looks_at("a")

    def test_looks_at_who_now_finds_another_header(self):
        self.remember()
        self.write("src/a.cc", '#include "a.h"\n#if __has_include("d.h")\n#include "d.h"\n#endif\nint a() { return deep(); }\n')
        self.remember()
        self.assert_looks_at()
        self.write("src/d.h", "#pragma once\n")
        self.assert_looks_at("a")

    def test_looks_again_after_a_change_of_options_or_settings(self):
        self.remember()
        self.compile_by("-Wall -DMORE")
        self.assert_looks_at("a", "c")
        self.compile_by("-Wall")
        self.assert_looks_at()
        self.write(".clang-tidy", self.read(".clang-tidy") + "FormatStyle: none\n")
        self.assert_looks_at("a", "c")

    def test_looks_at_who_has_no_line_or_another_fingerprint(self):
        self.remember()
        whole = self.read(KEPT)
        lines = whole.splitlines(keepends=True)
        self.write(KEPT, lines[1])
        self.assert_looks_at("a")
        self.write(KEPT, lines[0] + ("1" if lines[1][0] == "0" else "0") + lines[1][1:])
        self.assert_looks_at("c")

    def test_refuses_a_file_that_is_not_its_own(self):
        self.remember()
        whole = self.read(KEPT)
        for wrong in ("<<<<<<< ours\n" + whole, whole + whole, whole[5:], "src/a.cc\n"):
            with self.subTest(wrong):
                self.write(KEPT, wrong)
                result = self.check()
                self.assertNotEqual(result.returncode, 0, result.stdout)
                self.assertIn(KEPT, result.stderr)

    def test_does_not_depend_on_the_folder_of_the_clone(self):
        self.remember()
        kept = self.read(KEPT)
        with tempfile.TemporaryDirectory() as other:
            os.rename(self.root, other + "/deeper")
            os.mkdir(self.root)
            self.root = other + "/deeper"
            self.compile_by("-Wall")
            self.assert_looks_at()
            self.assertEqual(self.read(KEPT), kept)

    def test_forgets_who_is_gone(self):
        self.remember()
        self.compile_by("-Wall", "c")
        self.remember()
        self.assertNotIn("src/a.cc", self.read(KEPT))

    def test_keeps_what_was_clean_when_it_is_interrupted(self):
        self.write("never", '#!/bin/sh\ncase "$*" in *-fsyntax-only*) exec sleep 600 ;; esac\nexec clang++ "$@"\n')
        os.chmod(os.path.join(self.root, "never"), 0o755)
        entries = json.loads(self.read("build/compile_commands.json"))
        entries[1]["command"] = entries[1]["command"].replace("clang++", f"{self.root}/never", 1)
        self.write("build/compile_commands.json", json.dumps(entries))
        process = subprocess.Popen(self.command("--remember"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        try:
            limit = time.monotonic() + 60
            while time.monotonic() < limit and not (os.path.exists(os.path.join(self.root, KEPT)) and self.read(KEPT)):
                time.sleep(0.02)
        finally:
            os.killpg(process.pid, signal.SIGINT)
        self.assertNotEqual(process.wait(60), 0)
        self.assertEqual([line.split()[1] for line in self.read(KEPT).splitlines()], ["src/a.cc"])


if __name__ == "__main__":
    unittest.main()
