# SPDX-License-Identifier: Apache-2.0
"""Workloads with more open files than memory, and with more requests than connections."""
import os
import statistics
import subprocess
import time

from bench.parts import BUILD, MIB
from bench.workloads import ROUND_TRIP, Row, Workload, streams, synthetic

FOLDERS = 20
MANY = 160


def stats_beside_readers(server, mount):
    """While many programs read, another one looks up names that nobody knows yet: one round trip each, if it does not
    wait behind what is read ahead."""
    load = subprocess.Popen([BUILD / "fsload", "read", "--file", mount.path / "f", "--files", str(MANY)],
                            stdout=subprocess.DEVNULL)
    try:
        # By then the first fetches are answered, and more are asked for than there are connections.
        while server.stats()["bytes_out"] < MANY * MIB // 2:
            if load.poll() is not None:
                raise RuntimeError("reading ended too early")
            time.sleep(0.1)
        took = []
        for i in range(FOLDERS):
            begin = time.monotonic()
            os.stat(mount.path / f"d{i:04}" / "f000000")
            took.append(time.monotonic() - begin)
        if load.poll() is not None:
            raise RuntimeError("reading ended too early")
    finally:
        load.kill()
        load.wait()
    middle = statistics.median(took)
    return Row(2 * ROUND_TRIP / middle, f"{middle * 1e3:.0f} ms, at most {max(took) * 1e3:.0f} ms")


PRESSURE = [
    Workload("1,000 open files, 64 MiB", "raw GETs", "", streams(1000, 2 * MIB), tuple(synthetic(1000, "2M")),
             mount=("--memory-limit=64MiB",)),
    Workload("stat beside 160 readers", "2 round trips", "≥ 0.5", stats_beside_readers,
             (*synthetic(MANY, "128M"), "--synthetic-tree", f"bench/:{FOLDERS}:1:1000"), {"connection_mbps": 1}),
]
