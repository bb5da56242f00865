#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that a step of scripts/test sees nothing of this machine's Penstock, and leaves nothing there. Needs root."""
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATE = pathlib.Path("/var/lib/penstock")
SOURCE = "source scripts/lib/common.sh; source scripts/lib/test_steps.sh; "


class OwnMachine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        STATE.mkdir(parents=True, exist_ok=True)
        left = tempfile.NamedTemporaryFile(dir=STATE, prefix="left-by-another.")
        self.addCleanup(left.close)

    def start(self, step):
        """The step's text as a step."""
        inside = f"{SOURCE} step_probe() {{ {step}\n}}; trap end_body EXIT; run_body probe"
        return subprocess.Popen(["bash", "-c", SOURCE + 'exec "${OWN_NAMESPACES[@]}" bash -c "$0"', inside], cwd=ROOT,
                                env={**os.environ, "PENSTOCK_TEST_WORK": str(self.folder)}, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run_step(self, step):
        process = self.start(step)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said

    def test_what_earlier_mounts_left_is_not_there(self):
        self.assertEqual(self.run_step("ls -A /etc/penstock /run/penstock /var/cache/penstock /var/lib/penstock | grep left"),
                         (1, ""))

    def test_what_a_step_writes_there_stays_its_own(self):
        self.assertEqual(self.run_step("touch /var/lib/penstock/of-a-step"), (0, ""))
        self.assertFalse((STATE / "of-a-step").exists())
        self.assertEqual(self.run_step("ls -A /var/lib/penstock"), (0, ""))

    def test_a_mount_that_is_left_is_told_and_ends(self):
        mountpoint = self.folder / "left"
        mountpoint.mkdir()
        self.assertEqual(self.run_step(f"mount -t tmpfs none {mountpoint}"), (0, f"left mounted: {mountpoint}\n"))
        self.assertNotIn(str(mountpoint), pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8"))

    def test_a_killed_step_leaves_neither_mount_nor_process(self):
        mountpoint, ready = self.folder / "left", self.folder / "ready"
        mountpoint.mkdir()
        step = self.start(f"mount -t tmpfs none {mountpoint}; setsid sleep 613 & touch {ready}; wait")
        deadline = time.monotonic() + 60
        while not ready.exists():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        step.send_signal(signal.SIGKILL)
        step.communicate(timeout=60)  # its output's end: nobody is left who could write
        self.assertNotIn(str(mountpoint), pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
