# SPDX-License-Identifier: Apache-2.0
"""A machine for tests that install and configure: this one's root as it is, below a folder in memory that takes all
changes (overlay), without what an installed Penstock would have left there. Needs root.

A program that uses it calls enter_namespaces() first: its mounts and processes end with it.
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What Penstock or its package may have outside of homes.
PLACES = ("etc/penstock", "var/cache/penstock", "var/lib/penstock", "run/penstock", "usr/bin/penstock",
          "usr/sbin/mount.penstock", "usr/sbin/umount.penstock", "usr/share/doc/penstock", "usr/share/penstock")


def run(*command, **more):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **more)


def must(*command, **more):
    result = run(*command, **more)
    if result.returncode != 0:
        raise AssertionError(f"{command}: {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result.stdout


def enter_namespaces(program, *others):
    """Starts the program anew where it is not in namespaces of its own yet: mounts, processes, and `others` (--net)."""
    if "--in-namespaces" not in sys.argv:
        os.execvp("unshare", ["unshare", "--mount", "--pid", *others, "--fork", "--kill-child", "--propagation", "private",
                              sys.executable, program, "--in-namespaces", *sys.argv[1:]])
    sys.argv.remove("--in-namespaces")
    must("mount", "-t", "proc", "none", "/proc")


def build_packages(folder, *arguments):
    """The paths of packages of the program PENSTOCK."""
    told = must(ROOT / "scripts" / "package", "--program", os.environ["PENSTOCK"], "--output", folder, *arguments)
    return [pathlib.Path(line) for line in told.splitlines() if line.endswith((".deb", ".rpm"))]


class Machine(contextlib.ExitStack):
    """`root` is its root directory, `upper` what is not as on this machine. Leaving ends all its processes and mounts."""

    def __init__(self, space):
        super().__init__()
        self.upper, self.root = space / "upper", space / "root"
        try:
            self._make(space)
        except BaseException:
            self.close()
            raise

    def _make(self, space):
        space.mkdir()
        must("mount", "-t", "tmpfs", "none", space)
        self.callback(run, "umount", "-l", space)
        for folder in (self.upper, space / "internal", self.root):
            folder.mkdir()
        must("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={self.upper},workdir={space / 'internal'}", "none",
             self.root)
        self.callback(run, "umount", "-R", "-l", self.root)
        self.callback(self._end_processes)
        must("mount", "-t", "proc", "none", self.root / "proc")
        for folder in ("dev", "sys"):
            must("mount", "--rbind", f"/{folder}", self.root / folder)
        for folder in ("run", "tmp"):
            must("mount", "-t", "tmpfs", "none", self.root / folder)
        if run("dpkg", "-s", "penstock").returncode == 0:
            raise AssertionError("this machine has the package installed")
        # Nobody here looks for words in manual pages: their index, which takes long, need not be made anew.
        must("rm", "-f", self.root / "var/lib/man-db/auto-update")
        # Images for containers leave manual pages out of every package.
        for rule in (self.root / "etc/dpkg/dpkg.cfg.d").glob("*"):
            rule.unlink()
        for place in PLACES:
            must("rm", "-rf", self.root / place)

    def inside(self, *command):
        return run("chroot", self.root, *command)

    def must_inside(self, *command):
        return must("chroot", self.root, *command)

    def install(self, package):
        (self.root / "tmp/penstock.deb").write_bytes(package.read_bytes())
        return self.must_inside("dpkg", "-i", "/tmp/penstock.deb")

    def _end_processes(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/root") == str(self.root):
                    os.kill(int(pid), signal.SIGKILL)
