#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plays the pages of docs/operations, each from its beginning to its end, as root of a machine of its own. Needs root.

PENSTOCK is the program that is packaged and installed there, PENSTOCK_TEST_SERVER the server, which has the bucket
s3://my-bucket at the address that ~/.aws/config has on that machine. A block whose first line is "# NAME" is a file, which
is written; what begins with `$` is typed. Where a page shows what a command prints, it must print that; every other
command must succeed. A block of another kind needs a mark above it that says why it is not played, and what tests it.
"""
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import unittest

from interpreter import Shell
from machine import ROOT, Machine, build_packages, enter_namespaces
from s3 import Client
from transcripts import File, NotPlayed, difference, read_page

FOLDER = "docs/operations"
KEYS = ("my-access-key", "my-secret-key")
HOME = "root"
# What the pages expect in the bucket.
OBJECTS = {"train/cats/1.jpg": b"cat" * 1000, "train/cats/2.jpg": b"cat" * 2000, "train/dogs/1.jpg": b"dog" * 1000,
           "train/labels.csv": b"1,cat\n", "old/2023.tar": b"o" * 50_000}
ARCHIVED = {"old/2022.tar": b"o" * 100_000}


def bring_up_loopback():
    """In a network namespace that is new, where nobody else listens at any port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        siocsifflags, up = 0x8914, 0x1
        fcntl.ioctl(any_socket, siocsifflags, struct.pack("16sh14x", b"lo", up))


def start_server(case):
    """With these objects, until the end of the test."""
    process = subprocess.Popen([os.environ["PENSTOCK_TEST_SERVER"], "--port", "9000", "--bucket", "my-bucket",
                                "--access-key", KEYS[0], "--secret-key", KEYS[1]], stdout=subprocess.DEVNULL)
    case.addCleanup(process.wait)
    case.addCleanup(process.kill)
    client = Client("http://localhost:9000", *KEYS, "my-bucket")
    client.wait(20)
    for key, body in OBJECTS.items():
        client.put(key, body)
    for key, body in ARCHIVED.items():
        client.put(key, body, "GLACIER")


class Stage:
    """A machine with the package installed, if it shall be, and a shell of root in a folder with packages."""

    def __init__(self, case, packages, install):
        self.machine = case.enterContext(Machine(case.work / case.id().rsplit(".", 1)[1]))
        self.home = self.machine.root / HOME
        self.folder = self.machine.root / "srv/penstock"
        self.write("/etc/fstab", "")
        # Whoever follows the page says yes; and no terminal of its own for dpkg.
        self.write("/etc/apt/apt.conf.d/99test", 'APT::Get::Assume-Yes "true";\nDpkg::Use-Pty "0";\n')
        for folder in ("mnt/train", "mnt/checkpoints", "nvme"):
            (self.machine.root / folder).mkdir()
        if install:
            self.machine.install(packages[0])
        shutil.rmtree(self.home / ".aws", ignore_errors=True)
        self.write("~/.aws/config", "[default]\nendpoint_url = http://localhost:9000\n")
        self.write("~/.aws/credentials",
                   f"[default]\naws_access_key_id = {KEYS[0]}\naws_secret_access_key = {KEYS[1]}\n")
        (self.folder / "build/packages").mkdir(parents=True)
        for package in packages:
            shutil.copy(package, self.folder / "build/packages")
        inside = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"HOME=/{HOME}", "LC_ALL=C.UTF-8",
                  "chroot", str(self.machine.root)]
        self.shell = Shell("/", {}, inside)
        case.addCleanup(self.shell.close)
        self.shell.run("cd /srv/penstock")

    def write(self, name, text):
        if name.startswith("~/"):
            path = self.home / name[2:]
        else:
            path = self.machine.root / name[1:] if name.startswith("/") else self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class Operations(unittest.TestCase):
    """Has a test for each page, see below."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="penstock-operations-")
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name).resolve()
        cls.packages = (build_packages(cls.work / "packages", "--version", "0.1.0", "deb")
                        + build_packages(cls.work / "packages", "--version", "0.1.1", "deb"))

    def play(self, page):
        start_server(self)
        stage = Stage(self, self.packages, install=not page.name.endswith("/install.md"))
        for block in page.blocks:
            if isinstance(block, File):
                stage.write(block.path, block.text)
            elif not isinstance(block, NotPlayed):
                for step in block.steps:
                    self.play_step(page, step, stage.shell)

    def play_step(self, page, step, shell):
        output, status = shell.run(step.text)
        if step.expected:
            answer = f"{output.rstrip()}\n(exit {status})".lstrip("\n") if status else output
            wrong = difference(page.name, step, answer)
            if wrong:
                raise AssertionError(wrong)
        elif status:
            raise AssertionError(f"{page.name}:{step.line}: $ {step.text}\n{output}(exit {status})")


class Marks(unittest.TestCase):
    def test_what_is_not_played_is_tested_elsewhere(self):
        for page in PAGES:
            for block in page.blocks:
                if isinstance(block, NotPlayed):
                    with self.subTest(f"{page.name}:{block.line}"):
                        tests = (ROOT / block.file).read_text(encoding="utf-8")
                        self.assertTrue(block.test in tests, f"{block.file} has no {block.test}")

    def test_each_page_plays_something(self):
        self.assertGreaterEqual(len(PAGES), 8)
        for page in PAGES:
            self.assertTrue([block for block in page.blocks if not isinstance(block, NotPlayed)], page.name)


def pages():
    for path in sorted((ROOT / FOLDER).glob("*.md")):
        yield read_page(f"{FOLDER}/{path.name}", path.read_text(encoding="utf-8"), with_files=True)


def test_of(page):
    return lambda self: self.play(page)


PAGES = list(pages())
for each in PAGES:
    setattr(Operations, f"test_{pathlib.Path(each.name).stem}", test_of(each))


if __name__ == "__main__":
    enter_namespaces(__file__, "--net")
    bring_up_loopback()
    # A step that is stopped leaves nothing: the namespaces end with this process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main(verbosity=2)
