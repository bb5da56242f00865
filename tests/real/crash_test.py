#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mounts with --write-back that are killed at any moment: the next mount has every acknowledged state, and uploads it.

PENSTOCK_CRASH_SEED repeats a run, PENSTOCK_CRASH_RUNS lengthens it. PENSTOCK_CRASH_CONTROL=1: the server is the project's
own, which can be told to fail and asked what it has seen.
"""
import json
import os
import random
import sys
import threading
import time
import unittest
import urllib.parse
import urllib.request

from mounts import ForegroundMount

MIB = 1 << 20
WORKERS = 4
FILES = 4  # of each worker
KILLS = 3  # one after the other, before the bucket is looked at


class File:
    """What is known of one file: `states` are those that it may have after a kill (None: it is not there)."""

    def __init__(self, name):
        self.name = name
        self.states = [None]
        self.history = []

    @property
    def known(self):
        return self.states[0]

    def begin(self, what, new):
        self.history.append(what)
        self.states = [self.known, new]

    def acknowledged(self):
        self.states = [self.states[1]]

    def settle(self, state):
        """One of the states that it may have was seen."""
        self.states = [state]



class Worker(threading.Thread):
    """Works on files of its own until the mount dies."""

    def __init__(self, root, files, seed):
        super().__init__(daemon=True)  # nobody waits for one that hangs
        self.root = root
        self.files = files
        self.random = random.Random(seed)
        self.failure = None

    def run(self):
        try:
            while True:
                self.step(self.random.choice(self.files))
        except Exception as error:  # pylint: disable=broad-except  # the main thread looks at it
            self.failure = error

    def size(self):
        kind = self.random.random()
        if kind < 0.15:
            return self.random.randrange(8 * MIB, 24 * MIB)
        return self.random.randrange(200) if kind < 0.5 else self.random.randrange(300_000)

    def data(self, size):
        return self.random.randbytes(size)

    def step(self, file):
        if file.known is None:
            return self.random.choice([self.create, self.replace])(file)
        action = self.random.choice([self.create, self.replace, self.replace, self.append, self.append, self.edit,
                                     self.edit, self.truncate, self.delete, self.keep_open, self.check])
        return action(file)

    def path(self, file, suffix=""):
        return os.path.join(self.root, file.name + suffix)

    def write(self, file, new, flags, pieces, suffix=""):
        """`pieces` of (offset, bytes); the file is `new` once close or fsync has returned."""
        fd = os.open(self.path(file, suffix), flags | os.O_CLOEXEC, 0o644)
        try:
            for offset, data in pieces:
                for at in range(0, len(data), MIB):
                    self.write_piece(fd, data[at:at + MIB], offset + at)
            if suffix or self.random.random() < 0.5:
                os.fsync(fd)
        except BaseException:
            self.close_quietly(fd)
            raise
        os.close(fd)
        if not suffix:
            assert file.states[1] is new
            file.acknowledged()

    @staticmethod
    def write_piece(fd, data, offset):
        if os.pwrite(fd, data, offset) != len(data):
            raise OSError(f"a short write at {offset}")

    @staticmethod
    def close_quietly(fd):
        try:
            os.close(fd)
        except OSError:
            pass

    def create(self, file):
        new = self.data(self.size())
        # Between the truncation and close nothing is promised but the old file or the new one.
        file.begin(f"create of {len(new)}", new)
        self.write(file, new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, [(0, new)])

    def replace(self, file):
        new = self.data(self.size())
        file.begin(f"replace by {len(new)}", new)
        self.write(file, new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, [(0, new)], ".tmp")
        os.rename(self.path(file, ".tmp"), self.path(file))
        file.acknowledged()

    def append(self, file):
        more = self.data(self.size())
        new = file.known + more
        if len(new) > 30 * MIB:
            return
        file.begin(f"append of {len(more)}", new)
        self.write(file, new, os.O_WRONLY, [(len(file.known), more)])

    def edit(self, file):
        pieces = []
        new = bytearray(file.known)
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(new) + 1000)
            data = self.data(self.random.randrange(1, 50_000))
            new.extend(bytes(max(0, at + len(data) - len(new))))
            new[at:at + len(data)] = data
            pieces.append((at, data))
        new = bytes(new)
        file.begin(f"edits of {len(file.known)} at {[at for at, _ in pieces]}", new)
        self.write(file, new, os.O_RDWR, pieces)

    def truncate(self, file):
        size = self.random.randrange(len(file.known) + 5000)
        new = file.known[:size] + bytes(max(0, size - len(file.known)))
        file.begin(f"truncate to {size}", new)
        os.truncate(self.path(file), size)
        file.acknowledged()

    def delete(self, file):
        file.begin("delete", None)
        os.unlink(self.path(file))
        file.acknowledged()

    def keep_open(self, file):
        """Synced and written on, several times."""
        fd = os.open(self.path(file), os.O_RDWR | os.O_CLOEXEC)
        try:
            for _ in range(self.random.randrange(1, 5)):
                more = self.data(self.random.randrange(1, 200_000))
                file.begin(f"append of {len(more)} and fsync", file.known + more)
                self.write_piece(fd, more, len(file.known))
                os.fsync(fd)
                file.acknowledged()
        except BaseException:
            self.close_quietly(fd)
            raise
        os.close(fd)

    def check(self, file):
        with open(self.path(file), "rb", buffering=0) as opened:
            if read_all(opened) != file.known:
                raise AssertionError(f"{file.name} reads wrong before the kill, after {file.history[-6:]}")


def read_all(opened):
    return b"".join(iter(lambda: opened.read(MIB), b""))


def name_of(state):
    return "absent" if state is None else f"{len(state)} bytes"


def difference(one, other):
    """The first and the last place where two contents differ."""
    places = [at for at in range(min(len(one), len(other))) if one[at] != other[at]]
    return f"{places[0]} to {places[-1]}" if places else f"{min(len(one), len(other))}, the end of one"


class Run:
    """Work, a kill, a look at what the next mount has; several times; then the bucket."""

    def __init__(self, mount, seed):
        self.mount = mount
        self.random = random.Random(seed)
        self.files = [File(f"w{worker}-{i}") for worker in range(WORKERS) for i in range(FILES)]
        self.control = f"http://{mount.client.host}/-/"
        self.own_server = os.environ.get("PENSTOCK_CRASH_CONTROL") == "1"

    def command(self, name, **query):
        if self.own_server:
            url = f"{self.control}{name}?{urllib.parse.urlencode(query)}"
            urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()

    def requests(self, operation):
        with urllib.request.urlopen(self.control + "stats", timeout=10) as answer:
            return json.load(answer)["requests"].get(operation, 0)

    def choose_moment(self):
        """Orders what goes wrong until the kill; returns what to wait for."""
        kinds = ["time"]
        if self.own_server:
            kinds += ["part", "before complete", "after complete", "after put", "slow", "refused"]
        kind = self.random.choice(kinds)
        seconds = self.random.choice([0.05, 0.3, 1.0]) * self.random.random()
        if kind == "part":
            self.command("reset-stats")
            wanted = self.random.randrange(1, 8)
            return kind, lambda: self.wait_for("UploadPart", wanted)
        if kind in ("before complete", "after complete", "after put"):
            operation = "PutObject" if kind == "after put" else "CompleteMultipartUpload"
            skip = self.random.randrange(3)
            if kind != "before complete":
                self.command("fault", operation=operation, kind="lost-reply", times=1, skip=skip)
                skip = 0
            self.command("fault", operation=operation, kind="hang", times=-1, skip=skip)
            self.command("reset-stats")
            return kind, lambda: self.wait_for(operation, skip + 2)
        if kind == "slow":
            self.command("timing", **{"first-byte-ms": 30})
        if kind == "refused":
            for operation in ("PutObject", "CreateMultipartUpload"):
                self.command("fault", operation=operation, kind="error:403:AccessDenied", times=-1)
        return kind, lambda: time.sleep(seconds)

    def wait_for(self, operation, count):
        deadline = time.monotonic() + 1.5
        while self.requests(operation) < count and time.monotonic() < deadline:
            time.sleep(0.002)

    def work_and_kill(self):
        kind, wait = self.choose_moment()
        # What a worker does by this path fails once the mount is gone, and never reaches the folder below it.
        root = os.open(self.mount.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        shares = [self.files[i * FILES:(i + 1) * FILES] for i in range(WORKERS)]
        workers = [Worker(f"/proc/self/fd/{root}", share, self.random.random()) for share in shares]
        for worker in workers:
            worker.start()
        wait()
        early = [worker.failure for worker in workers if worker.failure is not None]
        self.mount.kill()
        for worker in workers:
            worker.join(60)
            if worker.is_alive():
                raise AssertionError("a worker hangs in a mount that is gone")
            if isinstance(worker.failure, AssertionError):
                early.append(worker.failure)
        os.close(root)
        self.command("clear-faults")
        self.command("timing", **{"first-byte-ms": 0})
        if early:
            raise AssertionError(f"{kind}: failed before the kill: {early[0]!r}") from early[0]
        return kind

    def look(self, kind):
        """Every file is in one of the states that it may have."""
        for file in self.files:
            found = self.read(os.path.join(self.mount.path, file.name))
            self.expect(found, file, f"after a kill ({kind}, mount {self.mount.mounts})")
            # A temporary file may be there or not: nobody has said what becomes of it.
            try:
                os.unlink(os.path.join(self.mount.path, file.name + ".tmp"))
            except FileNotFoundError:
                pass

    @staticmethod
    def read(path):
        try:
            with open(path, "rb", buffering=0) as opened:
                return read_all(opened)
        except FileNotFoundError:
            return None

    @staticmethod
    def expect(found, file, when):
        for state in file.states:
            if found == state:
                file.settle(state)
                return
        differences = [difference(found, state) for state in file.states if found is not None and state is not None]
        raise AssertionError(f"{file.name} {when}: {name_of(found)}, not {' or '.join(map(name_of, file.states))}"
                             f" (differs at {differences}); its last operations: {file.history[-6:]}")

    def whole(self):
        for _ in range(KILLS):
            self.mount.mount()
            kind = self.work_and_kill()
            self.mount.mount()
            self.look(kind)
            self.mount.kill()
        self.mount.mount()
        self.mount.unmount()
        stored = self.mount.stored()
        for file in self.files:
            found = self.mount.stored_bytes(file.name) if file.name in stored else None
            self.expect(found, file, "in the bucket")
        extra = set(stored) - {file.name for file in self.files}
        if extra:
            raise AssertionError(f"objects that nobody made: {sorted(extra)}")


class Crash(unittest.TestCase):
    def test_what_was_acknowledged_outlives_every_kill(self):
        seed = int(os.environ.get("PENSTOCK_CRASH_SEED", random.SystemRandom().randrange(1 << 32)))
        runs = int(os.environ.get("PENSTOCK_CRASH_RUNS", "25"))
        print(f"PENSTOCK_CRASH_SEED={seed}", file=sys.stderr, flush=True)
        seeds = random.Random(seed)
        for number in range(runs):
            with self.subTest(run=number):
                mount = ForegroundMount("--write-back", "--log-level", "debug")
                run = Run(mount, seeds.random())
                try:
                    run.whole()
                except BaseException:
                    run.command("clear-faults")
                    mount._remove(failed=True)  # pylint: disable=protected-access
                    raise
                mount._remove(failed=False)  # pylint: disable=protected-access


if __name__ == "__main__":
    unittest.main(verbosity=2)
