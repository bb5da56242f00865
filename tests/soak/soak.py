#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mixed load on two mounts of one bucket, under random faults of the server; see docs/development.md.

The server is named by the environment variables that tests/real/testserver prints; it must be one that can be told to fail.
"""
import argparse
import collections
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "real")]
from director import Director  # noqa: E402
from mounts import PENSTOCK, ForegroundMount  # noqa: E402
from watch import Watch  # noqa: E402
from worker import NAMES, Worker  # noqa: E402

WORKERS = 2  # on each mount
LOAD_SECONDS = 90  # at most, between two quiet times
CALM_SHARE = 0.2  # of that without faults: nothing may fail
PATIENCE = 400  # seconds for a call under faults, and for the checks: writes are tried again for 300
CLOSING = 30  # seconds for the files that the mounts have open for themselves to be closed
HIDDEN = ".penstock/"


class Failure(Exception):
    """The run is wrong."""


class Hand:
    """What the run has of one worker."""

    def __init__(self, worker):
        self.name = worker.name
        self.figures = None
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=worker.serve, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def answer(self):
        """What it has said, None where it has said nothing yet."""
        if not self.pipe.poll():
            if not self.process.is_alive():
                raise Failure(f"{self.name} ended by itself ({self.process.exitcode})")
            return None
        try:
            order, value = self.pipe.recv()
        except EOFError as error:
            raise Failure(f"{self.name} ended by itself") from error
        if order == "wrong":
            raise Failure(value)
        self.figures = value or self.figures
        return order


class Run:
    def __init__(self, mounts, arguments):
        self.mounts = mounts
        self.client = mounts[0].client
        self.prefix = mounts[0].prefix
        self.random = random.Random(arguments.seed)
        self.seconds = arguments.seconds
        self.rounds = 0
        trouble = multiprocessing.Value("d", 0)
        names = [f"w{number}" for number in range(WORKERS * len(mounts))]
        workers = [Worker(name, mounts[at % 2].path, mounts[1 - at % 2].path, self.client, self.prefix,
                          self.random.random(), trouble) for at, name in enumerate(names)]
        small = [f"{self.prefix}{name}/{file}" for name in names for file in NAMES if file.startswith("s/")]
        self.director = Director(self.client.host, self.random, trouble, small)
        self.hands = [Hand(worker) for worker in workers]
        self.watches = [Watch(name, mount) for name, mount in zip(("write-back", "default"), mounts)]

    def look(self):
        for mount, watch in zip(self.mounts, self.watches):
            if mount.process.poll() is not None:
                raise Failure(f"{watch.name}: its process ended by itself ({mount.process.returncode})")
            try:
                watch.look()
            except (KeyError, OSError) as error:  # what a process that is ending does not tell any more
                raise Failure(f"{watch.name}: its process ends by itself") from error

    def all_answer(self, order):
        """Waits until each worker has."""
        waiting = set(self.hands)
        deadline = time.monotonic() + PATIENCE
        while waiting:
            self.look()
            waiting -= {hand for hand in waiting if hand.answer() == order}
            if waiting and time.monotonic() > deadline:
                raise Failure(f"after {PATIENCE} s not done with '{order}': {[hand.name for hand in waiting]}")
            time.sleep(0.05)

    def tell(self, order):
        for hand in self.hands:
            hand.pipe.send(order)
        if order != "work":
            self.all_answer(order)

    def load(self, seconds):
        self.tell("work")
        begin = time.monotonic()
        while time.monotonic() < begin + seconds:
            self.look()
            if time.monotonic() > begin + CALM_SHARE * seconds:
                self.director.change(begin + seconds)
            for hand in self.hands:
                hand.answer()
            time.sleep(0.1)
        self.director.calm()
        self.director.count()

    def quiet(self):
        """Everything arrives, and is as it was acknowledged."""
        self.tell("rest")
        deadline = time.monotonic() + PATIENCE
        while self.pending():
            self.look()
            if time.monotonic() > deadline:
                raise Failure(f"after {PATIENCE} s of quiet files are not in the bucket: {self.pending()}")
            time.sleep(0.2)
        self.tell("check")
        deadline = time.monotonic() + CLOSING
        while not all(watch.rests() for watch in self.watches) and time.monotonic() < deadline:
            self.look()
            time.sleep(0.2)
        for watch in self.watches:
            watch.note_rest()

    def pending(self):
        """What a mount has not stored yet."""
        found = []
        for mount in self.mounts:
            command = [PENSTOCK, "status", "--json", "--state-dir", os.path.join(mount.folder, "state"), "--cache-dir",
                       os.path.join(mount.folder, "cache")]
            said = subprocess.run(command, env=mount.environment(), capture_output=True, text=True, timeout=60, check=False)
            state = json.loads(said.stdout)
            found += [state["pending"]] if state["pending"] else []
        return found

    def play(self):
        self.all_answer("ready")
        self.quiet()
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            self.load(min(LOAD_SECONDS, max(self.seconds / 2, 5), end - time.monotonic()))
            self.quiet()
            self.rounds += 1
            print(f"round {self.rounds}: all is as it was acknowledged, {max(0, end - time.monotonic()):.0f} s to go", flush=True)
        self.tell("end")

    def what_is_left(self):
        """What is wrong once the mounts have ended."""
        for watch in self.watches:
            yield from watch.wrong()
        uploads = [key for key, _ in self.client.uploads() if key.startswith(self.prefix)]
        if uploads:
            yield f"multipart uploads are left behind: {uploads}"
        hidden = [key for key in self.client.list(self.prefix + HIDDEN) if not key.endswith("/root")]
        if hidden:
            yield f"hidden objects are left behind: {hidden}"

    def report(self):
        figures = [hand.figures for hand in self.hands if hand.figures]
        total = {name: sum((each[name] for each in figures), collections.Counter()) for name in ("operations", "errors")}
        print(f"{self.rounds} rounds, {sum(total['operations'].values())} operations, "
              f"{sum(each['written'] for each in figures) >> 20} MiB written, {sum(each['read'] for each in figures) >> 20} MiB read")
        print("operations: " + ", ".join(f"{name} {count}" for name, count in total["operations"].most_common()))
        print("faults: " + ", ".join(f"{kind} {count}" for kind, count in self.director.happened.most_common()))
        print("errors told to programs: " + (", ".join(f"{name} {count}" for name, count in total["errors"].items()) or "none"))
        if figures:
            took, what = max(each["longest"] for each in figures)
            print(f"longest call: {took:.1f} s, {what}")
        for watch in self.watches:
            print(watch.report())


def soak(arguments, folder):
    """What was wrong."""
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    # In a run of a minute a call that hangs would be most of it.
    hasty = ("--response-timeout", "2s") if arguments.seconds < 300 else ()
    # So small that what was not used for longest is dropped all the time.
    options = ("--cache-size", "256MiB", *hasty)
    run, wrong = None, []
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(ForegroundMount("--write-back", *options))
        second = stack.enter_context(ForegroundMount(*options, url=first.url))
        try:
            run = Run((first, second), arguments)
            run.play()
            for mount in (first, second):
                mount.unmount()
            wrong += run.what_is_left()
        except (Failure, AssertionError, subprocess.SubprocessError) as failure:
            wrong.append(str(failure))
        finally:
            keep_logs((first, second), arguments.keep)
            if run:
                run.report()
                for hand in run.hands:
                    hand.process.kill()
                    hand.process.join()
            for mount in (first, second):
                # What ended in order has nothing left but its folder.
                mount._remove(failed=False)  # pylint: disable=protected-access
            stack.pop_all()
    return wrong


def keep_logs(mounts, folder):
    if folder:
        for name, mount in zip(("write-back", "default"), mounts):
            os.makedirs(folder, exist_ok=True)
            shutil.copy(mount.log, os.path.join(folder, f"{name}.log"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--keep", metavar="DIR", help="keeps the mounts' logs there")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    multiprocessing.set_start_method("fork")
    print(f"seed {arguments.seed}, {arguments.seconds:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="penstock-soak-") as folder:
        wrong = soak(arguments, folder)
    for event in wrong:
        print(f"WRONG (seed {arguments.seed}): {event}")
    print(f"{len(wrong)} wrong", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
