#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the steps of scripts/test, two side by side, and says what became of each.

    run_steps.py --logs DIR COMMAND... < STEPS      exits with 0 only where every test of every step passed

STEPS has a line for each step: its name, its lane, its limit in seconds, the steps that must have ended before it starts
("a,b", or "-"), and a title. A lane runs one step at a time, in the order of the lines, as `COMMAND... --body NAME`, with
its output in DIR/NAME.log. The lane "build" is for what computes: it has a lower priority, so that the tests of the lane
"run" hardly notice it.

A step is one process group. At its limit the group is told to end and a minute later killed; so is, when a step has
ended, what it left running in its group. After each step `COMMAND... --sweep FOLDER` takes down what else it left: mounts
and servers. A signal ends all of it in the same way. Everything temporary of a lane lies in a folder of its own.
"""
import argparse
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from count_tests import count
from failures import printable, excerpts

STOPPED = 124  # the status of a step that was stopped at its limit
LOOK_EVERY = 0.05


@dataclasses.dataclass
class Step:
    name: str
    lane: str
    limit: float
    after: list
    title: str


def parse(lines):
    steps = []
    for line in lines:
        if line.strip():
            name, lane, limit, after, title = line.split(None, 4)
            steps.append(Step(name, lane, float(limit), [] if after == "-" else after.split(","), title.strip()))
    return steps


class Body:
    """A step that runs."""

    def __init__(self, step, command, log, environment):
        self.step = step
        self.log = log
        self.begin = time.monotonic()
        self.end_at = self.begin + step.limit
        self.kill_at = None
        self.stopped = False
        self.cpu = 0.0  # seconds, once it has ended; without those of daemons, which nobody waits for
        nice = ["nice", "-n", "10"] if step.lane == "build" else []
        with open(log, "wb") as output:
            self.process = subprocess.Popen([*nice, *command, "--body", step.name], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, env=environment, process_group=0)

    def signal(self, number):
        """Of the whole group; false where nothing of it is left."""
        try:
            os.killpg(self.process.pid, number)
            return True
        except ProcessLookupError:
            return False
        except PermissionError:  # what runs as root through sudo
            return True

    def stop(self, patience):
        """Tells the group to end, and kills it after that many seconds."""
        if self.kill_at is None:
            self.signal(signal.SIGTERM)
            self.kill_at = time.monotonic() + patience

    def look(self, patience):
        """Stops it at its limit. The step's status once it has ended, None before."""
        process, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if process:
            status = self.process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu = usage.ru_utime + usage.ru_stime
            self.end_group()
            return STOPPED if self.stopped else status if status >= 0 else 128 - status
        if time.monotonic() >= self.end_at and self.kill_at is None:
            self.stopped = True
            self.stop(patience)
        if self.kill_at is not None and time.monotonic() >= self.kill_at:
            self.signal(signal.SIGKILL)
        return None

    def end_group(self):
        """What is left of the group when the step itself has ended."""
        if not self.signal(signal.SIGTERM):
            return
        kill_at = time.monotonic() + 5
        while self.signal(0) and time.monotonic() < kill_at:
            time.sleep(LOOK_EVERY)
        self.signal(signal.SIGKILL)


class Runner:
    def __init__(self, steps, command, logs, patience):
        self.steps = steps
        self.command = command
        self.logs = logs
        # Short, for the names of sockets are limited to about a hundred bytes.
        self.work = tempfile.mkdtemp(prefix="penstock-tests.", dir="/tmp")
        os.chmod(self.work, 0o755)  # tests that run as an ordinary user look in
        self.patience = patience
        self.waiting = list(steps)
        self.running = {}
        self.passed = self.failed = 0
        self.failures = []
        self.signal = None

    def folder(self, lane):
        return os.path.join(self.work, lane)

    def path_of_log(self, name):
        return os.path.join(self.logs, name + ".log")

    def read_log(self, name):
        with open(self.path_of_log(name), encoding="utf-8", errors="replace") as log:
            return log.read()

    def start_what_can(self):
        """Of each idle lane the first step, where those before it have ended."""
        unfinished = {step.name for step in self.waiting} | {body.step.name for body in self.running.values()}
        lanes = set(self.running)
        for step in list(self.waiting):
            if step.lane in lanes:
                continue
            lanes.add(step.lane)
            if any(name in unfinished for name in step.after):
                continue
            self.waiting.remove(step)
            folder = self.folder(step.lane)
            os.makedirs(os.path.join(folder, "tmp"), exist_ok=True)
            environment = {**os.environ, "PENSTOCK_TEST_WORK": folder, "TMPDIR": os.path.join(folder, "tmp")}
            number = self.steps.index(step) + 1
            print(f"[{number:2}/{len(self.steps)}] {step.name:<20} {step.title}…", flush=True)
            self.running[step.lane] = Body(step, self.command, self.path_of_log(step.name), environment)

    def sweep(self, lane):
        try:
            subprocess.run([*self.command, "--sweep", self.folder(lane)], stdin=subprocess.DEVNULL, check=False,
                           process_group=0, timeout=300)
        except subprocess.TimeoutExpired:
            print(f"what the lane {lane} left behind could not be taken down in 300 s", file=sys.stderr)

    def end(self, body, status):
        self.sweep(body.step.lane)
        passed, failed = count(self.read_log(body.step.name), status)
        self.passed += passed
        self.failed += failed
        good = status == 0 and failed == 0
        said = f"{passed} passed" if good else f"{passed} passed, {failed} FAILED"
        if status == STOPPED and body.stopped:
            said += f", stopped at its limit of {body.step.limit:.0f} s"
        took = f"{time.monotonic() - body.begin:.0f} s, {body.cpu:.0f} of a CPU"
        print(f"        {body.step.name:<20} {said}, {took}", flush=True)
        if not good:
            self.failures.append(body.step.name)

    def look(self):
        for lane, body in list(self.running.items()):
            if self.signal is not None:
                body.stop(self.patience)
            status = body.look(self.patience)
            if status is None:
                continue
            # Before it is forgotten: a signal that comes meanwhile finds it swept.
            self.end(body, status)
            del self.running[lane]

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.interrupt)
        begin = time.monotonic()
        try:
            self.run_all()
        finally:
            self.clean_up()
        if self.signal is not None:
            print("interrupted", file=sys.stderr)
            return 128 + self.signal
        self.conclude(time.monotonic() - begin)
        return 1 if self.failed else 0

    def run_all(self):
        while self.running or (self.waiting and self.signal is None):
            if self.signal is None:
                self.start_what_can()
                if not self.running:
                    raise SystemExit(f"these steps wait for each other: {[step.name for step in self.waiting]}")
            self.look()
            time.sleep(LOOK_EVERY)

    def clean_up(self):
        """There is something to stop only where the runner itself has failed."""
        for lane, body in self.running.items():
            body.stop(0)
            body.end_group()
            self.sweep(lane)
        shutil.rmtree(self.work, ignore_errors=True)

    def interrupt(self, number, _frame):
        self.signal = self.signal or number

    def conclude(self, seconds):
        print(f"\n{seconds:.0f} s; logs in {os.path.relpath(self.logs)}")
        for name in self.failures:
            print(f"failed: {name} ({os.path.relpath(self.path_of_log(name))})")
            for line in excerpts(self.read_log(name).split("\n")):
                print("      " + printable(line))
        print(f"{self.passed} passed, {self.failed} failed", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--logs", required=True)
    parser.add_argument("--patience", type=float, default=60, help="seconds from the end's signal to the kill")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    runner = Runner(parse(sys.stdin), arguments.command, arguments.logs, arguments.patience)
    sys.exit(runner.run())


if __name__ == "__main__":
    main()
