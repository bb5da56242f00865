# SPDX-License-Identifier: Apache-2.0
"""Workloads of mount --write-back: until the program goes on, beside the disk that the journal lies on; until the bucket
has everything, beside raw transfers."""
import os
import pathlib
import statistics
import subprocess
import time

from bench.parts import GIB, KIB, tool
from bench.workloads import CAP, CONNECTIONS, ROUND_TRIP, Row, Workload

ROUNDS = 3
# As many as the mount uploads at once.
SMALL_CONNECTIONS = 64


def plain_write(folder, size):
    """Seconds that dd takes to write as much to that disk, durably."""
    path = folder / "dd"
    os.sync()
    begin = time.monotonic()
    subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={size >> 20}", "conv=fsync", "status=none"],
                   check=True)
    seconds = time.monotonic() - begin
    path.unlink()
    os.sync()
    return seconds


def in_bucket(server, operation, count, begin):
    """Seconds from `begin` until the server has had so many of these requests, and answered the last one."""
    deadline = time.monotonic() + 240
    while server.stats()["requests"].get(operation, 0) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the bucket does not become complete: {server.stats()}")
        time.sleep(0.02)
    return time.monotonic() - begin + ROUND_TRIP


class Rounds:
    """The same file by dd and through the mount, in turns and each first once: medians, for disks are noisy."""

    def __init__(self, server, mount, size, write):
        self.disk, self.program, self.bucket = [], [], []
        folder = mount.cache_dir()

        def through_mount():
            server.reset()
            os.sync()
            begin = time.monotonic()
            self.last = write(len(self.program))
            self.program.append(time.monotonic() - begin)
            self.bucket.append(in_bucket(server, "CompleteMultipartUpload", 1, begin))

        for turn in range(ROUNDS):
            steps = [lambda: self.disk.append(plain_write(folder, size)), through_mount]
            for step in steps if turn % 2 == 0 else reversed(steps):
                step()
        self.disk, self.program, self.bucket = map(statistics.median, (self.disk, self.program, self.bucket))


def checkpoint(size):
    def measure(server, mount):
        raw = server.raw("put", key="raw", size=size, part="8M", connections=CONNECTIONS)["seconds"]
        rounds = Rounds(server, mount, size, lambda turn: tool("fsload", "write", file=mount.path / f"c{turn}", size=size))
        return Row(rounds.disk / rounds.program,
                   f"closed after {rounds.program:.2f} s, dd {rounds.disk:.2f} s; in the bucket after "
                   f"{rounds.bucket:.2f} s, {raw / rounds.bucket:.2f} of raw UploadParts", ROUNDS * size)
    return measure


def renamed(size):
    def measure(server, mount):
        rounds = Rounds(server, mount, size, lambda turn: tool("fsload", "write", file=mount.path / "x.tmp", size=size,
                                                               fsync=1, rename_to=mount.path / f"x{turn}"))
        stats = server.stats()
        copies = sum(stats["requests"].get(name, 0) for name in ("CopyObject", "UploadPartCopy"))
        last = rounds.last
        return Row(rounds.disk / rounds.program,
                   f"renamed after {rounds.program:.2f} s, dd {rounds.disk:.2f} s; {copies} copies, sent "
                   f"{stats['bytes_in'] / size:.2f} x, in the bucket after {rounds.bucket:.2f} s", ROUNDS * size,
                   f"fsync {last['fsync_s']:.2f} s, rename {last['rename_s']:.3f} s")
    return measure


def small_files(count, least, most, threads):
    sizes = {"count": count, "size": least, "size_to": most}

    def measure(server, mount):
        raw = server.raw("small", prefix="raw", connections=SMALL_CONNECTIONS, **sizes)["seconds"]
        (mount.path / "new").mkdir()
        server.reset()
        begin = time.monotonic()
        got = tool("fsload", "create", dir=mount.path / "new", threads=threads, **sizes)
        bucket = in_bucket(server, "PutObject", count, begin)
        rate = got["operations_per_s"]
        return Row(rate * ROUND_TRIP, f"{rate:.0f} files/s; in the bucket after {bucket:.2f} s, {raw / bucket:.2f} of raw "
                   f"PUTs", int(got["bytes"]), f"p99 {got['p99_ms']:.0f} ms")
    return measure


ON_DISK = ("--write-back", "--cache-dir", "{disk}")
WRITE_BACK = [
    Workload("write-back checkpoint", "dd conv=fsync, 600 MB/s in all", "≥ 0.8", checkpoint(2 * GIB), CAP, mount=ON_DISK),
    Workload("write-back small files", "one PUT at a time", "≥ 20", small_files(6_400, 512, 300 * KIB, 16), mount=ON_DISK),
    Workload("write-back x.tmp + fsync + rename", "dd conv=fsync, 600 MB/s in all", "0 copies, ≤ 1.01 x sent", renamed(GIB), CAP, mount=ON_DISK),
]
