# SPDX-License-Identifier: Apache-2.0
"""A server of tests/real for the suites, and what they need to know of it and of the program under test."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "real"))


class Server:
    """One of tests/real, running inside a with statement; its S3_ variables are in the environment meanwhile."""

    def __init__(self, name):
        self.script = ROOT / "tests" / "real" / name
        self.folder = tempfile.mkdtemp(prefix="penstock-conformance-")

    def __enter__(self):
        try:
            # Not in our process group: a ^C is for us, and we stop it.
            started = subprocess.run([self.script, "start", self.folder], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, text=True, check=False, process_group=0)
            if started.returncode != 0:
                raise RuntimeError(f"the server {self.script.name} does not start")
            os.environ.update(line.split("=", 1) for line in started.stdout.split())
            self._give_up_first()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        self._stop()

    def _give_up_first(self):
        """Where the machine's memory runs out, the server that keeps objects in it is what has to end."""
        for pid_file in pathlib.Path(self.folder).glob("*.pid"):
            try:
                pathlib.Path(f"/proc/{pid_file.read_text().strip()}/oom_score_adj").write_text("1000")
            except OSError:
                pass

    def _stop(self):
        subprocess.run([self.script, "stop", self.folder], stdin=subprocess.DEVNULL, check=False, process_group=0)
        shutil.rmtree(self.folder, ignore_errors=True)


def end_group(process):
    """Kills a process that leads a group of its own, with everything in that."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
