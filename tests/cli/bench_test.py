#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures other mount programs beside Penstock with scripts/bench: bench_test.py PENSTOCK [unittest arguments]."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PENSTOCK = pathlib.Path(sys.argv[1]).resolve()
BENCH = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "bench"
# Penstock under another name: it does what a peer has to.
OTHER = (f"other={PENSTOCK} mount --foreground --no-cache --endpoint-url {{endpoint}} --region us-east-1 "
         "--state-dir {folder} s3://{bucket} {mountpoint}")
BROKEN = "broken=sh -c 'echo no such program as {mountpoint}; exit 3'"
WORKLOAD = "mmap, a page every 4 MiB"


class Peers(unittest.TestCase):
    def bench(self, *arguments):
        return subprocess.run([BENCH, "--runs", "1", *arguments], capture_output=True, text=True, check=False,
                              timeout=200, env=dict(os.environ, PENSTOCK_BENCH_BUILD=str(PENSTOCK.parent)))

    def test_each_is_measured_and_drawn_and_one_that_fails_stops_nobody(self):
        with tempfile.TemporaryDirectory(prefix="penstock-bench-test-") as folder:
            picture = pathlib.Path(folder) / "picture.svg"
            done = self.bench("--only", WORKLOAD, "--peer", BROKEN, "--peer", OTHER, "--plot", picture)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, rf"(?m)^{WORKLOAD} .* pages/s$")
            self.assertRegex(done.stdout, rf"(?m)^{WORKLOAD}: other .* pages/s$")
            self.assertRegex(done.stdout, rf"{WORKLOAD}: broken failed: it does not mount: no such program as /")
            words = [node.text for node in xml.etree.ElementTree.parse(picture).iter() if node.tag.endswith("text")]
            self.assertEqual(words[:4], ["Penstock", "broken", "other", WORKLOAD])
            self.assertIn("failed", words)
        self.assertNotIn("penstock-bench-", pathlib.Path("/proc/mounts").read_text(encoding="utf-8"))

    def test_a_command_that_cannot_mount_is_refused_before_anything_runs(self):
        for peer, words in (("s3fs", "NAME=COMMAND is wanted"), ("a=mount it", "{mountpoint} in the command"),
                            ("a=mount {port} {mountpoint}", "a command may name {endpoint}")):
            with self.subTest(peer):
                done = self.bench("--only", WORKLOAD, "--peer", peer)
                self.assertEqual(done.returncode, 2)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_what_is_about_penstock_alone_is_left_to_it(self):
        done = self.bench("--only", "FUSE alone, O_DIRECT", "--peer", OTHER)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("FUSE alone, O_DIRECT", done.stdout)
        self.assertNotIn("other", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
