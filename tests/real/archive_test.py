#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Objects in an archive storage class: listed, reading them says no, restored by each of the ways, never fetched unasked."""
import errno
import json
import os
import subprocess
import unittest

from mounts import PENSTOCK, Mount, wait_until


def error_of(call):
    """The errno that the call fails with; 0: it succeeds."""
    try:
        call()
    except OSError as error:
        return error.errno
    return 0


def read(path):
    with open(path, "rb") as file:
        return file.read()


def restored(path):
    try:
        return os.getxattr(path, "user.s3.restore").startswith(b"until 20")
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        return False


class Archive(unittest.TestCase):
    def archived(self, mount, name="cold", storage_class="GLACIER"):
        mount.client.put(mount.prefix + name, b"frozen", storage_class)
        return os.path.join(mount.path, name)

    def assert_logged(self, mount, text):
        """The log is written behind what it tells of."""
        def logged():
            with open(mount.log, encoding="utf-8") as log:
                return text in log.read()

        wait_until(logged, 10, f"'{text}' in the log")

    def test_an_archived_object_says_so_and_can_be_read_after_it_was_restored(self):
        for storage_class in ("GLACIER", "DEEP_ARCHIVE"):
            with self.subTest(storage_class), Mount() as mount:
                path = self.archived(mount, storage_class=storage_class)
                mount.client.put(mount.prefix + "warm", b"at hand")
                self.assertEqual(sorted(os.listdir(mount.path)), ["cold", "warm"])
                self.assertEqual(os.stat(path).st_size, 6)
                self.assertEqual(os.getxattr(path, "user.s3.storage_class"), storage_class.encode())
                self.assertEqual(read(os.path.join(mount.path, "warm")), b"at hand")
                self.assertEqual(error_of(lambda: read(path)), errno.ENODATA)
                self.assert_logged(mount, f"the object is archived ({storage_class}) and must be restored")
                self.assert_logged(mount, f"(key '{mount.prefix}cold'")
                os.setxattr(path, "user.s3.restore", b"2,Bulk")
                wait_until(lambda: restored(path), 30, "the restoration")
                self.assertEqual(read(path), b"frozen")

    def test_a_restoration_by_another_client_is_noticed(self):
        with Mount() as mount:
            path = self.archived(mount)
            self.assertEqual(error_of(lambda: read(path)), errno.ENODATA)
            mount.client.restore(mount.prefix + "cold")
            wait_until(lambda: restored(path), 30, "the restoration")
            self.assertEqual(read(path), b"frozen")

    def test_a_read_asks_for_the_restoration_with_on_archived_restore(self):
        with Mount("--on-archived=restore") as mount:
            path = self.archived(mount)
            os.stat(path)
            self.assertFalse(restored(path))
            self.assertEqual(error_of(lambda: read(path)), errno.EINPROGRESS)
            self.assert_logged(mount, "its restoration was asked for (Standard)")
            wait_until(lambda: restored(path), 30, "the restoration")
            self.assertEqual(read(path), b"frozen")

    def test_a_read_waits_with_on_archived_wait(self):
        with Mount("--on-archived=wait") as mount:
            path = self.archived(mount)
            self.assertEqual(read(path), b"frozen")
            self.assertTrue(restored(path))

    def test_warm_leaves_archived_objects_alone(self):
        with Mount("--on-archived=wait") as mount:
            path = self.archived(mount)
            mount.client.put(mount.prefix + "warm", b"at hand")
            result = subprocess.run([PENSTOCK, "warm", "-r", mount.path], capture_output=True, text=True, check=False,
                                    timeout=60)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn(f"archived: {path}", result.stderr)
            self.assertIn("fetched 1 file", result.stderr)
            self.assertFalse(restored(path), "nobody has asked for it")

    def penstock(self, mount, *arguments):
        """Its status, and what it said; {url} stands for the mount's, and {path} for its mountpoint."""
        words = [word.format(url=mount.url.rstrip("/"), path=mount.path) for word in arguments]
        if any("://" in word for word in words):
            words[1:1] = ["--endpoint-url", f"http://{mount.client.host}"]
        result = subprocess.run([PENSTOCK, *words], env=mount.environment(), capture_output=True, text=True, check=False,
                                timeout=60)
        return result.returncode, result.stdout + result.stderr

    def test_restore_ends_when_all_can_be_read(self):
        for place in ("{path}", "{url}"):
            with self.subTest(place), Mount() as mount:
                paths = [self.archived(mount, "d/a"), self.archived(mount, "d/b", "DEEP_ARCHIVE")]
                mount.client.put(mount.prefix + "d/warm", b"at hand")
                status, said = self.penstock(mount, "restore", "--dry-run", "-r", place + "/d")
                self.assertEqual(status, 0, said)
                self.assertIn("2 objects archived, 0 being restored, 1 can be read", said)
                self.assertEqual([error_of(lambda path=path: read(path)) for path in paths], [errno.ENODATA] * 2)
                status, said = self.penstock(mount, "restore", "-r", "--tier", "Bulk", place + "/d")
                self.assertEqual(status, 0, said)
                self.assertIn("2 objects asked for; 3 can be read", said)
                self.assertEqual([read(path) for path in paths], [b"frozen"] * 2)


    def test_archive_moves_and_tier_shows(self):
        for place in ("{path}", "{url}"):
            with self.subTest(place), Mount() as mount:
                mount.client.put(mount.prefix + "d/a", b"text", metadata={"color": "blue"},
                                 headers={"content-type": "text/x"})
                mount.client.put(mount.prefix + "d/b", b"more")
                status, said = self.penstock(mount, "archive", "--class", "GLACIER", place + "/d/a")
                self.assertEqual((status, said), (0, "1 object moved, 4B; 0 there already\n"))
                told = mount.client.head(mount.prefix + "d/a")
                self.assertEqual([told[name] for name in ("x-amz-storage-class", "x-amz-meta-color", "content-type")],
                                 ["GLACIER", "blue", "text/x"])
                status, said = self.penstock(mount, "tier", "--json", place + "/d")
                self.assertEqual([(row["class"], row["objects"], row["bytes"]) for row in json.loads(said)],
                                 [("GLACIER", 1, 4), ("STANDARD", 1, 4)])


if __name__ == "__main__":
    unittest.main()
