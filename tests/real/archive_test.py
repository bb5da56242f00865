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


def penstock(mount, *arguments):
    """Its status, and what it said; {url} stands for the mount's, and {path} for its mountpoint."""
    words = [word.format(url=mount.url.rstrip("/"), path=mount.path) for word in arguments]
    if any("://" in word for word in words):
        words[1:1] = ["--endpoint-url", f"http://{mount.client.host}"]
    result = subprocess.run([PENSTOCK, *words], env=mount.environment(), capture_output=True, text=True, check=False,
                            timeout=60)
    return result.returncode, result.stdout + result.stderr


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

    def test_restore_ends_when_all_can_be_read(self):
        for place in ("{path}", "{url}"):
            with self.subTest(place), Mount() as mount:
                paths = [self.archived(mount, "d/a"), self.archived(mount, "d/b", "DEEP_ARCHIVE")]
                mount.client.put(mount.prefix + "d/warm", b"at hand")
                status, said = penstock(mount, "restore", "--dry-run", "-r", place + "/d")
                self.assertEqual(status, 0, said)
                self.assertIn("2 objects archived, 0 being restored, 1 can be read", said)
                self.assertEqual([error_of(lambda path=path: read(path)) for path in paths], [errno.ENODATA] * 2)
                status, said = penstock(mount, "restore", "-r", "--tier", "Bulk", place + "/d")
                self.assertEqual(status, 0, said)
                self.assertIn("2 objects asked for; 3 can be read", said)
                self.assertEqual([read(path) for path in paths], [b"frozen"] * 2)

    def test_archive_moves_and_tier_shows(self):
        for place in ("{path}", "{url}"):
            with self.subTest(place), Mount() as mount:
                mount.client.put(mount.prefix + "d/a", b"text", metadata={"color": "blue"},
                                 headers={"content-type": "text/x"})
                mount.client.put(mount.prefix + "d/b", b"more")
                status, said = penstock(mount, "archive", "--class", "GLACIER", place + "/d/a")
                self.assertEqual((status, said), (0, "1 object moved, 4B; 0 there already\n"))
                told = mount.client.head(mount.prefix + "d/a")
                self.assertEqual([told[name] for name in ("x-amz-storage-class", "x-amz-meta-color", "content-type")],
                                 ["GLACIER", "blue", "text/x"])
                status, said = penstock(mount, "tier", "--json", place + "/d")
                self.assertEqual([(row["class"], row["objects"], row["bytes"]) for row in json.loads(said)],
                                 [("GLACIER", 1, 4), ("STANDARD", 1, 4)])


THEIRS = ("<Rule><ID>theirs</ID><Filter><And><Prefix>logs/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>"
          "<Status>Enabled</Status><Expiration><Days>365</Days></Expiration></Rule>")


class Rules(unittest.TestCase):
    """Lifecycle rules of the bucket, which penstock tier writes."""

    def rule(self, mount, *more, older_than="30d", to="GLACIER"):
        status, said = penstock(mount, "tier", "{url}/d", "--older-than", older_than, "--to", to, *more)
        self.assertEqual(status, 0, said)
        return said

    def test_a_rule_is_shown_written_replaced_and_removed(self):
        with Mount() as mount:
            client = mount.client
            client.delete_lifecycle()
            client.put_lifecycle(THEIRS)
            self.addCleanup(client.delete_lifecycle)
            theirs = client.lifecycle()["theirs"]
            client.put(mount.prefix + "d/large", b"x" * (128 << 10))
            client.put(mount.prefix + "d/small", b"x")
            own = f"penstock/GLACIER/{mount.prefix}d/"

            said = self.rule(mount)
            self.assertIn("STANDARD                        1               128KiB  move later", said)
            self.assertIn("STANDARD                        1                   1B  stay: objects below 128 KiB", said)
            self.assertIn("The bucket has 1 lifecycle rule; no other one touches these objects", said)
            self.assertIn("WARNING: what is in GLACIER cannot be read until it is restored", said)
            self.assertIn("Nothing was written", said)
            self.assertEqual(client.lifecycle(), {"theirs": theirs})

            self.assertIn("Written, and in force. The bucket has 2 lifecycle rules now; the others are as they were",
                          self.rule(mount, "--apply"))
            present = client.lifecycle()
            self.assertEqual((set(present), present["theirs"]), ({"theirs", own}, theirs))
            self.assertIn("<Days>30</Days>", present[own])
            self.assertIn("in force already", self.rule(mount, "--apply"))
            self.assertIn(f"It takes the place of '{own}'", self.rule(mount, "--apply", older_than="90d"))
            present = client.lifecycle()
            self.assertEqual((set(present), present["theirs"]), ({"theirs", own}, theirs))
            self.assertIn("<Days>90</Days>", present[own])

            status, said = penstock(mount, "tier", "{url}/d")
            self.assertEqual(status, 0, said)
            self.assertIn(f"'{own}', below {mount.prefix}d/: to GLACIER after 90 days", said)
            self.assertNotIn("theirs", said)

            status, said = penstock(mount, "tier", "{url}/d", "--remove")
            self.assertEqual((status, set(client.lifecycle())), (0, {"theirs", own}), said)
            status, said = penstock(mount, "tier", "{url}/d", "--remove", "--apply")
            self.assertEqual((status, client.lifecycle()), (0, {"theirs": theirs}), said)

    def test_the_first_rule_of_a_bucket_comes_and_goes(self):
        with Mount() as mount:
            mount.client.delete_lifecycle()
            self.addCleanup(mount.client.delete_lifecycle)
            self.rule(mount, "--apply")
            self.assertEqual(len(mount.client.lifecycle()), 1)
            status, said = penstock(mount, "tier", "{url}/d", "--remove", "--apply")
            self.assertEqual((status, mount.client.lifecycle()), (0, {}), said)

    def test_rules_of_two_classes_and_odd_prefixes_stand_side_by_side(self):
        with Mount() as mount:
            client = mount.client
            client.delete_lifecycle()
            self.addCleanup(client.delete_lifecycle)
            for name in ("d", "a b&c<d>", "\u00e4/\u732b"):
                for storage_class in ("GLACIER", "DEEP_ARCHIVE"):
                    for _ in range(2):
                        status, said = penstock(mount, "tier", "{url}/" + name, "--older-than", "30d", "--to",
                                                storage_class, "--apply")
                        self.assertEqual(status, 0, said)
            self.assertEqual(len(client.lifecycle()), 6)


if __name__ == "__main__":
    unittest.main()
