#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mounts by what configuration files say: config_test.py PENSTOCK [unittest arguments]."""

import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import unittest

import cli_test


class Configuration(cli_test.MountCase):
    """Options and named mounts of penstock.toml."""

    def setUp(self):
        super().setUp()
        self.home = self.base / "config"
        self.file = self.home / "penstock" / "penstock.toml"
        self.file.parent.mkdir(parents=True)
        self.env = {**os.environ, "XDG_CONFIG_HOME": str(self.home)}
        self.write(f"""
            [defaults]
            log-file = "{self.log}"
            metadata-ttl = "7s"
            [mounts.train]
            source = "file://{self.store}"
            mountpoint = "{self.mnt}"
            state-dir = "{self.base / 'state'}"
            read-only = true
            file-mode = "0640"
            """)

    def write(self, text):
        self.file.write_text("\n".join(line.strip() for line in text.splitlines()))
        self.file.chmod(0o600)

    def ask(self, *arguments):
        return self.penstock(*arguments, env=self.env)

    def is_read_only(self):
        return os.statvfs(self.mnt).f_flag & os.ST_RDONLY != 0

    def file_mode(self):
        return (self.mnt / "dir" / "file").stat().st_mode & 0o777

    def test_a_mount_is_made_and_ended_by_its_name(self):
        result = self.ask("mount", "train")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(self.mounted() and self.is_read_only())
        self.assertEqual(self.file_mode(), 0o640)
        self.assertTrue(self.log.exists())
        result = self.ask("umount", "train")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertFalse(self.mounted())
        self.assert_fails(self.ask("umount", "train"), f"{self.mnt} is not a mount")

    def test_the_command_line_counts_more(self):
        other = self.base / "other"
        other.mkdir()
        self.mnt = other
        result = self.ask("mount", "train", other, "--read-only=no", "--file-mode", "0600")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(self.is_read_only())
        self.assertEqual(self.file_mode(), 0o600)
        self.assertEqual(self.ask("umount", other).returncode, 0)

    def test_fstab_names_a_mount(self):
        helper = self.base / "mount.penstock"
        helper.symlink_to(cli_test.PENSTOCK)
        # As mount(8) calls it: "rw" is there though nobody wrote it.
        command = [helper, "train", self.mnt, "-o", f"rw,_netdev,config={self.file}"]
        subprocess.run(command, check=True, timeout=cli_test.WAIT_S)
        self.assertTrue(self.is_read_only())
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)

    def test_a_url_has_the_defaults_too_and_another_file_may_be_named(self):
        for arguments, logged in ((), True), (("--config", "/dev/null"), False):
            self.log.unlink(missing_ok=True)
            result = self.ask("mount", f"file://{self.store}", self.mnt, *arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(self.log.exists(), logged)
            self.assertEqual(self.ask("umount", self.mnt).returncode, 0)

    def test_nothing_is_mounted_by_a_file_that_is_wrong(self):
        self.write("[mounts.train]\nsource = 's3://b'\nmetadta-ttl = 1\nread_only = 'x'")
        for command in (("mount", "train"), ("mount", f"file://{self.store}", self.mnt), ("cache", "ls")):
            self.assert_fails(self.ask(*command), f"{self.file}:3:1: unknown option 'metadta-ttl'; did you mean "
                              "metadata-ttl? (and 1 more: penstock config check)")
        told = self.ask("config", "check")
        self.assert_fails(told, ":3:1: unknown option", ":4:13: 'read_only' is a string; write true or false")
        self.assertEqual(self.ask("config", "check", "/dev/null").returncode, 0)
        self.assertFalse(self.mounted())
        # What is mounted can be taken away all the same.
        self.mount("--config", "/dev/null")
        self.assertEqual(self.ask("umount", self.mnt).returncode, 0)

    def test_a_file_that_others_may_write_is_not_used(self):
        self.file.chmod(0o666)
        self.assert_fails(self.ask("mount", "train"), f"{self.file} cannot be used: everybody may write to it")

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_the_home_of_another_user_has_no_file_of_this_one(self):
        user = pwd.getpwnam("nobody")
        as_user = {"env": self.env, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.file.parent.chmod(0o700)
        told = self.penstock("config", "check", **as_user)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("there is no configuration file", told.stdout)
        self.file.parent.chmod(0o755)
        self.assert_fails(self.penstock("config", "check", **as_user), f"{self.file} cannot be used: Permission denied")
        self.file.chmod(0o644)
        os.chown(self.file, 1, 1)
        self.assert_fails(self.penstock("config", "check", **as_user), "it belongs to user 1, who could change what you")

    def test_config_show_says_where_each_option_comes_from(self):
        shown = self.ask("config", "show", "train", "--preset", "training").stdout
        for option, value, origin in (("metadata-ttl", '"60m"', "preset training"), ("read-only", "true", f"{self.file}:9:1"),
                                      ("log-file", f'"{self.log}"', f"{self.file}:3:1"),
                                      ("hard-links", '"copy"', "built in")):
            line = next(line for line in shown.splitlines() if line.startswith(f"{option} ="))
            self.assertEqual([part.strip() for part in line.split(" = ")[1].split("#")], [value, origin])
        self.file.write_text(shown)
        self.assertEqual(self.ask("config", "check").returncode, 0)
        self.assert_fails(self.ask("config", "show", "trian"), "did you mean train?")

    def test_status_looks_where_named_mounts_keep_their_journals(self):
        cache = self.base / "cache"
        self.write(f"""
            [mounts.late]
            source = "file://{self.store}"
            mountpoint = "{self.mnt}"
            state-dir = "{self.base / 'state'}"
            cache-dir = "{cache}"
            write-back = true
            """)
        result = self.ask("mount", "late")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.ask("umount", "late").returncode, 0)
        journal = cache / "journal"
        self.assertTrue(journal.is_dir())
        shutil.rmtree(journal)
        journal.write_text("what cannot be read as a folder")
        told = self.ask("status")
        # 2 where a mount of another test has something to store just now.
        self.assertIn(told.returncode, (2, 3), told.stdout + told.stderr)
        self.assertIn(f"cannot be seen: {journal}", told.stdout)
        self.assertNotIn(str(journal), self.ask("status", "--config", "/dev/null").stdout)


if __name__ == "__main__":
    cli_test.PENSTOCK = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
