#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Lifecycle rules on a server that applies them, with days of a second (PENSTOCK_RGW_DAY): what archive_test.py asks of
them, and that what a rule says comes true."""
import json
import unittest

from archive_test import Rules, penstock  # noqa: F401  pylint: disable=unused-import
from mounts import Mount, wait_until


class Applied(unittest.TestCase):
    def classes(self, mount, folder):
        """{class: objects} below the folder."""
        status, said = penstock(mount, "tier", "--json", "{url}/" + folder)
        self.assertEqual(status, 0, said)
        return {row["class"]: row["objects"] for row in json.loads(said)}

    def test_what_is_old_below_the_prefix_moves_and_nothing_else(self):
        with Mount() as mount:
            mount.client.delete_lifecycle()
            self.addCleanup(mount.client.delete_lifecycle)
            contents = {f"old/{number}": bytes([number]) * (200 << 10) for number in range(3)}
            for name, content in {**contents, "older/x": b"x" * (200 << 10)}.items():
                mount.client.put(mount.prefix + name, content)
            status, said = penstock(mount, "tier", "{url}/old", "--older-than", "1d", "--to", "GLACIER_IR", "--apply")
            self.assertEqual(status, 0, said)
            wait_until(lambda: self.classes(mount, "old") == {"GLACIER_IR": 3}, 60, "the rule to be applied")
            self.assertEqual(self.classes(mount, "older"), {"STANDARD": 1})
            for name, content in contents.items():
                with open(f"{mount.path}/{name}", "rb") as file:
                    self.assertEqual(file.read(), content)


if __name__ == "__main__":
    unittest.main()
