# SPDX-License-Identifier: Apache-2.0
"""Mounts of a test bucket, for the tests that run real programs on them.

From the environment: PENSTOCK, the program (else build/dev/penstock), and the server as the scripts beside this file
print it (S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY, S3_BUCKET).
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from s3 import Client  # noqa: E402

PENSTOCK = os.environ.get("PENSTOCK", os.path.join(ROOT, "build", "dev", "penstock"))


def mounted_type(path):
    """The type that the kernel's mount table gives for a mount at exactly this path, or None."""
    with open("/proc/self/mounts", encoding="utf-8") as table:
        types = [fields[2] for fields in map(str.split, table) if fields[1] == path]
    return types[-1] if types else None


class Mount:
    """A prefix of the test bucket of its own, mounted at `path`, or what `url` names. Use it in a with statement.

    Leaving unmounts and removes every local trace, also after a failure; what the log says is shown then.
    """

    def __init__(self, *options, url=None):
        self.client = Client.from_environment()
        self.prefix = f"{uuid.uuid4().hex[:12]}/"
        self.url = url or f"s3://{self.client.bucket}/{self.prefix}"
        self.options = options
        self.mounts = 0
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="penstock-test-"))
        self.path = os.path.join(self.folder, "mnt")
        self.log = os.path.join(self.folder, "log")
        os.mkdir(self.path)

    def __enter__(self):
        try:
            self.mount()
        except BaseException:
            self._remove(failed=True)
            raise
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self._remove(failed=True)
            return
        try:
            self.unmount()
        except BaseException:
            self._remove(failed=True)
            raise
        self._remove(failed=False)

    def environment(self):
        """That of the programs that talk to the server."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**kept, "AWS_ACCESS_KEY_ID": self.client.access_key, "AWS_SECRET_ACCESS_KEY": self.client.secret_key,
                "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                "AWS_EC2_METADATA_DISABLED": "true"}

    def mount(self):
        """With an empty cache: what is read comes from the store."""
        self.mounts += 1
        command = [PENSTOCK, "mount", "--endpoint-url", f"http://{self.client.host}", "--log-file", self.log,
                   "--state-dir", os.path.join(self.folder, "state"), "--staging-dir", self.folder,
                   "--cache-dir", os.path.join(self.folder, f"cache-{self.mounts}"), *self.options,
                   self.url, self.path]
        result = subprocess.run(command, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=60, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"mount failed ({result.returncode}): {result.stdout}{result.stderr}")
        self.assert_mounted()

    def assert_mounted(self):
        """A mount that is gone leaves an ordinary folder, on which every test would pass."""
        kind = mounted_type(self.path)
        if kind is None or not kind.startswith("fuse") or os.stat(self.path).st_dev == os.stat(self.folder).st_dev:
            raise AssertionError(f"{self.path} is not a FUSE mount: {kind}")

    def unmount(self):
        """In order: returns when everything is in the store."""
        self.assert_mounted()
        result = subprocess.run([PENSTOCK, "umount", self.path], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=60, check=False)
        if result.returncode != 0 or mounted_type(self.path) is not None:
            raise RuntimeError(f"umount failed ({result.returncode}): {result.stdout}{result.stderr}")

    def remount(self):
        """Unmounts and mounts again: what is read afterwards comes from the store, not from a cache."""
        self.unmount()
        self.mount()

    def stored(self):
        """{path: size} of the objects under the prefix, without directory markers, as the server lists them."""
        return {key[len(self.prefix):]: size for key, size in self.client.list(self.prefix).items()
                if not key.endswith("/")}

    def stored_bytes(self, path):
        return self.client.get(self.prefix + path)

    def _remove(self, failed):
        if failed and os.path.exists(self.log):
            with open(self.log, encoding="utf-8", errors="replace") as log:
                sys.stderr.write("".join(["\nthe mount's log ends:\n", *log.readlines()[-30:]]))
        if mounted_type(self.path) is not None:
            subprocess.run(["fusermount3", "-u", "-z", self.path], check=False)
            wait_until(lambda: mounted_type(self.path) is None, 10, "the mount to go")
        # A process whose mount was taken away may still write to its cache.
        wait_until(lambda: shutil.rmtree(self.folder, ignore_errors=True) or not os.path.exists(self.folder), 10,
                   f"{self.folder} to go")


class ForegroundMount(Mount):
    """A mount with one cache folder, and so one journal, for all its lives. In the foreground: its process is ours."""

    process = None

    def mount(self):
        self.mounts += 1
        command = [PENSTOCK, "mount", "--foreground", "--endpoint-url", f"http://{self.client.host}", "--log-file",
                   self.log, "--state-dir", os.path.join(self.folder, "state"),
                   "--staging-dir", self.folder, "--cache-dir", os.path.join(self.folder, "cache"),
                   "--stop-timeout", "100s", *self.options, self.url, self.path]
        with open(os.path.join(self.folder, "stderr"), "ab") as output:
            self.process = subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=output)
        wait_until(lambda: mounted_type(self.path) is not None or self.process.poll() is not None, 30, "the mount")
        self.assert_mounted()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        subprocess.run(["fusermount3", "-u", "-z", self.path], check=False, stderr=subprocess.DEVNULL)
        wait_until(lambda: mounted_type(self.path) is None, 10, "the mount to go")

    def unmount(self):
        self.assert_mounted()
        subprocess.run(["fusermount3", "-u", self.path], check=True)
        if self.process.wait(timeout=120) != 0:
            raise AssertionError("not everything was saved")

    def _remove(self, failed):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        super()._remove(failed)


def wait_until(condition, seconds, what):
    """Polls until condition() is true and returns its value; AssertionError after that many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)
