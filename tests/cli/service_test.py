#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A mount as systemd's service, without systemd: service_test.py PENSTOCK UNIT [unittest arguments]."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import cli_test

UNIT = ""
PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"


class Notices(cli_test.MountCase):
    """What the service manager is told, by a socket that a test has in its place."""

    def setUp(self):
        super().setUp()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(str(self.base / "notify"))
        self.manager.settimeout(cli_test.WAIT_S)

    def start(self, **variables):
        process = subprocess.Popen([cli_test.PENSTOCK, "mount", "-f", f"file://{self.store}", self.mnt, "--config",
                                    "/dev/null", "--state-dir", self.base / "state", "--log-file", self.log],
                                   stdout=subprocess.DEVNULL,
                                   env={**os.environ, "NOTIFY_SOCKET": str(self.base / "notify"), **variables})
        self.processes.append(process)
        return process

    def until(self, wanted):
        """Everything that is told before `wanted` is, which must come."""
        told = []
        while wanted not in told:
            told.append(self.manager.recv(4096).decode())
        return told

    def test_it_is_ready_when_it_answers_and_says_what_is_pending(self):
        process = self.start()
        self.assertEqual(self.until("READY=1"), ["READY=1"])
        self.assertTrue(self.mounted())
        self.assertEqual((self.mnt / "dir" / "file").read_bytes(), b"hello\n")
        self.until("STATUS=mounted; everything is in the bucket")
        with open(self.mnt / "new", "wb") as file:
            file.write(b"x" * 10_000)
            file.flush()
            self.until("STATUS=mounted; 1 file not stored yet")
        self.until("STATUS=mounted; everything is in the bucket")
        process.send_signal(signal.SIGTERM)
        self.until("STOPPING=1")
        self.assertEqual(process.wait(cli_test.WAIT_S), 0)
        self.assertFalse(self.mounted())

    def test_the_watchdog_hears_of_it_until_it_is_unmounted_from_outside(self):
        process = self.start(WATCHDOG_USEC="90000")
        self.until("READY=1")
        for _ in range(3):
            self.assertNotIn("STOPPING=1", self.until("WATCHDOG=1"))
        self.assertEqual(self.penstock("umount", "--config", "/dev/null", self.mnt).returncode, 0)
        self.until("STOPPING=1")
        self.assertEqual(process.wait(cli_test.WAIT_S), 0)

    def test_one_that_cannot_be_mounted_is_never_ready(self):
        (self.mnt / "something").write_bytes(b"")
        process = self.start()
        self.assertEqual(process.wait(cli_test.WAIT_S), 1)
        self.manager.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.manager.recv(4096)


class Units(cli_test.MountCase):
    """The files for systemd in packaging/."""

    def unit(self):
        """As it is installed, with this program, and the setting of each name."""
        text = pathlib.Path(UNIT).read_text(encoding="utf-8")
        text = re.sub(r"/\S*/penstock (mount|umount)", rf"{cli_test.PENSTOCK} \1", text)
        settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
        return text, settings

    def test_systemd_finds_nothing_wrong(self):
        folder = self.base / "units"
        folder.mkdir()
        (folder / "penstock@.service").write_text(self.unit()[0], encoding="utf-8")
        mount = PACKAGING / "systemd" / "mnt-train.mount"
        (folder / mount.name).write_bytes(mount.read_bytes())
        for name in ("penstock@train.service", mount.name):
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", folder / name],
                                    capture_output=True, text=True, check=False, timeout=cli_test.WAIT_S)
            self.assertEqual((result.returncode, result.stderr), (0, ""), name)

    def test_everybody_sees_the_mount(self):
        # With any of these the service has a mount namespace of its own, see exec_needs_mount_namespace of systemd.
        _, settings = self.unit()
        for name in settings:
            self.assertNotRegex(name, r"^(Private|ReadOnly|ReadWrite|Inaccessible|Exec(Paths|SearchPath)|NoExecPaths|"
                                      r"Bind|TemporaryFileSystem|Root|MountImages|MountFlags|Protect|ProcSubset|"
                                      r"DynamicUser|LogNamespace|Extension)", name)
        self.assertEqual(settings["Type"], "notify")
        self.assertGreater(len(settings["CapabilityBoundingSet"].split()), 0)

    @unittest.skipUnless(os.geteuid() == 0, "gives up root's rights")
    def test_its_commands_work_with_the_rights_that_they_have(self):
        _, settings = self.unit()
        config = self.base / "config" / "penstock" / "penstock.toml"
        config.parent.mkdir(parents=True)
        config.write_text(f'[mounts.train]\nsource = "file://{self.store}"\nmountpoint = "{self.mnt}"\n'
                          f'state-dir = "{self.base / "state"}"\ncache-dir = "{self.base / "cache"}"\n', encoding="utf-8")
        config.chmod(0o600)
        kept = ",".join(f"+{name[4:].lower()}" for name in settings["CapabilityBoundingSet"].split())
        limits = ["setpriv", "--bounding-set", f"-all,{kept}", "--no-new-privs"]
        environment = {**os.environ, "XDG_CONFIG_HOME": str(self.base / "config")}

        def command(name):
            return limits + settings[name].lstrip("-").replace("%i", "train").split()
        process = subprocess.Popen(command("ExecStart"), stdout=subprocess.PIPE, text=True, env=environment)
        self.processes.append(process)
        self.assertIn("is mounted at", process.stdout.readline())
        (self.mnt / "new").write_bytes(b"written")
        os.chown(self.mnt / "new", 1, 1)
        ended = subprocess.run(command("ExecStop"), capture_output=True, text=True, check=False, env=environment,
                               timeout=cli_test.WAIT_S)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual(process.wait(cli_test.WAIT_S), 0)
        self.assertEqual((self.store / "new").read_bytes(), b"written")

    def test_tmpfiles_makes_what_it_says(self):
        with tempfile.TemporaryDirectory() as root:
            result = subprocess.run(["systemd-tmpfiles", "--create", f"--root={root}",
                                     PACKAGING / "tmpfiles.d" / "penstock.conf"],
                                    capture_output=True, text=True, check=False, timeout=cli_test.WAIT_S)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertTrue(pathlib.Path(root, "run/penstock").is_dir())


if __name__ == "__main__":
    cli_test.PENSTOCK = str(pathlib.Path(sys.argv.pop(1)).resolve())
    UNIT = sys.argv.pop(1)
    unittest.main(verbosity=2)
