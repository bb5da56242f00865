# SPDX-License-Identifier: Apache-2.0
"""The parts of a measurement: the project's S3 server, a mount in a cgroup's stead, the tools that load them."""
import json
import mmap
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Whose programs are measured: those of the preset `dev`, which are built first, or of another folder, as they are.
BUILT = os.environ.get("PENSTOCK_BENCH_BUILD")
BUILD = pathlib.Path(BUILT).resolve() if BUILT else ROOT / "build" / "dev"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "testaccess", "AWS_SECRET_ACCESS_KEY": "testsecret",
               "AWS_EC2_METADATA_DISABLED": "true"}
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def build():
    if BUILT:
        return
    if not (BUILD / "CMakeCache.txt").exists():
        subprocess.run(["cmake", "--preset", "dev"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    targets = ["penstock", "s3-testserver", "s3raw", "fsload", "nullmount"]
    subprocess.run(["cmake", "--build", BUILD, "--target", *targets], check=True, stdout=subprocess.DEVNULL)


def tool(name, *arguments, **options):
    """Runs a tool of tests/bench, options written as keywords (range_=…: a trailing _ is dropped); its JSON."""
    words = [str(BUILD / name), *map(str, arguments)]
    for option, value in options.items():
        words += ["--" + option.rstrip("_").replace("_", "-"), str(value)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {result.stderr}")
    return json.loads(result.stdout)


class Server:
    """The project's S3 server. Profile A2 unless told otherwise: 30 ms to the first byte, 90 MB/s per connection. What
    it serves is a month old, as data sets are: a mount asks often for what is young."""

    def __init__(self, *options, first_byte_ms=30, connection_mbps=90):
        self.folder = tempfile.TemporaryDirectory(prefix="penstock-bench-")
        port_file = pathlib.Path(self.folder.name) / "port"
        self.process = subprocess.Popen(
            [BUILD / "s3-testserver", "--port-file", port_file, "--bucket", "bench", "--discard-bodies",
             "--object-age-s", str(30 * 24 * 3600),
             "--first-byte-ms", str(first_byte_ms), "--connection-mbps", str(connection_mbps), *map(str, options)],
            stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the test server does not start")
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{port_file.read_text().strip()}"

    def raw(self, command, **options):
        """What plain libcurl reaches against this server, now."""
        return tool("s3raw", command, endpoint=self.url, bucket="bench", **options)

    def stats(self):
        with urllib.request.urlopen(self.url + "/-/stats") as answer:
            return json.load(answer)

    def reset(self):
        self._post("reset-stats")

    def timing(self, **values):
        """Changes latency, bandwidth or errors while it runs."""
        self._post("timing?" + "&".join(f"{name.replace('_', '-')}={value}" for name, value in values.items()))

    def _post(self, what):
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/-/{what}", method="POST")).close()

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def process_cpu(pid):
    """Seconds that a living process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def process_peak_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


class Mount:
    """A fresh mount, and what its daemon has used since it was ready."""

    def __init__(self, url, *options, command=None):
        self.folder = tempfile.TemporaryDirectory(prefix="penstock-bench-")
        folder = pathlib.Path(self.folder.name)
        self.path = folder / "mnt"
        self.path.mkdir()
        self.log_path = folder / "log"
        if not any(option.startswith("--cache") for option in options):
            options = ("--no-cache", *options)
        if command is None:
            command = [BUILD / "penstock", "mount", "--foreground", "--endpoint-url", url, "--region", "us-east-1",
                       "--state-dir", folder / "state", *options, "s3://bench"]
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([*map(str, command), self.path], env=dict(os.environ, **ENVIRONMENT), stdout=log,
                                            stderr=log)
        deadline = time.monotonic() + 60
        while f" {self.path} fuse.penstock" not in pathlib.Path("/proc/mounts").read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError("the mount does not come up: " + self.log_path.read_text())
            time.sleep(0.01)
        self.cpu_before = self.cpu()

    def cache_dir(self):
        """The folder of its cache, and of its journal, as its options have it."""
        words = pathlib.Path(f"/proc/{self.process.pid}/cmdline").read_text(encoding="utf-8").split("\0")
        return pathlib.Path(words[words.index("--cache-dir") + 1])

    def cpu(self):
        return process_cpu(self.process.pid)

    def used_cpu(self):
        return self.cpu() - self.cpu_before

    def memory_limit_mib(self):
        """The limit that is in force, as the daemon's first log line says it."""
        text = re.search(r"memory limit (\d+)(M|G)", self.log_path.read_text())
        return int(text[1]) * (1024 if text[2] == "G" else 1) if text else 0

    def peak_mib(self):
        return process_peak_mib(self.process.pid)

    def metric(self, name):
        """What it tells by a metric without labels."""
        text = subprocess.run([BUILD / "penstock", "stats", "--prometheus", self.path], check=True, capture_output=True,
                              text=True).stdout
        return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            subprocess.run(["fusermount3", "-u", "-z", self.path], check=False)
        self.folder.cleanup()


def disk_folder():
    """A folder on a real disk, beside the build."""
    return tempfile.TemporaryDirectory(prefix="penstock-bench-", dir=ROOT / "build")


def drop_caches():
    if os.geteuid() == 0:
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3", encoding="utf-8")


def warm_up_memory():
    """Virtual machines pay about 0.9 s/GiB for the first touch of memory that their host has taken back; nobody's
    figure should contain that, so it is touched here first."""
    size = min(3 * GIB, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    with mmap.mmap(-1, size) as memory:
        for offset in range(0, size, 4096):
            memory[offset] = 1


def steal_ticks():
    fields = pathlib.Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:]
    return int(fields[7]), sum(map(int, fields[:8]))
