#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy on the sources of Penstock, and clang itself on those of the tests too, all warnings being errors.

    check_tidy.py [--all] [--remember] [BUILD [ROOT]]

BUILD is configured by the preset "tidy" (build/tidy); ROOT has src and .clang-tidy. Looked at is what has changed since
ROOT/tests/checks/tidy-clean.txt was written: sources of which the text, one of the project's headers that they include, or
the options differ, and all of them after a change of .clang-tidy or of clang's version.

    --all       looks at every source
    --remember  writes to that file what was found clean, whenever a source is done: it may be interrupted

Clang also compiles those headers of src/ and include/ alone that no source includes first: each has to include all that it
uses, whatever stands before it elsewhere. The others are looked at with the source that begins with them.

Both check the locks too (-Wthread-safety). The sources that PENSTOCK_UNITY puts together are looked at as one text, which
takes half of the time; then clang looks at each alone, whether it includes what it uses of Penstock and hides no name (the
standard library's headers are given to all of them ready, for the same reason). What was found good is remembered under
BUILD too, text by text.
"""
import argparse
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

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts", "lib"))
from tidy_clean import Fingerprints, read_clean, write_clean  # noqa: E402

TIDY = ["clang-tidy", "--quiet", "--checks=clang-diagnostic-*"]
FIRST = re.compile(r'\A(?:\s*//[^\n]*\n)*\s*#include "([^"]*)"')
STANDARD = re.compile(r"^#include <[a-z_0-9]+>$", re.MULTILINE)


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
    header: bool = False
    ready: list = dataclasses.field(default_factory=list)  # options that bring in the standard library

    def title(self, root):
        first, more = os.path.relpath(self.sources[0], root), len(self.sources) - 1
        return first + (f" and {more} more" if more else "") + (" (tidy)" if self.tidy else " (alone)" if self.header else "")

    def command(self):
        if self.tidy:
            return [*TIDY, self.path, "--", *self.flags[1:]]
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


def alone_flags(flags):
    """For a source that is looked at alone: nothing of another can be what it hides."""
    return [flag for flag in flags if flag != "-Wno-shadow"] + ["-Wshadow"]


class Checker:
    def __init__(self, build, root):
        self.build = build
        self.root = root
        self.remembered = os.path.join(build, "tidy-good")
        self.texts = os.path.join(build, "tidy-texts")
        for folder in (self.remembered, self.texts):
            os.makedirs(folder, exist_ok=True)
        # Its next lines tell of the processor.
        version = re.search(r".*version.*", output_of(["clang-tidy", "--version"], root)).group(0)
        self.settings = "\n".join([read(os.path.join(root, ".clang-tidy")), version.strip(), *TIDY])

    def entries(self):
        """What the compiler is given: (path, the sources in it, its folder, the compiler and its options)."""
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
            yield path, sources, entry["directory"], flags

    def headers(self, entries):
        """As entries: each header that begins no source, with the options of a source of its layer, or else of any."""
        def layer(path):
            return os.path.relpath(path, self.root).split(os.sep)[:2]

        options, begun = {}, set()
        for _, sources, directory, flags in reversed(entries):
            begun.update(match[1] for match in (FIRST.search(read(source)) for source in sources) if match)
            options[tuple(layer(sources[0]))] = options[()] = (directory, [*alone_flags(flags), "-x", "c++-header"])
        for folder in ("include", "src"):
            for place, _, names in sorted(os.walk(os.path.join(self.root, folder))):
                for path in (os.path.join(place, name) for name in sorted(names) if name.endswith(".h")):
                    if os.path.relpath(path, os.path.join(self.root, folder)) not in begun:
                        yield (path, [path], *options.get(tuple(layer(path)), options[()]))

    def fingerprints(self, entries):
        """source, relative to the root → its fingerprint"""
        commands = {}
        for _, sources, _, flags in entries:
            for source in sources:
                commands.setdefault(source, []).append(alone_flags(flags))
        fingerprints = Fingerprints(self.root, self.settings)
        return {os.path.relpath(source, self.root): fingerprints.of(source, commands[source]) for source in commands}

    def jobs(self, entries, wanted):
        """To look at these sources, relative to the root. What belongs to a source is done soon after one another."""
        jobs = []
        for path, sources, directory, flags in entries:
            sources = [source for source in sources if os.path.relpath(source, self.root) in wanted]
            if not sources:
                continue
            if path.endswith(".h"):
                jobs.append(Job(sources, path, directory, flags, False, True))
                continue
            if os.path.relpath(sources[0], self.root).startswith("src" + os.sep):
                jobs.append(Job(sources, path, directory, flags, True))
            jobs += [Job([source], source, directory, alone_flags(flags), False) for source in sources]
        return jobs

    def make_ready(self, jobs):
        """Compiles the standard library's headers that sources with the same options include."""
        groups = {}
        for job in jobs:
            if not job.tidy and not job.header:
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


class Remembered:
    """What becomes of the sources, and of the file that says which are clean."""

    def __init__(self, path, fingerprints):
        self.path = path
        self.fingerprints = fingerprints
        before = read_clean(path)
        self.clean = {source: value for source, value in fingerprints.items() if before.get(source) == value}
        self.waiting = {}

    def changed(self):
        return set(self.fingerprints) - set(self.clean)

    def await_all(self, names):
        """`names` has each source as often as something will look at it."""
        for name in names:
            self.waiting[name] = self.waiting.get(name, 0) + 1
            self.clean.pop(name, None)

    def good(self, names):
        for name in names:
            self.waiting[name] -= 1
            if self.waiting[name] == 0:
                self.clean[name] = self.fingerprints[name]

    def write(self):
        write_clean(self.path, self.clean)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--all", action="store_true", help="look at every source")
    parser.add_argument("--remember", action="store_true", help="write what is clean to tests/checks/tidy-clean.txt")
    parser.add_argument("build", nargs="?", default=os.path.join(ROOT, "build", "tidy"))
    parser.add_argument("root", nargs="?", default=ROOT)
    return parser.parse_args()


def configure_again(build):
    """Sources may have come since BUILD was configured: they would be taken for clean without a look."""
    if os.path.exists(os.path.join(build, "CMakeCache.txt")):
        subprocess.run(["cmake", build], check=True, stdout=subprocess.DEVNULL)


def main():
    arguments = parse_arguments()
    root = os.path.abspath(arguments.root)
    configure_again(os.path.abspath(arguments.build))
    checker = Checker(os.path.abspath(arguments.build), root)
    entries = list(checker.entries())
    entries += checker.headers(entries)
    fingerprints = checker.fingerprints(entries)
    remembered = Remembered(os.path.join(root, "tests", "checks", "tidy-clean.txt"), fingerprints)
    jobs = checker.jobs(entries, set(fingerprints) if arguments.all else remembered.changed())
    names = {id(job): [os.path.relpath(source, root) for source in job.sources] for job in jobs}
    remembered.await_all(name for job in jobs for name in names[id(job)])
    wrong = 0
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        checker.make_ready(jobs)
        running = {pool.submit(checker.check, job): job for job in jobs}
        for done, future in enumerate(concurrent.futures.as_completed(running), 1):
            job, said = running[future], future.result()
            if said is None:
                remembered.good(names[id(job)])
                if arguments.remember:
                    remembered.write()
            else:
                wrong += 1
                print(f"{job.title(root)}:\n{said}")
            print(f"[{done}/{len(jobs)}] {job.title(root)}{'' if said is None else ': WRONG'}", flush=True)
    except KeyboardInterrupt:
        sys.exit("check_tidy: interrupted")
    finally:
        pool.shutdown(cancel_futures=True)
    if arguments.remember:
        remembered.write()
    same = len(fingerprints) - len(remembered.waiting)
    print(f"{same} of {len(fingerprints)} files are as they were when they were found clean, see docs/development.md")
    print(f"check_tidy: {len(jobs)} checked, {wrong} wrong")
    sys.exit(1 if wrong or not fingerprints else 0)


main()
