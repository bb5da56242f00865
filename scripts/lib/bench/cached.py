# SPDX-License-Identifier: Apache-2.0
"""Workloads of the disk cache: each beside the same work on the local file system that the cache lies on."""
import concurrent.futures
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "python"))
import penstock  # noqa: E402

from bench.parts import GIB, KIB, MIB, Mount, drop_caches, tool
from bench.workloads import CAP, CONNECTIONS, SMALL_TREE, Row, Workload, against_one_thread, mb, synthetic

BIG = 4 * GIB
SHARDS, SHARD = 8, 256 * MIB


class Cache:
    """A cache folder beside the build, on a real disk, filled through a mount of its own."""

    def __init__(self, server, fill, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="penstock-bench-cache-", dir=pathlib.Path(__file__).parents[3] / "build")
        self.options = ("--cache-dir", self.folder.name, "--cache-size", "80%", "--metadata-ttl", "1h",
                        *options)
        mount = Mount(server.url, *self.options)
        try:
            deadline = time.monotonic() + 240
            while True:
                drop_caches()  # what the kernel has is not asked for
                server.reset()
                fill(mount)
                if not server.stats()["requests"].get("GetObject"):
                    break
                time.sleep(2)  # what waits to be written gets there
                if time.monotonic() > deadline:
                    raise RuntimeError("the cache does not become complete")
        finally:
            mount.close()
        self.mount = Mount(server.url, *self.options)
        subprocess.run(["find", self.mount.path, "-type", "f"], check=True, stdout=subprocess.DEVNULL)
        drop_caches()

    def backing(self):
        """The largest data file of the cache: what the kernel would read without any mount."""
        files = pathlib.Path(self.folder.name).rglob("*.data")
        return max(files, key=lambda path: path.stat().st_size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mount.close()
        self.folder.cleanup()


def read_whole(mount):
    subprocess.run(["dd", f"if={mount.path}/f0", "of=/dev/null", "bs=1M", "status=none"], check=True)


def read_tree(mount):
    return tool("fsload", "tree", dir=mount.path, dirs=30, files=100, threads=16)


def against_backing(command, **options):
    """The same load on the mount's file and on its backing file, each with a cold page cache."""
    def measure(server, _mount):
        with Cache(server, read_whole) as cache:
            server.reset()
            before = cache.mount.used_cpu()
            got = tool("fsload", command, file=cache.mount.path / "f0", **options)
            cpu = (cache.mount.used_cpu() - before) / (got["bytes"] / GIB)
            fetched = server.stats()["requests"].get("GetObject", 0)
            drop_caches()
            own = tool("fsload", command, file=cache.backing(), **options)
            rate, limit = (one["bytes"] / one["seconds"] for one in (got, own))
            return Row(rate / limit, f"{mb(rate)}, the file itself {mb(limit)}, {cpu:.3f} CPU-s/GiB, {fetched} GETs")
    return measure


def many_readers(threads, files, count):
    """Small reads past the kernel's cache, of files that the daemon has on its disk: what many threads gain over one."""
    def measure(server, _mount):
        with Cache(server, lambda mount: tool("fsload", "read", file=mount.path / "f", files=files), "--no-passthrough") as cache:
            load = {"file": cache.mount.path / "f", "files": files, "length": 4 * KIB, "direct": 1, "count": count}
            tool("fsload", "pread", threads=threads, **load)  # the same blocks, so that no disk is measured
            return against_one_thread(cache.mount, "pread", threads, "read", **load)
    return measure


def second_epoch(server, _mount):
    with Cache(server, read_tree) as cache, tempfile.TemporaryDirectory(
            prefix="penstock-bench-tree-", dir=pathlib.Path(cache.folder.name).parent) as local:
        subprocess.run(["cp", "-r", f"{cache.mount.path}/.", local], check=True)
        drop_caches()
        server.reset()
        got = read_tree(cache.mount)
        fetched = server.stats()["requests"].get("GetObject", 0)
        drop_caches()
        own = tool("fsload", "tree", dir=local, dirs=30, files=100, threads=16)
        rate, limit = got["operations_per_s"], own["operations_per_s"]
        return Row(rate / limit, f"{rate:.0f} files/s, local {limit:.0f}, {fetched} GETs", 0, f"p99 {got['p99_ms']:.0f} ms")


def first_epoch(server, _mount):
    """The first, shuffled, reading of a tree that was listed, with a cache to be filled, beside the same without the epoch
    prefetch; each by a mount of its own."""
    rates, words = {}, {}
    for prefetch in ("off", "auto"):
        with tempfile.TemporaryDirectory(prefix="penstock-bench-cache-", dir=pathlib.Path(__file__).parents[3] / "build") as folder:
            drop_caches()
            mount = Mount(server.url, "--cache-dir", folder, "--cache-size", "80%", "--prefetch-epoch", prefetch)
            try:
                subprocess.run(["find", mount.path, "-type", "f"], check=True, stdout=subprocess.DEVNULL)
                server.reset()
                before = mount.used_cpu()
                got = read_tree(mount)
                cpu = (mount.used_cpu() - before) / (got["bytes"] / GIB)
                rates[prefetch] = got["operations_per_s"]
                words[prefetch] = (f"{rates[prefetch]:.0f} files/s, {cpu:.1f} CPU-s/GiB, {mount.peak_mib()} MiB, "
                                   f"{server.stats()['requests'].get('GetObject', 0)} GETs, p99 {got['p99_ms']:.0f} ms")
            finally:
                mount.close()
    return Row(rates["auto"] / rates["off"], f"{words['auto']}; off: {words['off']}")


def hinted_epoch(server, _mount):
    """The first, shuffled, reading of a tree by 16 threads of a program that hints the order, beside the same without hints;
    each by a mount of its own that has listed nothing."""
    names = [f"d{directory:04}/f{file:06}" for directory in range(30) for file in range(100)]
    random.Random(1).shuffle(names)
    rates, words = {}, {}
    for hints in (False, True):
        with tempfile.TemporaryDirectory(prefix="penstock-bench-cache-", dir=pathlib.Path(__file__).parents[3] / "build") as folder:
            drop_caches()
            mount = Mount(server.url, "--cache-dir", folder, "--cache-size", "80%")
            paths = [mount.path / name for name in names]
            try:
                server.reset()
                begin = time.monotonic()
                if hints:
                    penstock.prefetch(paths)
                with concurrent.futures.ThreadPoolExecutor(16) as pool:
                    read = sum(pool.map(lambda path: len(path.read_bytes()) > 0, paths))
                rates[hints] = read / (time.monotonic() - begin)
                words[hints] = f"{rates[hints]:.0f} files/s, {server.stats()['requests'].get('GetObject', 0)} GETs"
            finally:
                penstock.release()
                mount.close()
    return Row(rates[True] / rates[False], f"{words[True]}; without: {words[False]}")


def hinted_shards(server, _mount):
    """Shards that are read one after the other when all that were hinted have been fetched, beside the same without hints; each
    by a mount of its own. What is timed are the reads alone."""
    rates, words = {}, {}
    for hints in (False, True):
        with tempfile.TemporaryDirectory(prefix="penstock-bench-cache-", dir=pathlib.Path(__file__).parents[3] / "build") as folder:
            drop_caches()
            mount = Mount(server.url, "--cache-dir", folder, "--cache-size", "80%")
            paths = [mount.path / f"f{shard}" for shard in range(SHARDS)]
            try:
                server.reset()
                if hints:
                    penstock.prefetch(paths)
                    deadline = time.monotonic() + 240
                    while mount.metric("penstock_hinted_files_total") < SHARDS:
                        if time.monotonic() > deadline:
                            raise RuntimeError("the hinted shards do not come")
                        time.sleep(0.1)
                    drop_caches()
                begin = time.monotonic()
                for path in paths:
                    subprocess.run(["dd", f"if={path}", "of=/dev/null", "bs=1M", "status=none"], check=True)
                rates[hints] = SHARDS * SHARD / (time.monotonic() - begin)
                words[hints] = f"{mb(rates[hints])}, {server.stats()['requests'].get('GetObject', 0)} GETs"
            finally:
                penstock.release()
                mount.close()
    return Row(rates[True] / rates[False], f"{words[True]}; without: {words[False]}")


def second_epoch_of_twice(server, _mount):
    """Shuffled epochs over a tree twice as large as the cache, each by a mount of its own: the share of the second and the
    third that is found there."""
    files, occupied = 3_000, 110_592 + 4_096
    with tempfile.TemporaryDirectory(prefix="penstock-bench-cache-", dir=pathlib.Path(__file__).parents[3] / "build") as folder:
        found, rates = [], []
        for _ in range(3):
            drop_caches()
            mount = Mount(server.url, "--cache-dir", folder, "--cache-size", str(files // 2 * occupied))
            try:
                server.reset()
                rates.append(read_tree(mount)["operations_per_s"])
                found.append(1 - server.stats()["requests"].get("GetObject", 0) / files)
            finally:
                mount.close()
    return Row(found[1], f"hits {found[1]:.1%}, third epoch {found[2]:.1%}; "
               f"{', '.join(f'{rate:.0f}' for rate in rates)} files/s")


def cold_with_cache(server, mount):
    """The first read of an object, while the cache is filled, beside the same with --no-cache."""
    begin = time.monotonic()
    read_whole(mount)
    without = time.monotonic() - begin
    with tempfile.TemporaryDirectory(prefix="penstock-bench-cache-", dir=pathlib.Path(__file__).parents[3] / "build") as folder:
        cached = Mount(server.url, "--cache-dir", folder, "--cache-size", "80%")
        try:
            begin = time.monotonic()
            read_whole(cached)
            seconds = time.monotonic() - begin
            return Row(without / seconds, f"{mb(2 * GIB / seconds)}, without {mb(2 * GIB / without)}, "
                       f"kept {kept_in(folder) / (2 * GIB):.0%}", 2 * GIB)
        finally:
            cached.close()


def kept_in(folder):
    """Bytes of objects that lie in a cache folder."""
    return sum(path.stat().st_blocks * 512 for path in pathlib.Path(folder).rglob("*.data"))


def filling(server, mount):
    """The first read of an object by a mount with a cache, beside raw GETs. What the daemon then does to finish writing
    counts as its processor time too."""
    size = 2 * GIB
    raw = server.raw("get", key="f", keys=1, size=size, range_="8M", connections=CONNECTIONS)
    begin = time.monotonic()
    read_whole(mount)
    seconds = time.monotonic() - begin
    used, before = mount.used_cpu(), -1
    while used != before:
        time.sleep(0.5)
        used, before = mount.used_cpu(), used
    rate = size / seconds
    return Row(rate / (raw["mb_per_s"] * 1e6),
               f"{mb(rate)}, raw {raw['mb_per_s']:.0f}, kept {kept_in(mount.cache_dir()) / size:.0%}", size)


BIG_FILE = (*synthetic(1, BIG),)
QUICK = {"first_byte_ms": 1, "connection_mbps": 0}  # filling the cache is not what is measured
CACHED = [
    Workload("cached 4 GiB, read", "its backing file", "≥ 0.9, ≤ 0.02 CPU-s/GiB",
             against_backing("read", block=MIB), BIG_FILE, QUICK),
    Workload("cached 4 GiB, mmap", "its backing file", "≥ 0.9, ≤ 0.02 CPU-s/GiB",
             against_backing("mmap", stride=MIB, length=MIB), BIG_FILE, QUICK),
    Workload("cached, random 4 KiB, 4 threads", "its backing file", "≥ 0.85",
             against_backing("pread", length=4 * KIB, threads=4, count=20_000), BIG_FILE, QUICK),
    Workload("cached, random 64 KiB, 4 threads", "its backing file", "≥ 0.85",
             against_backing("pread", length=64 * KIB, threads=4, count=8_000), BIG_FILE, QUICK),
    Workload("16 threads, 4 KiB of 16 cached files, no passthrough", "1 thread", "≥ 1",
             many_readers(16, 16, 100_000), tuple(synthetic(16, "16M")), QUICK, own=True),
    Workload("cached 3,000 files, 16 threads", "the same tree, local", "≥ 0.6", second_epoch, SMALL_TREE, QUICK),
    Workload("first epoch, 3,000 files", "--prefetch-epoch=off, 16 threads", "≥ 1", first_epoch, SMALL_TREE),
    Workload("hinted epoch, 3,000 files", "no hints, 16 threads", "≥ 1", hinted_epoch, SMALL_TREE),
    Workload("hinted shards, 8 of 256 MiB", "no hints, 125 MB/s in all", "≥ 1.5", hinted_shards,
             ("--total-mbps", 125, *synthetic(SHARDS, SHARD))),
    Workload("second epoch, data twice the cache", "all of it", "≥ 0.45", second_epoch_of_twice, SMALL_TREE),
    Workload("cold 2 GiB, cache on", "--no-cache, 600 MB/s in all", "≥ 0.95", cold_with_cache,
             (*CAP, *synthetic(1, "2G"))),
    Workload("1 stream, uncapped, cache on", "raw GETs", "≥ 0.6, ≤ 0.9 CPU-s/GiB", filling, tuple(synthetic(1, "2G")),
             mount=("--cache-dir", "{disk}", "--cache-size", "80%")),
]
