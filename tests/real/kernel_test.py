#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The simulation's model of the kernel beside the real one: the same scripts, on two mounts of one bucket and with another
S3 client, must be answered alike. docs/simulation.md.

    kernel_test.py [--first SEED] [--count N] [--show]

Scripts take some seconds each, and most of them run at once. Their steps are 150 ms apart: where the machine was too busy
to keep to that, a script is played again.
"""
import argparse
import concurrent.futures
import errno
import json
import os
import stat
import subprocess
import sys
import time

from mounts import ROOT, Mount
from s3 import Client

SIMULATION = os.environ.get("PENSTOCK_SIMULATION", os.path.join(ROOT, "build", "test", "simulation"))
AT_ONCE = 8
TRIES = 4
FOREIGN = -1
NOTHING = "nothing to do"
# How late a step may begin, in seconds: the times to live end half a pause away from it.
LATE = 0.05


class Late(Exception):
    """The machine was busy: what was told says nothing."""


class Shared(Mount):
    """A mount that may end with files which it could not store, since others have changed them."""

    def unmount(self):
        try:
            super().unmount()
        except RuntimeError as error:
            if "not saved" not in str(error):
                raise


class Node:
    """Programs on one mount."""

    def __init__(self, path):
        self.root = os.open(path, os.O_PATH | os.O_DIRECTORY)
        self.cwd = self.root
        self.files = {}

    def close(self):
        for descriptor in {self.root, self.cwd, *self.files.values()}:
            os.close(descriptor)

    def answer(self, step):
        start = self.cwd if step["cwd"] else self.root
        try:
            return self.call(step, start)
        except OSError as error:
            return errno.errorcode[error.errno]

    def call(self, step, start):
        op, path, slot = step["op"], step["path"] or ".", step["slot"]
        if op in ("write", "read", "close", "fstat") and slot not in self.files:
            return NOTHING
        if op == "open":
            if slot in self.files:
                return NOTHING
            self.files[slot] = os.open(path, step["flags"], 0o644, dir_fd=start)
        elif op == "write":
            # pwrite of a descriptor with O_APPEND appends, as the model's.
            os.pwrite(self.files[slot], step["bytes"].encode(), step["offset"])
        elif op == "read":
            return os.pread(self.files[slot], step["size"], step["offset"]).decode()
        elif op == "close":
            os.close(self.files.pop(slot))
        elif op in ("stat", "fstat"):
            found = os.stat(path, dir_fd=start) if op == "stat" else os.fstat(self.files[slot])
            return "directory" if stat.S_ISDIR(found.st_mode) else f"file of {found.st_size} bytes"
        elif op == "list":
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=start)
            try:
                return "".join(f" {name}" for name in sorted(os.listdir(descriptor)))
            finally:
                os.close(descriptor)
        elif op == "unlink":
            os.unlink(path, dir_fd=start)
        elif op == "rmdir":
            os.rmdir(path, dir_fd=start)
        elif op == "mkdir":
            os.mkdir(path, dir_fd=start)
        elif op == "rename":
            os.rename(path, step["to"], src_dir_fd=start, dst_dir_fd=start)
        elif op == "chdir":
            self.cwd, before = os.open(path, os.O_PATH | os.O_DIRECTORY, dir_fd=start), self.cwd
            if before != self.root:
                os.close(before)
        return ""


def change(client, prefix, step):
    """What the other client does."""
    key = prefix + step["path"]
    if step["op"] == "put":
        client.put(key, step["bytes"].encode())
    elif step["op"] == "remove":
        client.delete(key)
    else:
        for each in client.list(key + "/"):
            client.delete(each)


def sorted_names(step):
    """The model's listing comes in the order in which the kernel was told."""
    answer = step["answer"]
    return "".join(f" {name}" for name in sorted(answer.split())) if step["op"] == "list" and answer[:1] != "E" else answer


def play(script):
    """The answers that differ: (step, the real one)."""
    client = Client.from_environment()
    options = ("--metadata-ttl", script["ttl"], "--freshness", "ttl")
    steps = sorted(script["steps"], key=lambda step: step["at"])
    wrong = []
    with Shared(*options) as first, Shared(*options, url=first.url) as second:
        for path, text in (script.get("objects") or {}).items():
            client.put(first.prefix + path, text.encode())
        nodes = [Node(first.path), Node(second.path)]
        try:
            begun = time.monotonic()
            for step in steps:
                due = begun + step["at"]
                time.sleep(max(due - time.monotonic(), 0))
                if time.monotonic() > due + LATE:
                    raise Late()
                if step["node"] == FOREIGN:
                    change(client, first.prefix, step)
                    continue
                answer = nodes[step["node"]].answer(step)
                if answer != sorted_names(step):
                    wrong.append((step, answer))
        finally:
            for node in nodes:
                node.close()
    return wrong


def judge(seed):
    """(script, differences): the best of some tries."""
    said = subprocess.run([SIMULATION, "--calm", str(seed)], capture_output=True, text=True, check=False)
    if said.returncode != 0:
        return {"seed": seed, "steps": []}, [said.stdout + said.stderr]
    script = json.loads(said.stdout)
    best = None
    for _ in range(TRIES):
        try:
            wrong = play(script)
        except Late:
            continue
        if best is None or len(wrong) < len(best):
            best = wrong
        if not best:
            break
    return script, ["the machine was too busy each time"] if best is None else best


def describe(script, wrong):
    lines = [f"seed {script['seed']}, --metadata-ttl {script.get('ttl')}; in the bucket: "
             + " ".join(f"{path}({len(text)})" for path, text in (script.get("objects") or {}).items())]
    answers = {id(step): answer for step, answer in wrong}
    for step in sorted(script["steps"], key=lambda step: step["at"]):
        lines.append(f"{step['line']}  -> {sorted_names(step)[:60] or 'ok'}"
                     + (f"   BUT REALLY {answers[id(step)][:60] or 'ok'}" if id(step) in answers else ""))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--show", action="store_true", help="the scripts that differ, as a whole")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.count)
    failed = answers = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for script, wrong in pool.map(judge, seeds):
            answers += sum(step["node"] != FOREIGN for step in script["steps"])
            if not wrong:
                continue
            failed += 1
            if isinstance(wrong[0], str):
                print(f"seed {script['seed']}: {wrong[0]}")
            elif options.show:
                print(describe(script, wrong))
            else:
                for step, answer in wrong:
                    print(f"seed {script['seed']}: {step['line'].strip()}: the model says {sorted_names(step) or 'ok'!r}, "
                          f"the kernel {answer or 'ok'!r}")
    print(f"{options.count} scripts, {answers} answers; {failed} scripts differ")
    sys.exit(1 if failed else 0)


main()
