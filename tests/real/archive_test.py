#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Objects in an archive storage class: they are listed, reading them says no, and works once they were restored."""
import os
import subprocess
import unittest

from mounts import Mount


class Archive(unittest.TestCase):
    def test_an_archived_object_can_be_read_after_it_was_restored(self):
        with Mount("--metadata-ttl", "0") as mount:
            mount.client.put(mount.prefix + "cold", b"frozen", "GLACIER")
            mount.client.put(mount.prefix + "warm", b"at hand")
            path = os.path.join(mount.path, "cold")
            self.assertEqual(sorted(os.listdir(mount.path)), ["cold", "warm"])
            self.assertEqual(os.stat(path).st_size, 6)
            with open(os.path.join(mount.path, "warm"), "rb") as file:
                self.assertEqual(file.read(), b"at hand")
            result = subprocess.run(["cat", path], capture_output=True, check=False, timeout=60)
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stdout, b"")
            with open(mount.log, encoding="utf-8") as log:
                self.assertIn("cold", log.read(), "the log says which object it was")
            mount.client.restore(mount.prefix + "cold")
            mount.remount()
            with open(path, "rb") as file:
                self.assertEqual(file.read(), b"frozen")


if __name__ == "__main__":
    unittest.main()
