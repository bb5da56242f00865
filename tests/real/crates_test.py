#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The POSIX suites that are Rust crates (tests/real/crates installs them), on a mount of a real server: fsx and
pjdfstest."""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from mounts import ROOT, Mount

sys.path.insert(0, os.path.join(ROOT, "scripts", "lib"))
from conformance import expected  # noqa: E402

PROGRAMS = os.path.join(ROOT, "build", "crates", "bin")
LIST = pathlib.Path(ROOT, "tests", "conformance", "pjdfstest-crate.expected")

# Two parts of 8 MiB, so that edits copy one, and mostly small operations, so that 20,000 take a minute.
FSX = """
flen = 10000000
[opsize]
max = 65536
[weights]
close_open = 0.3
read = 10
write = 10
mapread = 10
mapwrite = 10
truncate = 0.5
fsync = 0.1
fdatasync = 0.1
posix_fallocate = 1
punch_hole = 3
sendfile = 3
posix_fadvise = 1
copy_file_range = 3
invalidate = 0.3
"""

PJDFSTEST = """
[features]
utimensat = {}
utime_now = {}
[settings]
naptime = 0.01
allow_remount = false
expected_failures = []
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
"""


class Crates(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="penstock-crates-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def config(self, text):
        path = os.path.join(self.folder, "config.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_fsx_with_three_seeds(self):
        # At once, on three mounts: most of the time each waits for the store.
        config = self.config(FSX)
        with contextlib.ExitStack() as ending:
            running = []
            for seed, options in enumerate(((), ("--write-back",), ("--metadata-ttl=0",)), 1):
                mount = ending.enter_context(Mount(*options))
                command = [os.path.join(PROGRAMS, "fsx"), "-N", "20000", "-S", str(seed), "-P", self.folder,
                           "-f", config, os.path.join(mount.path, f"file{seed}")]
                fsx = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                ending.callback(fsx.wait)
                ending.callback(fsx.kill)
                running.append((seed, options, fsx))
            for seed, options, fsx in running:
                with self.subTest(seed=seed, options=options):
                    output, _ = fsx.communicate(timeout=600)
                    self.assertEqual(fsx.returncode, 0, output[-3000:])

    def test_pjdfstest_fails_where_it_is_expected_to(self):
        with Mount("--allow-other", "--attributes=full") as mount:
            os.chmod(mount.folder, 0o755)
            os.chmod(mount.path, 0o777)
            # A socket's path has at most 108 bytes: under a short one, which only these processes see.
            command = ["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /mnt && shift && exec "$@"', "sh", mount.path,
                       os.path.join(PROGRAMS, "pjdfstest"), "-c", self.config(PJDFSTEST), "-p", "/mnt"]
            quiet = {**os.environ, "RUST_BACKTRACE": "0"}
            result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500, env=quiet)
        output = result.stdout + result.stderr
        found = re.findall(r"^(\S+) +(ok|FAILED)$(?:\n\t(.*))?", output, re.MULTILINE)
        results = {(name.replace("::", "/"), expected.WHOLE): None if how == "ok" else why
                   for name, how, why in found}
        self.assertGreater(len(results), 350, output[-3000:])
        comparison = expected.Comparison(results, expected.read(LIST))
        self.assertTrue(comparison.good, "\n".join(["not listed:", *expected.as_lines(comparison.unlisted),
                                                    "listed, and pass:", *expected.as_lines(comparison.stale)]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
