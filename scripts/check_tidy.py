#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy on every source of Penstock, and clang itself on those of the tests, all warnings being errors.

    check_tidy.py [BUILD]        BUILD is configured by the preset "tidy" (build/tidy)

Both check the locks too (-Wthread-safety). What was found good is remembered under BUILD and not looked at again until
the file, one of the project's headers it includes, its flags, .clang-tidy or clang change.
"""
import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def output_of(command, directory):
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True).stdout


class Checker:
    def __init__(self, build):
        self.build = build
        self.remembered = os.path.join(build, "tidy-good")
        os.makedirs(self.remembered, exist_ok=True)
        with open(os.path.join(ROOT, ".clang-tidy"), encoding="utf-8") as file:
            self.settings = file.read() + output_of(["clang-tidy", "--version"], ROOT)

    def sources(self):
        with open(os.path.join(self.build, "compile_commands.json"), encoding="utf-8") as file:
            return sorted(json.load(file), key=lambda entry: entry["file"])

    def commands(self, entry):
        """(the compiler's command for finding includes, the command that checks)"""
        words = shlex.split(entry["command"])
        if os.path.basename(words[0]) == "ccache":
            del words[0]
        for option, count in (("-c", 1), ("-o", 2)):
            at = words.index(option)
            del words[at:at + count]
        if os.path.relpath(entry["file"], ROOT).startswith("src" + os.sep):
            check = ["clang-tidy", "-p", self.build, "--quiet", "--checks=clang-diagnostic-*", entry["file"]]
        else:
            check = [*words, "-fsyntax-only"]
        return [*words, "-MM"], check

    def fingerprint(self, includes, check, directory):
        digest = hashlib.sha256((self.settings + repr(check)).encode())
        rule = output_of(includes, directory).replace("\\\n", " ")
        for path in rule.split(":", 1)[1].split():
            with open(os.path.join(directory, path), "rb") as file:
                digest.update(path.encode() + b"\0" + file.read())
        return os.path.join(self.remembered, digest.hexdigest())

    def check(self, entry):
        """(path, None where it is good, else what was said)"""
        path = os.path.relpath(entry["file"], ROOT)
        includes, check = self.commands(entry)
        try:
            good = self.fingerprint(includes, check, entry["directory"])
        except subprocess.CalledProcessError as error:
            return path, error.stderr
        if os.path.exists(good):
            return path, None
        result = subprocess.run(check, cwd=entry["directory"], capture_output=True, text=True, check=False)
        if result.returncode == 0:
            with open(good, "w", encoding="utf-8"):
                pass
            return path, None
        return path, result.stdout + result.stderr


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "tidy"))
    checker = Checker(build)
    sources = checker.sources()
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (path, said) in enumerate(pool.map(checker.check, sources), 1):
            if said is not None:
                wrong += 1
                print(f"{path}:\n{said}")
            print(f"[{done}/{len(sources)}] {path}{'' if said is None else ': WRONG'}", flush=True)
    print(f"check_tidy: {len(sources)} checked, {wrong} wrong")
    sys.exit(1 if wrong or not sources else 0)


main()
