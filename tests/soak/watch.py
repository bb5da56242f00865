# SPDX-License-Identifier: Apache-2.0
"""Looks at the mounts' processes every few seconds, and at their logs in the end."""
import collections
import os
import re
import statistics
import time

EVERY = 2  # seconds
MIB = 1 << 20
GROWTH, GROWTH_MIB = 1.2, 32
MORE_FILES = 16  # descriptors other than sockets, of which as many stay as the mount may have connections
MOST_A_MINUTE = 100  # of one message: src/base/log_limit.h lets 20 through at once, then one a second
FEWEST = 40  # samples from which growth can be told

Sample = collections.namedtuple("Sample", "time rss files sockets threads")


def sample(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        figures = dict(re.findall(r"^(\w+):\s+(\d+)", status.read(), re.MULTILINE))
    sockets = files = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            is_socket = os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
        except FileNotFoundError:  # closed meanwhile
            continue
        sockets += is_socket
        files += not is_socket
    return Sample(time.monotonic(), int(figures["VmRSS"]) / 1024, files, sockets, int(figures["Threads"]))


class Watch:
    """Of one mount."""

    def __init__(self, name, mount):
        self.name = name
        self.mount = mount
        self.samples = []
        self.quiet = []  # samples of quiet times

    def look(self):
        if not self.samples or time.monotonic() >= self.samples[-1].time + EVERY:
            self.samples.append(sample(self.mount.process.pid))

    def rests(self):
        """True where no more files are open than in the first quiet time. Some are closed a while after the last call."""
        now = sample(self.mount.process.pid)
        return not self.quiet or now.files <= self.quiet[0].files + MORE_FILES

    def note_rest(self):
        self.quiet.append(sample(self.mount.process.pid))

    def wrong(self):
        """What is wrong with its figures and its log."""
        yield from self.wrong_memory()
        first, last = self.quiet[0], self.quiet[-1]
        if last.files > first.files + MORE_FILES:
            yield f"{self.name}: {last.files} descriptors are open in the last quiet time, {first.files} were in the first"
        yield from self.wrong_log()

    def wrong_memory(self):
        quarter = len(self.samples) // 4
        if len(self.samples) < FEWEST:
            return
        before = statistics.median(one.rss for one in self.samples[quarter:2 * quarter])
        after = statistics.median(one.rss for one in self.samples[-quarter:])
        if after > before * GROWTH + GROWTH_MIB:
            yield f"{self.name}: its memory grew from {before:.0f} to {after:.0f} MiB, second quarter to last"

    def wrong_log(self):
        count = collections.Counter()
        for name in (self.mount.log, os.path.join(self.mount.folder, "stderr")):
            with open(name, encoding="utf-8", errors="replace") as log:
                for line in log:
                    if re.search(r"Sanitizer|runtime error:|Assertion|terminate called", line):
                        yield f"{self.name}: its log says {line.strip()}"
                    minute, _, message = line[:16], line[16:24], re.sub(r"'[^']*'|[\w./-]*\d[\w./-]*", "#", line[24:200])
                    count[minute, message[:60]] += 1
        for (minute, message), times in count.items():
            if times > MOST_A_MINUTE:
                yield f"{self.name}: its log says {times} times at {minute}:{message}"

    def report(self):
        if not self.samples:
            return f"{self.name}: ended before it was looked at"
        first = self.quiet[0] if self.quiet else self.samples[0]
        last = self.quiet[-1] if self.quiet else self.samples[-1]
        return (f"{self.name}: peak {max(one.rss for one in self.samples):.0f} MiB, median of the last quarter "
                f"{statistics.median(one.rss for one in self.samples[-max(1, len(self.samples) // 4):]):.0f} MiB; in quiet first and last: "
                f"{first.files} and {last.files} descriptors, {first.sockets} and {last.sockets} sockets, "
                f"{first.threads} and {last.threads} threads")
