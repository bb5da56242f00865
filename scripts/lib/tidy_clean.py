# SPDX-License-Identifier: Apache-2.0
"""What clang-tidy and clang found nothing in, kept in the repository so that nobody looks at it again.

A line of the file is "FINGERPRINT PATH". The fingerprint is of all that can change what is found: the text of the source
and of the project's headers that it includes, by whatever way, the options that it is compiled with, and those of the
check. Nothing in it depends on the folder of the clone.
"""
import hashlib
import os
import re

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)
LINE = re.compile(r"([0-9a-f]{32}) (\S+)")


class Fingerprints:
    """`settings` is what they all depend on. Reads each file once."""

    def __init__(self, root, settings):
        self.root = root
        self.settings = settings
        self.files = {}  # path → the digest of its text, what it includes
        self.includes = {}  # the path of an includer, its folders of headers → what it includes itself

    def file(self, path):
        if path not in self.files:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            self.files[path] = (hashlib.sha256(text.encode()).hexdigest(), INCLUDE.findall(text))
        return self.files[path]

    def included_by(self, path, folders):
        """The files of the project that it names, as clang finds them; more than clang includes where an #if says no."""
        key = (path, folders)
        if key not in self.includes:
            found = []
            for quote, name in self.file(path)[1]:
                places = ((os.path.dirname(path),) if quote == '"' else ()) + folders
                full = next((full for full in (os.path.normpath(os.path.join(place, name)) for place in places)
                             if os.path.isfile(full)), None)
                if full is not None:
                    found.append(full)
            self.includes[key] = found
        return self.includes[key]

    def reached_from(self, source, folders):
        found, waiting = {source}, [source]
        while waiting:
            for path in self.included_by(waiting.pop(), folders):
                if path not in found:
                    found.add(path)
                    waiting.append(path)
        return sorted(found)

    def of(self, source, commands):
        """Of a source that is compiled by these commands, each a list of the compiler and its options."""
        digest = hashlib.sha256(self.settings.encode())
        for command in sorted(commands):
            folders = tuple(path for path in self.folders(command) if path.startswith(self.root + os.sep))
            # Not where the compiler lies: its version is among the settings.
            options = [os.path.basename(command[0]), *command[1:]]
            digest.update("\0".join(options).replace(self.root, "").encode() + b"\0\0")
            for path in self.reached_from(source, folders):
                digest.update(f"{os.path.relpath(path, self.root)} {self.file(path)[0]}\n".encode())
        return digest.hexdigest()[:32]

    @staticmethod
    def folders(command):
        """Of headers, in the order in which clang looks."""
        first = [option[2:] for option in command if option.startswith("-I")]
        return first + [path for option, path in zip(command, command[1:]) if option == "-isystem"]


def read_clean(path):
    """path of a source → fingerprint. Ends the program where the file is not what `write_clean` writes."""
    clean = {}
    if not os.path.exists(path):
        return clean
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = LINE.fullmatch(line.rstrip("\n"))
            if not match or match.group(2) in clean:
                raise SystemExit(f"{path}:{number}: neither a fingerprint with a source that no line before has, nor worth "
                                 "mending by hand: remove the line, or the file, and run check_tidy.py --remember")
            clean[match.group(2)] = match.group(1)
    return clean


def write_clean(path, clean):
    """At once: whoever stops the program leaves the old file or the new one."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.writelines(f"{clean[source]} {source}\n" for source in sorted(clean))
    os.replace(path + ".new", path)
