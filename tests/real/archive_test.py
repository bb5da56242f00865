#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Objects in an archive storage class: listed, reading them says no, restored by each of the ways, never fetched unasked."""
import errno
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


if __name__ == "__main__":
    unittest.main()
