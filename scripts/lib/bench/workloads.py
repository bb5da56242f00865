# SPDX-License-Identifier: Apache-2.0
"""The workloads of scripts/bench: what is served, what is measured, and the limit that it is compared with."""
import dataclasses
import pathlib
import subprocess
import time
from typing import Callable

from bench.parts import BUILD, GIB, KIB, MIB, Mount, Server, tool

CONNECTIONS = 32
ROUND_TRIP = 0.030


@dataclasses.dataclass
class Row:
    ratio: float          # to the limit; 1 is the limit
    figure: str           # for people
    moved: int = 0        # bytes that CPU seconds are divided by
    latency: str = ""


@dataclasses.dataclass
class Workload:
    name: str
    limit: str                      # what the ratio is to
    target: str                     # what the project wants of it
    measure: Callable[[Server, Mount], Row]
    server: tuple = ()              # options of the test server
    profile: dict = dataclasses.field(default_factory=dict)
    mount: tuple = ()               # options of the mount; {disk} is a folder on a real disk
    on_request: bool = False        # takes long or much memory: only where --only has its whole name
    own: bool = False               # about Penstock and nobody else

    @property
    def for_peers(self):
        return not self.own and not self.mount


def mb(rate):
    return f"{rate / 1e6:.0f} MB/s"


def synthetic(files, size):
    return [word for i in range(files) for word in ("--synthetic", f"bench/f{i}={size}")]


def streams(files, size, **options):
    """`files` programs read a file each, beginning to end; raw reads the same objects side by side."""
    def measure(server, mount):
        raw = server.raw("get", key="f", keys=files, size=size, range_="8M", connections=CONNECTIONS)
        server.reset()
        if files == 1 and not options:
            begin = time.monotonic()
            subprocess.run(["dd", f"if={mount.path}/f0", "of=/dev/null", "bs=1M", "status=none"], check=True)
            seconds = time.monotonic() - begin
        elif files == 1:
            seconds = tool("fsload", "read", file=mount.path / "f0", **options)["seconds"]
        else:
            seconds = tool("fsload", "read", file=mount.path / "f", files=files, **options)["seconds"]
        rate = files * size / seconds
        return Row(rate / (raw["mb_per_s"] * 1e6), f"{mb(rate)}, raw {raw['mb_per_s']:.0f}", files * size)
    return measure


def random_reads(length, threads, count, limit_per_thread):
    def measure(server, mount):
        server.reset()
        got = tool("fsload", "pread", file=mount.path / "f0", length=length, threads=threads, count=count)
        rate = got["operations_per_s"]
        amplification = server.stats()["bytes_out"] / got["bytes"]
        return Row(rate * limit_per_thread / threads, f"{rate:.0f} reads/s, fetched {amplification:.1f} x",
                   int(got["bytes"]), f"p99 {got['p99_ms']:.0f} ms")
    return measure


def mapped_pages(server, mount):
    got = tool("fsload", "mmap", file=mount.path / "f0", stride="4M")
    return Row(got["operations_per_s"] / 150, f"{got['operations_per_s']:.0f} pages/s")


def mapped_tensors(threads, size, pieces=300, processes=1, shuffle=False):
    """What a safetensors loader does: maps the file and copies piece after piece. Each process copies its share."""
    def measure(server, mount):
        raw = server.raw("get", key="f", keys=1, size=size, range_="8M", connections=CONNECTIONS)
        server.reset()
        piece = size // pieces // 4096 * 4096
        words = [BUILD / "fsload", "mmap", "--file", mount.path / "f0", "--stride", str(piece), "--length", str(piece),
                 "--threads", str(threads), "--shuffle", str(int(shuffle)), "--parts", str(processes), "--part"]
        begin = time.monotonic()
        load = [subprocess.Popen([*words, str(part)], stdout=subprocess.DEVNULL) for part in range(processes)]
        if any([process.wait() for process in load]):
            raise RuntimeError("reading the mapped file failed")
        rate = piece * pieces / (time.monotonic() - begin)
        return Row(rate / (raw["mb_per_s"] * 1e6),
                   f"{mb(rate)}, raw {raw['mb_per_s']:.0f}, fetched {server.stats()['bytes_out'] / size:.2f} x", size)
    return measure


def tree(dirs, files, threads, size=110_000):
    def measure(server, mount):
        # As a data loader does: the directories are listed first, then files are read in random order.
        subprocess.run(["find", mount.path, "-type", "f"], check=True, stdout=subprocess.DEVNULL)
        got = tool("fsload", "tree", dir=mount.path, dirs=dirs, files=files, threads=threads)
        rate = got["operations_per_s"]
        bound = threads / (ROUND_TRIP + size / 90e6)
        return Row(rate / bound, f"{rate:.0f} files/s", int(got["bytes"]), f"p99 {got['p99_ms']:.0f} ms")
    return measure


def command_time(seconds_wanted, *words):
    def measure(server, mount):
        begin = time.monotonic()
        subprocess.run([word.format(mount.path) for word in words], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begin
        return Row(seconds_wanted / seconds, f"{seconds:.2f} s")
    return measure


def flat_listing(entries):
    def measure(server, mount):
        raw = server.raw("list", prefix="d0000/", delimiter="/")
        begin = time.monotonic()
        listed = subprocess.run(["ls", "-f", mount.path / "d0000"], check=True, capture_output=True).stdout
        seconds = time.monotonic() - begin
        if listed.count(b"\n") != entries + 2:
            raise RuntimeError("the listing is not complete")
        return Row(raw["seconds"] / seconds, f"{seconds:.2f} s, {entries / seconds:.0f} names/s")
    return measure


def long_listing(entries, seconds_wanted):
    """ls -l of one directory, whose names the program sorts and asks for one by one."""
    def measure(server, mount):
        server.reset()
        begin = time.monotonic()
        listed = subprocess.run(["ls", "-l", mount.path / "d0000"], check=True, capture_output=True).stdout
        seconds = time.monotonic() - begin
        if listed.count(b"\n") != entries + 1:
            raise RuntimeError("the listing is not complete")
        lists = server.stats()["requests"]["ListObjectsV2"]
        return Row(seconds_wanted / seconds, f"{seconds:.2f} s, {entries / seconds:.0f} names/s, {lists} LISTs")
    return measure


def stat_storm(server, mount):
    """Warm: every name is known. Four processes stat each of 10,000 files."""
    words = ["find", mount.path, "-type", "f", "-size", "+0"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    begin = time.monotonic()
    finders = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in range(4)]
    for finder in finders:
        finder.wait()
    rate = 4 * 10_000 / (time.monotonic() - begin)
    return Row(rate / 40_000, f"{rate:.0f} stats/s")


def against_one_thread(mount, command, threads, unit, **load):
    """The load by many threads beside the same by one, with the daemon's CPU time an operation. It has run once before."""
    alone = tool("fsload", command, threads=1, **load)["operations_per_s"]
    before = mount.used_cpu()
    got = tool("fsload", command, threads=threads, **load)
    cpu = (mount.used_cpu() - before) / load["count"]
    rate = got["operations_per_s"]
    return Row(rate / alone, f"{rate:.0f} {unit}s/s, 1 thread {alone:.0f}, {cpu * 1e6:.1f} CPU-us/{unit}",
               latency=f"p99 {got['p99_ms']:.2f} ms")


def known_names(threads, dirs, files, count):
    """statx past the kernel's cache, open and close of names that the mount knows: what many threads gain over one."""
    def measure(_server, mount):
        subprocess.run(["find", mount.path, "-type", "f", "-size", "+0"], check=True, stdout=subprocess.DEVNULL)
        tool("fsload", "tree", dir=mount.path, dirs=dirs, files=files, threads=threads)  # no open below asks the store
        return against_one_thread(mount, "names", threads, "name", dir=mount.path, dirs=dirs, files=files, count=count)
    return measure


def creates(count, size, threads):
    def measure(server, mount):
        raw = server.raw("small", prefix="raw", count=count, size=size, connections=threads)
        (mount.path / "new").mkdir()
        got = tool("fsload", "create", dir=mount.path / "new", count=count, size=size, threads=threads)
        rate = got["operations_per_s"]
        return Row(rate / (threads / ROUND_TRIP), f"{rate:.0f} files/s, raw {raw['operations_per_s']:.0f}",
                   int(got["bytes"]), f"p99 {got['p99_ms']:.0f} ms")
    return measure


def checkpoint(size, files=1, rename=False):
    def measure(server, mount):
        raw = server.raw("put", key="raw", size=files * size, part="8M", connections=CONNECTIONS)
        server.reset()
        options = {"fsync": 1, "rename_to": mount.path / "final"} if rename else {}
        got = tool("fsload", "write", file=mount.path / "part", files=files, size=size, **options)
        rate = files * size / got["seconds"]
        text = f"{mb(rate)}, raw {raw['mb_per_s']:.0f}, close {got['close_s']:.2f} s"
        if rename:
            text += f", fsync {got['fsync_s']:.2f} s, rename {got['rename_s']:.2f} s"
        return Row(rate / (raw["mb_per_s"] * 1e6), text, files * size)
    return measure


def mixed(size):
    """Two readers and two writers at once, in half a GiB."""
    def measure(server, mount):
        raw_get = server.raw("get", key="f", keys=2, size=size, range_="8M", connections=CONNECTIONS)
        raw_put = server.raw("put", key="raw", size=2 * size, part="8M", connections=CONNECTIONS)
        begin = time.monotonic()
        load = [subprocess.Popen([BUILD / "fsload", "read", "--file", mount.path / "f", "--files", "2"],
                                 stdout=subprocess.DEVNULL),
                subprocess.Popen([BUILD / "fsload", "write", "--file", mount.path / "w", "--files", "2", "--size",
                                  str(size)], stdout=subprocess.DEVNULL)]
        if any([process.wait() for process in load]):
            raise RuntimeError("reading or writing failed")
        seconds = time.monotonic() - begin
        # The limit: both raw transfers one after the other, for they share the machine.
        return Row((raw_get["seconds"] + raw_put["seconds"]) / seconds, mb(4 * size / seconds), 4 * size)
    return measure


def many_writers(files, size):
    """More files open for writing than fit in memory; none may fail, whatever the limit."""
    def measure(server, mount):
        raw = server.raw("put", key="raw", size=files * size, part="8M", connections=CONNECTIONS)
        got = tool("fsload", "write", file=mount.path / "w", files=files, size=size)
        return Row(raw["seconds"] / got["seconds"], mb(files * size / got["seconds"]), files * size)
    return measure


def ceiling(direct):
    """FUSE alone: the same program over a store that answers from memory."""
    def measure(_server, _mount):
        mount = Mount("", command=[BUILD / "nullmount", "--size", "4G"])
        try:
            got = tool("fsload", "read", file=mount.path / "f0", direct=int(direct))
            memory = memory_rate()
            rate = got["bytes"] / got["seconds"]
            cpu = mount.used_cpu() / (got["bytes"] / GIB)
            return Row(rate / memory, f"{mb(rate)}, {cpu:.2f} CPU-s/GiB, tmpfs {mb(memory)}", 0)
        finally:
            mount.close()
    return measure


def memory_rate(size=GIB):
    path = pathlib.Path("/dev/shm/penstock-bench")
    try:
        with open(path, "wb") as file:
            for _ in range(size // MIB):
                file.write(b"\1" * MIB)
        return tool("fsload", "read", file=path)["mb_per_s"] * 1e6
    finally:
        path.unlink(missing_ok=True)


def with_errors(server, mount):
    """Raw transfers do not repeat what fails, so the limit is taken before the errors are switched on."""
    size = 2 * GIB
    raw = server.raw("get", key="f", keys=1, size=size, range_="8M", connections=CONNECTIONS)
    server.timing(error_probability=0.05)
    begin = time.monotonic()
    subprocess.run(["dd", f"if={mount.path}/f0", "of=/dev/null", "bs=1M", "status=none"], check=True)
    rate = size / (time.monotonic() - begin)
    return Row(rate / (raw["mb_per_s"] * 1e6), f"{mb(rate)}, raw {raw['mb_per_s']:.0f}", size)


def rename_directory(count):
    """mv of a directory; raw copies as many objects, and deletes the originals in batches."""
    def measure(server, mount):
        raw = server.raw("move", prefix="raw/", to="moved/", count=count, connections=128)
        begin = time.monotonic()
        subprocess.run(["mv", mount.path / "d0000", mount.path / "renamed"], check=True)
        seconds = time.monotonic() - begin
        return Row(raw["seconds"] / seconds, f"{seconds:.1f} s, raw {raw['seconds']:.1f}")
    return measure


CAP = ("--total-mbps", 600)
TAIL = ("--tail-probability", 0.01, "--tail-ms", 500)
UNLIMITED = {"connection_mbps": 0}
SMALL_TREE = ("--synthetic-tree", "bench/:30:100:110000")

# A model of 2 GiB: threads and processes that copy its tensors, in the order of the file and in none.
TENSORS = [Workload(f"model, {who}{order}{cap}", f"raw GETs{', 600 MB/s in all' if not cap else ''}", "≥ 0.85",
                    mapped_tensors(threads, 2 * GIB, processes=processes, shuffle=bool(order)),
                    (*(CAP if not cap else ()), *synthetic(1, "2G")), on_request=bool(cap))
           for cap in ("", ", uncapped") for order in ("", ", shuffled")
           for who, threads, processes in (("1 thread", 1, 1), ("8 threads", 8, 1), ("4 processes", 1, 4))]

WORKLOADS = [
    Workload("1 stream", "raw GETs, 600 MB/s in all", "≥ 0.95", streams(1, 2 * GIB), (*CAP, *synthetic(1, "2G"))),
    Workload("1 stream, uncapped", "raw GETs", "≥ 0.5, ≤ 1.0 CPU-s/GiB", streams(1, 2 * GIB), tuple(synthetic(1, "2G"))),
    Workload("1 stream, no bandwidth limit", "raw GETs", "", streams(1, 2 * GIB), tuple(synthetic(1, "2G")), UNLIMITED),
    Workload("4 streams", "raw GETs, 600 MB/s in all", "≥ 0.95", streams(4, 512 * MIB), (*CAP, *synthetic(4, "512M"))),
    Workload("4 streams, uncapped", "raw GETs", "≥ 0.5", streams(4, 512 * MIB), tuple(synthetic(4, "512M"))),
    Workload("4 streams, O_DIRECT", "raw GETs", "", streams(4, 512 * MIB, direct=1), tuple(synthetic(4, "512M"))),
    Workload("random 4 KiB, 16 threads", "16/30 ms", "≥ 0.95, ≤ 32 x", random_reads("4K", 16, 3000, ROUND_TRIP),
             tuple(synthetic(1, "1G"))),
    Workload("random 128 KiB, 4 threads", "4/31.5 ms", "≥ 0.95", random_reads("128K", 4, 600, ROUND_TRIP + 0.00146),
             tuple(synthetic(1, "4G"))),
    Workload("mmap, a page every 4 MiB", "150 pages/s", "≥ 1", mapped_pages, tuple(synthetic(1, "1G"))),
    Workload("mmap, 300 tensors in order", "raw GETs", "≥ 0.5", mapped_tensors(1, GIB), tuple(synthetic(1, "1G"))),
    Workload("mmap, 300 tensors, 8 threads", "raw GETs", "≥ 0.5", mapped_tensors(8, GIB), tuple(synthetic(1, "1G"))),
    *TENSORS,
    Workload("3,000 files, 16 threads", "16/31.2 ms", "≥ 0.95", tree(30, 100, 16), SMALL_TREE),
    Workload("3,000 files, 32 threads", "32/31.2 ms", "", tree(30, 100, 32), SMALL_TREE),
    Workload("find -ls, 200 directories", "2 s", "≥ 1", command_time(2.0, "find", "{}", "-ls"),
             ("--list-ms", 60, "--synthetic-tree", "bench/:200:100:1000")),
    Workload("ls -f, 100,000 names", "raw LISTs", "≥ 0.9", flat_listing(100_000),
             ("--synthetic-tree", "bench/:1:100000:10")),
    Workload("ls -l, 50,000 names", "1 s", "≥ 1", long_listing(50_000, 1.0),
             ("--list-ms", 60, "--synthetic-tree", "bench/:1:50000:10")),
    Workload("ls -l, 1,000,000 names", "12 s", "≥ 1", long_listing(1_000_000, 12.0),
             ("--list-ms", 60, "--synthetic-tree", "bench/:1:1000000:10"), on_request=True,
             mount=("--metadata-memory", "1GiB")),
    Workload("stat, warm, 4 processes", "40,000/s", "", stat_storm, ("--synthetic-tree", "bench/:100:100:10")),
    Workload("16 threads, stat and open of known names", "1 thread", "≥ 1", known_names(16, 10, 100, 50_000),
             ("--synthetic-tree", "bench/:10:100:10"), mount=("--metadata-ttl", "1h"), own=True),
    Workload("500 creates, 16 threads", "16/30 ms", "≥ 0.9", creates(500, 16 * KIB, 16)),
    Workload("rename of 10,000 objects", "raw copies and deletes", "≥ 0.5", rename_directory(10_000),
             ("--synthetic-tree", "bench/:1:10000:1000", "--synthetic-tree", "bench/raw/:1:10000:1000")),
    Workload("checkpoint 2 GiB", "raw UploadParts, 600 MB/s in all", "≥ 0.95", checkpoint(2 * GIB), CAP),
    Workload("checkpoint 2 GiB, uncapped", "raw UploadParts", "≥ 0.55, ≤ 0.9 CPU-s/GiB", checkpoint(2 * GIB)),
    Workload("4 checkpoints of 512 MiB", "raw UploadParts, 600 MB/s in all", "≥ 0.95", checkpoint(512 * MIB, 4), CAP),
    Workload("1 GiB x.tmp, fsync, rename", "raw UploadParts, 600 MB/s in all", "≥ 0.67", checkpoint(GIB, 1, True), CAP),
    Workload("2 readers, 2 writers, 512 MiB", "raw one after the other, 600 MB/s", "≥ 0.9", mixed(512 * MIB),
             (*CAP, *synthetic(2, "512M")), mount=("--memory-limit", "512M")),
    Workload("64 writers, 256 MiB", "raw UploadParts, 600 MB/s in all", "", many_writers(64, 32 * MIB), CAP,
             mount=("--memory-limit", "256M")),
    Workload("1 stream, 1 % slow by 0.5 s", "raw GETs, the same", "", streams(1, 2 * GIB),
             (*CAP, *TAIL, *synthetic(1, "2G"))),
    Workload("3,000 files, 1 % slow by 0.5 s", "16/31.2 ms", "", tree(30, 100, 16), (*TAIL, *SMALL_TREE)),
    Workload("1 stream, 5 % 503", "raw GETs without errors", "", with_errors,
             (*CAP, *synthetic(1, "2G"))),
    Workload("FUSE alone, buffered", "tmpfs", "", ceiling(False), own=True),
    Workload("FUSE alone, O_DIRECT", "tmpfs", "", ceiling(True), own=True),
]
