# SPDX-License-Identifier: Apache-2.0
"""Workloads of scripts/bench: small changes of a large stored file, and copies inside the bucket."""
import os
import statistics
import time

from bench.parts import GIB, KIB, MIB
from bench.workloads import Row, Workload, synthetic

WANTED = 0.5  # seconds until fsync has returned
CHANGES = 5


def changes(size, length, append):
    """One change after another of one file, each with its fsync, each time elsewhere in it."""
    def measure(server, mount):
        path = mount.path / "f0"
        took, moved = [], []
        with open(path, "ab" if append else "r+b", buffering=0) as file:
            for number in range(CHANGES):
                if not append:
                    file.seek((number * 2 + 1) * size // (2 * CHANGES) + 12345)
                server.reset()
                begin = time.monotonic()
                file.write(os.urandom(length))
                os.fsync(file.fileno())
                took.append(time.monotonic() - begin)
                stats = server.stats()
                moved.append((stats["bytes_in"] + stats["bytes_out"]) / MIB)
        middle = statistics.median(took)
        return Row(WANTED / middle, f"{middle:.3f} s, at most {max(took):.3f}; sent and fetched {max(moved):.1f} MiB")
    return measure


def copied(size):
    def measure(server, mount):
        source = os.open(mount.path / "f0", os.O_RDONLY)
        target = os.open(mount.path / "copy", os.O_WRONLY | os.O_CREAT)
        server.reset()
        begin = time.monotonic()
        while os.copy_file_range(source, target, size) > 0:
            pass
        os.close(target)
        took = time.monotonic() - begin
        os.close(source)
        stats = server.stats()
        return Row(1 / took, f"{took:.2f} s; sent and fetched {(stats['bytes_in'] + stats['bytes_out']) / MIB:.1f} MiB")
    return measure


EDITS = [
    Workload("append of 1 KiB to 1 GiB + fsync", "0.5 s", "≥ 1, ≤ 16 MiB", changes(GIB, KIB, True),
             tuple(synthetic(1, "1G"))),
    Workload("edit of 64 KiB in 1 GiB + fsync", "0.5 s", "≥ 1, ≤ 16 MiB", changes(GIB, 64 * KIB, False),
             tuple(synthetic(1, "1G"))),
    Workload("copy_file_range of 1 GiB", "1 s", "", copied(GIB), tuple(synthetic(1, "1G"))),
]
