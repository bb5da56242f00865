#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What scripts/soak must notice, it notices: each of its checks on what is wrong."""
import os
import random
import sys
import tempfile
import types
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "soak"), os.path.join(ROOT, "tests", "real")]
from check import Check  # noqa: E402
from folders import Folders  # noqa: E402
from model import File, contents  # noqa: E402
from operations import Operations, Wrong  # noqa: E402
from s3 import S3Error  # noqa: E402
from watch import Sample, Watch  # noqa: E402


class Store:
    """As tests/real/s3.py has it, in memory."""

    def __init__(self):
        self.objects = {}

    def get(self, key):
        if key not in self.objects:
            raise S3Error(404, "")
        return self.objects[key]

    def list(self, prefix):
        return {key: len(content) for key, content in self.objects.items() if key.startswith(prefix)}


class Checks(unittest.TestCase):
    """A folder of this disk in place of the mount, which stores at once."""

    def setUp(self):
        self.root = self.enterContext(tempfile.TemporaryDirectory())
        os.makedirs(self.root + "/s")
        self.file = File("s/1")
        self.store = Store()
        self.operations = Operations(self.root, {"s/1": self.file}, random.Random(1))
        worker = types.SimpleNamespace(files=self.operations.files, operations=self.operations,
                                       folders=Folders(self.operations))
        self.check = Check(worker, self.root, self.store, "p/")
        self.operations.write(self.file)
        self.operations.set_note(self.file)
        self.store.objects["p/s/1"] = self.file.content

    def overwrite(self, content):
        with open(self.root + "/s/1", "r+b") as file:
            file.write(content)

    def test_what_is_right_passes(self):
        self.check.everything()
        self.operations.read(self.file)
        self.operations.read_mapped(self.file)
        self.operations.list("s")

    def test_a_wrong_byte_is_noticed_by_each_way_of_reading(self):
        self.operations.write(self.file)
        self.overwrite(b"X")
        for read in (self.operations.read, self.operations.read_mapped, self.check.is_here):
            self.assertRaises(Wrong, read, self.file)
        self.file.contents = [b"X" * len(self.file.content)]
        self.assertRaises(Wrong, self.operations.read_pieces, self.file)

    def test_attributes_and_names(self):
        os.chmod(self.root + "/s/1", 0o700)
        self.assertRaises(Wrong, self.operations.look_at, self.file)
        open(self.root + "/s/2", "w", encoding="utf-8").close()
        self.assertRaises(Wrong, self.operations.list, "s")
        os.unlink(self.root + "/s/2")
        os.unlink(self.root + "/s/1")
        self.assertRaises(Wrong, self.operations.list, "s")

    def test_the_store(self):
        for content in (self.file.content[:-1] + b"X", self.file.content + b"X", None):
            self.store.objects = {} if content is None else {"p/s/1": content}
            self.assertRaises(Wrong, self.check.everything)

    def test_an_object_that_nobody_made(self):
        self.store.objects["p/s/1.conflict-1"] = b""
        self.assertRaises(Wrong, self.check.everything)

    def test_what_is_in_doubt_may_be_old_or_new_and_nothing_else(self):
        old, new = self.file.content, contents("s/1", 99, 5000)
        for found, good in ((old, True), (new, True), (new[:100], False)):
            self.file.contents = [old, new]
            self.store.objects["p/s/1"] = found
            with open(self.root + "/s/1", "wb") as file:
                file.write(found)
            if good:
                self.check.everything()
                self.assertEqual(self.file.contents, [found])
            else:
                self.assertRaises(Wrong, self.check.everything)

    def test_a_failed_write_may_leave_a_part(self):
        os.unlink(self.root + "/s/1")
        os.mkdir(self.root + "/s/1")
        before = self.file.content
        self.assertRaises(OSError, self.operations.write, self.file)
        self.assertIn(before, self.file.contents)
        self.assertIn(b"", self.file.contents)


class Watches(unittest.TestCase):
    def watch(self, log=""):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        for name, text in (("log", log), ("stderr", "")):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        watch = Watch("it", types.SimpleNamespace(folder=folder, log=folder + "/log"))
        watch.samples = [Sample(at, 100, 20, 5, 40) for at in range(100)]
        watch.quiet = [watch.samples[0], watch.samples[-1]]
        return watch

    def test_what_is_flat_passes(self):
        self.assertEqual(list(self.watch("2026-12-02 17:11:40.394 warning once\n").wrong()), [])

    def test_memory_that_grows(self):
        watch = self.watch()
        watch.samples = [one._replace(rss=100 + 2 * one.time) for one in watch.samples]
        self.assertIn("memory grew", *watch.wrong())

    def test_descriptors_that_stay(self):
        watch = self.watch()
        watch.quiet[-1] = watch.quiet[-1]._replace(files=60)
        self.assertIn("60 descriptors", *watch.wrong())

    def test_a_message_without_end(self):
        lines = "".join(f"2026-12-02 17:11:{at % 60:02}.394 warning head of 'k{at}' failed {at} times\n" for at in range(150))
        self.assertIn("says 150 times", *self.watch(lines).wrong())

    def test_a_sanitizer_s_report(self):
        self.assertIn("AddressSanitizer", *self.watch("==1==ERROR: AddressSanitizer: heap-use-after-free\n").wrong())


if __name__ == "__main__":
    unittest.main(verbosity=2)
