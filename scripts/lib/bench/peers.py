# SPDX-License-Identifier: Apache-2.0
"""Other mount programs under the same workloads, and a picture of what came of it."""
import os
import pathlib
import shlex
import signal
import subprocess
import tempfile
import time
from xml.sax.saxutils import escape

from bench.parts import ENVIRONMENT, process_cpu, process_peak_mib


class Peer:
    """NAME=COMMAND of --peer. COMMAND stays in the foreground and mounts the bucket; what it may name is in `words`."""

    def __init__(self, text):
        self.name, found, self.command = text.partition("=")
        if not found or not self.name or "{mountpoint}" not in self.command:
            raise ValueError(f"--peer {text!r}: NAME=COMMAND is wanted, and {{mountpoint}} in the command")
        try:
            self.words("", "", "", "")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"--peer {text!r}: {error}; a command may name {{endpoint}}, {{bucket}}, {{mountpoint}} and "
                             "{folder}") from error

    def words(self, endpoint, bucket, mountpoint, folder):
        values = {"endpoint": endpoint, "bucket": bucket, "mountpoint": mountpoint, "folder": folder}
        return [word.format(**values) for word in shlex.split(self.command)]

    def mount(self, url, _options):
        return PeerMount(self, url)


class PeerMount:
    """Like parts.Mount, of a program that only its command is known of. What it starts counts with it."""

    def __init__(self, peer, url):
        self.folder = tempfile.TemporaryDirectory(prefix="penstock-bench-")
        folder = pathlib.Path(self.folder.name)
        self.path = folder / "mnt"
        self.path.mkdir()
        (folder / "own").mkdir()
        log_path = folder / "log"
        with open(log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(peer.words(url, "bench", str(self.path), str(folder / "own")), stdout=log,
                                            stderr=log, env=dict(os.environ, **ENVIRONMENT), start_new_session=True)
        deadline = time.monotonic() + 60
        while not os.path.ismount(self.path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = log_path.read_text(errors="replace")[-2000:]
                self.close()
                raise RuntimeError(f"it does not mount: {said}")
            time.sleep(0.01)
        self.cpu_before = self.cpu()

    def cpu(self):
        return sum(process_cpu(pid) for pid in self.processes())

    def used_cpu(self):
        return self.cpu() - self.cpu_before

    def peak_mib(self):
        return sum(process_peak_mib(pid) for pid in self.processes())

    @staticmethod
    def memory_limit_mib():
        """Nobody knows."""
        return 0

    def processes(self):
        """Those of its session that live."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split() if entry.name.isdigit() else None
            except OSError:
                continue  # it has ended
            if fields is not None and int(fields[3]) == self.process.pid and fields[0] != "Z":
                found.append(int(entry.name))
        return found

    def close(self):
        subprocess.run(["fusermount3", "-u", "-z", self.path], check=False, stderr=subprocess.DEVNULL)
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.processes():
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            try:
                self.process.wait(20)
                break
            except subprocess.TimeoutExpired:
                continue
        self.folder.cleanup()


SHADES = ("#1f6feb", "#8b949e", "#b1bac4", "#6e7781", "#d0d7de")
LEFT, WIDE, THICK = 250, 420, 14  # pixels: of the names, of a ratio of `widest`, of a bar


def plot(path, rows, names):
    """Writes an SVG picture: bars of the ratio to the limit, one group a workload. `rows`: workload to {name: ratio, or
    None: it failed}."""
    widest = max([1.2, *(ratio for row in rows.values() for ratio in row.values() if ratio is not None)])
    scale = WIDE / widest
    parts = []

    def text(x, y, words, more=""):
        parts.append(f'<text x="{x:.0f}" y="{y:.0f}" {more}>{escape(words)}</text>')

    def bar(x, y, width, shade):
        parts.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.1f}" height="{THICK - 3}" fill="{shade}"/>')

    at = LEFT
    for name, shade in zip(names, SHADES * len(names)):
        bar(at, 8, 11, shade)
        text(at + 16, 18, name)
        at += 40 + 8 * len(name)
    y = 34
    for workload, ratios in rows.items():
        text(LEFT - 8, y + 11, workload, 'text-anchor="end"')
        for name, shade in zip(names, SHADES * len(names)):
            if name not in ratios:
                continue
            ratio = ratios[name]
            bar(LEFT, y, (ratio or 0) * scale, shade)
            text(LEFT + (ratio or 0) * scale + 5, y + 10, "failed" if ratio is None else f"{ratio:.2f}", 'font-size="11"')
            y += THICK
        y += 9
    limit = LEFT + scale
    parts.append(f'<line x1="{limit:.0f}" y1="28" x2="{limit:.0f}" y2="{y:.0f}" stroke="#cf222e"/>')
    text(limit, y + 14, "1 = the physical limit", 'text-anchor="middle" fill="#cf222e"')
    width, height = LEFT + WIDE + 50, y + 22
    pathlib.Path(path).write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
        + "\n".join(parts) + "\n</svg>\n", encoding="utf-8")
