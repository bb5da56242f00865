#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy on every source of Penstock, and clang itself on those of the tests, all warnings being errors.

    check_tidy.py [BUILD [ROOT]]        BUILD is configured by the preset "tidy" (build/tidy); ROOT has src and .clang-tidy

Both check the locks too (-Wthread-safety). The sources that PENSTOCK_UNITY puts together are looked at as one text, which
takes half of the time; then clang looks at each alone, whether it includes what it uses of Penstock and hides no name (the
standard library's headers are given to all of them ready, for the same reason). What was found good is remembered under
BUILD and not looked at again until the file, one of the project's headers it includes, its flags, .clang-tidy or clang
change.
"""
import bisect
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

STANDARD = re.compile(r"^#include <[a-z_0-9]+>$", re.MULTILINE)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def output_of(command, directory):
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True).stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@dataclasses.dataclass
class Job:
    """One file that clang is given: `sources`, as one text where they are several."""

    sources: list
    path: str
    directory: str
    flags: list  # the compiler and its options, without the file
    tidy: bool
    ready: list = dataclasses.field(default_factory=list)  # options that bring in the standard library

    def title(self, root):
        first, more = os.path.relpath(self.sources[0], root), len(self.sources) - 1
        return first + (f" and {more} more" if more else "") + (" (tidy)" if self.tidy else "")

    def command(self):
        if self.tidy:
            return ["clang-tidy", "--quiet", "--checks=clang-diagnostic-*", self.path, "--", *self.flags[1:]]
        return [*self.flags, *self.ready, "-fsyntax-only", self.path]

    def write(self):
        """The text of several sources. All of it is the main file, which is what clang looks at most closely."""
        if self.path not in self.sources:
            with open(self.path, "w", encoding="utf-8") as file:
                file.write("".join(map(read, self.sources)))

    def explain(self, said):
        """What was said of the text, said of the sources."""
        if self.path in self.sources:
            return said
        firsts = [1]
        for source in self.sources:
            firsts.append(firsts[-1] + read(source).count("\n"))

        def place(match):
            at = min(bisect.bisect_right(firsts, int(match.group(1))), len(self.sources)) - 1
            return f"{self.sources[at]}:{int(match.group(1)) - firsts[at] + 1}"

        return re.sub(re.escape(self.path) + r":(\d+)", place, said)


class Checker:
    def __init__(self, build, root):
        self.build = build
        self.root = root
        self.remembered = os.path.join(build, "tidy-good")
        self.texts = os.path.join(build, "tidy-texts")
        for folder in (self.remembered, self.texts):
            os.makedirs(folder, exist_ok=True)
        self.settings = read(os.path.join(root, ".clang-tidy")) + output_of(["clang-tidy", "--version"], root)

    def jobs(self):
        together, alone = [], []
        for entry in sorted(json.loads(read(os.path.join(self.build, "compile_commands.json"))), key=lambda e: e["file"]):
            flags = shlex.split(entry["command"])
            if os.path.basename(flags[0]) == "ccache":
                del flags[0]
            for option, count in (("-c", 2), ("-o", 2)):
                at = flags.index(option)
                del flags[at:at + count]
            path, sources = entry["file"], [entry["file"]]
            if os.path.basename(os.path.dirname(path)) == "Unity":
                sources = re.findall(r'^#include "(.*)"', read(path), re.MULTILINE)
                path = os.path.join(self.texts, re.sub(r"\W+", "-", os.path.relpath(path, self.build)) + ".cc")
            tidy = os.path.relpath(sources[0], self.root).startswith("src" + os.sep)
            if tidy:
                together.append(Job(sources, path, entry["directory"], flags, tidy))
            flags = [flag for flag in flags if flag != "-Wno-shadow"] + ["-Wshadow"]
            alone += [Job([source], source, entry["directory"], flags, False) for source in sources]
        return together + alone

    def make_ready(self, jobs):
        """Compiles the standard library's headers that sources with the same options include."""
        groups = {}
        for job in jobs:
            if not job.tidy:
                groups.setdefault((job.directory, *job.flags), []).append(job)

        def make(numbered):
            number, group = numbered
            includes = {line for job in group for line in STANDARD.findall(read(job.path))}
            header = os.path.join(self.texts, f"standard-{number}.h")
            with open(header, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in sorted(includes))
            made = [*group[0].flags, "-x", "c++-header", header, "-o", header + ".pch"]
            subprocess.run(made, cwd=group[0].directory, check=True)
            for job in group:
                job.ready = ["-include-pch", header + ".pch"]

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(make, enumerate(group for group in groups.values() if len(group) > 2)))

    def fingerprint(self, job):
        digest = hashlib.sha256((self.settings + repr(job.command())).encode())
        rule = output_of([*job.flags, "-MM", job.path], job.directory).replace("\\\n", " ")
        for path in rule.split(":", 1)[1].split():
            with open(os.path.join(job.directory, path), "rb") as file:
                digest.update(path.encode() + b"\0" + file.read())
        return os.path.join(self.remembered, digest.hexdigest())

    def check(self, job):
        """None where it is good, else what was said"""
        job.write()
        try:
            good = self.fingerprint(job)
        except subprocess.CalledProcessError as error:
            return job.explain(error.stderr)
        if os.path.exists(good):
            return None
        result = subprocess.run(job.command(), cwd=job.directory, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            with open(good, "w", encoding="utf-8"):
                pass
            return None
        return job.explain(result.stdout + result.stderr)


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "tidy"))
    root = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else ROOT
    checker = Checker(build, root)
    jobs = checker.jobs()
    checker.make_ready(jobs)
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (job, said) in enumerate(zip(jobs, pool.map(checker.check, jobs)), 1):
            if said is not None:
                wrong += 1
                print(f"{job.title(root)}:\n{said}")
            print(f"[{done}/{len(jobs)}] {job.title(root)}{'' if said is None else ': WRONG'}", flush=True)
    print(f"check_tidy: {len(jobs)} checked, {wrong} wrong")
    sys.exit(1 if wrong or not jobs else 0)


main()
