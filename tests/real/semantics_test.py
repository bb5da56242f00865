#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/semantics.md is a contract: its examples are played on mounts of a real server, and every answer is compared.

Each mount of an example is a node: it has a shell and a Python that live as long as the example, and caches and state
of its own. A test is named after the line of its block, so `-k line_120` plays one.
"""
import contextlib
import os
import re
import shlex
import shutil
import signal
import tempfile
import unittest
import uuid

from interpreter import Python, Shell
from mounts import ROOT, Mount, mounted_type
from s3 import Client, S3Error
from transcripts import difference, read_page, without_examples

PAGE = "docs/semantics.md"
# section: why it has no example
EXCUSED = {}

class Bucket:
    """The prompt `s3$`: the objects below the mounted prefix as another S3 client sees them."""

    def __init__(self, client, prefix):
        self.client = client
        self.prefix = prefix

    def answer(self, text):
        try:
            match shlex.split(text):
                case ["put", key, value, *pairs]:
                    given = dict(word.split("=", 1) for word in pairs)
                    headers = {name: value for name, value in given.items() if name[0].isupper()}
                    self.client.put(self.prefix + key, value.encode(), headers=headers,
                                    metadata={name: given[name] for name in given if name not in headers})
                    return ""
                case ["head", key, *names]:
                    told = self.client.head(self.prefix + key)
                    return "\n".join(told.get(name.lower(), "(none)") for name in names)
                case ["tags", key]:
                    return "\n".join(f"{name}={value}" for name, value in self.client.tags(self.prefix + key))
                case ["get", key]:
                    return self.client.get(self.prefix + key).decode()
                case ["meta", key]:
                    headers = self.client.head(self.prefix + key)
                    start = "x-amz-meta-"
                    return "\n".join(f"{name[len(start):]}: {headers[name]}" for name in sorted(headers)
                                     if name.startswith(start))
                case ["ls"]:
                    objects = self.client.list(self.prefix)
                    return "\n".join(f"{size} {self._shown(key)}" for key, size in objects.items() if key != self.prefix)
                case ["rm", key]:
                    self.client.delete(self.prefix + key)
                    return ""
        except S3Error as error:
            return f"HTTP {error.status}"
        raise AssertionError(f"s3$ knows put, get, head, meta, tags, ls and rm, not: {text}")

    def _shown(self, key):
        """Code points of private use as \\uXXXX: they have no shape."""
        return re.sub("[\ue000-\uf8ff]", lambda match: f"\\u{ord(match[0]):x}", key[len(self.prefix):])


def process_of(mount):
    """The process that serves a mount, by its last argument."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            if file.read().split("\0")[-2:] == [mount.path, ""]:
                return int(pid)
    raise AssertionError(f"nobody serves {mount.path}")


class Node(Mount):
    """A mount that the example may end itself."""

    def unmount(self):
        if mounted_type(self.path) is not None:
            super().unmount()


class Stage(contextlib.ExitStack):
    """What one example needs, made when it is first mentioned. Leaving ends the programs, then unmounts."""

    def __init__(self, options):
        super().__init__()
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="penstock-stage-"))
        self.callback(shutil.rmtree, self.folder)
        self.client = Client.from_environment()
        self.prefix = f"{uuid.uuid4().hex[:12]}/"
        self.url = f"s3://{self.client.bucket}/{self.prefix}"
        if "file://" in options:
            self.url = f"file://{self._folder('store')}"
        self.options = [option for option in options if option != "file://"]
        self.mounts = {}
        self.prompts = {}

    def play(self, step):
        """What the prompt answers. A prompt without a letter is that of node a."""
        key = (step.kind, step.node or "a")
        if key not in self.prompts:
            self.prompts[key] = self._new_prompt(*key)
        return self.prompts[key].answer(step.text)

    def _new_prompt(self, kind, node):
        match kind:
            case "s3$":
                return Bucket(self.client, self.prefix)
            case "dir$":
                return self._interpreter(Shell, self._folder("store"), {})
        mount = self._mount(node)
        variables = {"M": mount.path, "L": self._folder(f"local-{node}"), "PID": str(process_of(mount))}
        return self._interpreter(Shell if kind == "$" else Python, mount.path, variables)

    def _folder(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def _interpreter(self, kind, *arguments):
        interpreter = kind(*arguments)
        self.callback(interpreter.close)
        return interpreter

    def _mount(self, node):
        if node not in self.mounts:
            self.mounts[node] = self.enter_context(Node(*self.options, url=self.url))
        return self.mounts[node]


class Semantics(unittest.TestCase):
    """Has a test for each example, see below."""

    def play(self, example):
        with Stage(example.options) as stage:
            for step in example.steps:
                wrong = difference(PAGE, step, stage.play(step))
                if wrong:
                    raise AssertionError(wrong)


class Sections(unittest.TestCase):
    def test_each_section_has_an_example(self):
        self.assertEqual(list(without_examples(CONTRACT, EXCUSED)), [])


def contract():
    with open(os.path.join(ROOT, PAGE), encoding="utf-8") as file:
        return read_page(PAGE, file.read())


def test_of(example):
    return lambda self: self.play(example)


CONTRACT = contract()
for each in CONTRACT.examples:
    words = "_".join(re.findall(r"\w+", each.section.lower()))
    setattr(Semantics, f"test_{words}_line_{each.line}", test_of(each))


if __name__ == "__main__":
    # A step that is stopped leaves nothing mounted.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main(verbosity=2)
