# SPDX-License-Identifier: Apache-2.0
"""Very many names: what they take in memory, and how long a lookup waits while they are listed."""
import os
import subprocess
import threading
import time

from bench.parts import MIB
from bench.workloads import Row, Workload

LONGEST_WAIT = 0.050
BETWEEN_LOOKUPS = 0.020


class Lookups:
    """Asks for names that the mount has not been asked for, all the while, and keeps the longest time that one took."""

    def __init__(self, folder):
        self.folder = folder
        self.longest = 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        number = 0
        while not self.ended.wait(BETWEEN_LOOKUPS):
            number += 1
            begin = time.monotonic()
            os.path.lexists(self.folder / f"absent-{number}")
            self.longest = max(self.longest, time.monotonic() - begin)

    def end(self):
        self.ended.set()
        self.thread.join()
        return self.longest


def many_names(directories, files):
    """find goes through all of them, so that the kernel refers to each; the peak counts what was there before."""
    def measure(_server, mount):
        before = mount.peak_mib()
        lookups = Lookups(mount.path)
        begin = time.monotonic()
        try:
            found = subprocess.run(f"find {mount.path} -mindepth 1 | wc -l", shell=True, check=True, capture_output=True).stdout
        finally:
            longest = lookups.end()
        seconds = time.monotonic() - begin
        expected = directories * (files + 1)
        if int(found) != expected:
            raise RuntimeError(f"find saw {int(found)} names of {expected}")
        names, counted = mount.metric("penstock_known_names"), mount.metric("penstock_metadata_bytes")
        resident = (mount.peak_mib() - before) * MIB / expected
        return Row(LONGEST_WAIT / longest, f"{expected / seconds:.0f} names/s; a name takes {counted / names:.0f} bytes, "
                   f"{resident:.0f} at the peak", latency=f"longest lookup {longest * 1000:.0f} ms")
    return measure


def row(name, directories, files):
    return Workload(name, "50 ms for a lookup", "≥ 1", many_names(directories, files),
                    ("--synthetic-tree", f"bench/:{directories}:{files}:10"), {"first_byte_ms": 0},
                    mount=("--metadata-memory", "8GiB"), on_request=True, own=True)


NAMES = [
    row("1,000,000 names", 1000, 1000),
    row("10,000,000 names", 10_000, 1000),
    row("10,000,000 names, one directory", 1, 10_000_000),
]
