#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the package into a root of its own, mounts by its fstab, upgrades and removes it. Needs root.

PENSTOCK is the program that is packaged. The root is this machine's as it is, below a folder in memory that takes all
changes (overlay), without what an installed Penstock would have left there; mounts and processes are in namespaces that
end with the test.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PENSTOCK = os.environ["PENSTOCK"]
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


def build(folder, *arguments):
    """The packages' paths."""
    told = must(ROOT / "scripts" / "package", "--program", PENSTOCK, "--output", folder, *arguments)
    return [pathlib.Path(line) for line in told.splitlines() if line.endswith((".deb", ".rpm"))]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="penstock-package-")
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name)
        cls.deb, cls.rpm = build(cls.work / "packages")
        [cls.newer] = build(cls.work / "packages", "--version", "0.1.1", "deb")

    def setUp(self):
        space = self.work / self.id().rsplit(".", 1)[1]
        space.mkdir()
        must("mount", "-t", "tmpfs", "none", space)
        self.addCleanup(run, "umount", "-l", space)
        self.upper, self.root = space / "upper", space / "root"
        for folder in (self.upper, space / "internal", self.root):
            folder.mkdir()
        must("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={self.upper},workdir={space / 'internal'}", "none",
             self.root)
        self.addCleanup(run, "umount", "-R", "-l", self.root)
        must("mount", "-t", "proc", "none", self.root / "proc")
        must("mount", "--rbind", "/dev", self.root / "dev")
        for folder in ("run", "tmp"):
            must("mount", "-t", "tmpfs", "none", self.root / folder)
        self.assertNotEqual(run("dpkg", "-s", "penstock").returncode, 0, "this machine has the package installed")
        # Nobody here looks for words in manual pages: their index, which takes long, need not be made anew.
        must("rm", "-f", self.root / "var/lib/man-db/auto-update")
        # Images for containers leave manual pages out of every package.
        for rule in (self.root / "etc/dpkg/dpkg.cfg.d").glob("*"):
            rule.unlink()
        for place in PLACES:
            must("rm", "-rf", self.root / place)
        (self.root / "srv/store").mkdir(parents=True)
        (self.root / "srv/store/file").write_text("hello\n")
        for name in ("a", "b"):
            (self.root / "mnt" / name).mkdir(parents=True)
        (self.root / "etc/fstab").write_text("file:///srv/store /mnt/a penstock allow_other,_netdev 0 0\n"
                                             "train /mnt/b penstock _netdev,nofail 0 0\n")

    def inside(self, *command):
        return run("chroot", self.root, *command)

    def must_inside(self, *command):
        return must("chroot", self.root, *command)

    def install(self, package):
        (self.root / "tmp/penstock.deb").write_bytes(package.read_bytes())
        return self.must_inside("dpkg", "-i", "/tmp/penstock.deb")

    def configure(self):
        with open(self.root / "etc/penstock/penstock.toml", "a", encoding="utf-8") as file:
            file.write('[mounts.train]\nsource = "file:///srv/store"\nread-only = true\n')

    def traces(self):
        """What is below the root and was not before, and has the name. Not what the machine had: it is gone there."""
        found = []
        for folder, names, files in os.walk(self.upper):
            for name in names + files:
                path = pathlib.Path(folder, name)
                below = path.relative_to(self.upper)
                # The store is the user's.
                if "penstock" in name and below.parts[0] != "srv" and not path.is_char_device():
                    found.append(str(below))
        return found + [str(path) for path in (self.root / "run").glob("*penstock*")]

    def test_install_mount_by_fstab_and_purge(self):
        self.install(self.deb)
        self.configure()
        self.assertIn("is right: 1 mount", self.must_inside("penstock", "config", "check"))
        self.must_inside("mount", "/mnt/a")
        self.must_inside("mount", "/mnt/b")
        for name in ("a", "b"):
            self.assertEqual((self.root / "mnt" / name / "file").read_text(), "hello\n")
        (self.root / "mnt/a/new").write_text("written\n")
        self.assertTrue(os.statvfs(self.root / "mnt/b").f_flag & os.ST_RDONLY)
        for page in ("penstock", "penstock-mount", "mount.penstock", "penstock.toml"):
            self.assertIn("/usr/share/man/man", self.must_inside("man", "-w", page))
        completion = "source /usr/share/bash-completion/completions/penstock && complete -p penstock"
        self.must_inside("bash", "-c", completion)

        self.must_inside("umount", "/mnt/a")
        refused = self.inside("dpkg", "--remove", "penstock")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("  penstock umount /mnt/b\n", refused.stderr)
        self.must_inside("penstock", "umount", "/mnt/b")
        self.must_inside("dpkg", "--purge", "penstock")
        self.assertEqual((self.root / "srv/store/new").read_text(), "written\n")
        self.assertEqual(self.traces(), [])
        self.assertNotEqual(self.inside("dpkg", "-s", "penstock").returncode, 0)
        self.assertEqual(self.inside("mount", "/mnt/a").returncode, 32)

    def test_upgrade_under_a_mount(self):
        self.install(self.deb)
        self.configure()
        self.must_inside("mount", "/mnt/a")
        told = self.install(self.newer)
        self.assertNotIn("onfiguration file", told)
        self.assertEqual(self.must_inside("dpkg-query", "-W", "-f", "${Version}", "penstock"), "0.1.1")
        (self.root / "mnt/a/later").write_text("after the upgrade\n")
        self.assertEqual((self.root / "mnt/a/file").read_text(), "hello\n")
        self.must_inside("penstock", "umount", "/mnt/a")
        self.assertEqual((self.root / "srv/store/later").read_text(), "after the upgrade\n")
        self.must_inside("mount", "/mnt/b")
        self.assertEqual((self.root / "mnt/b/later").read_text(), "after the upgrade\n")
        self.must_inside("penstock", "umount", "/mnt/b")

    def test_remove_keeps_the_configuration_and_purge_what_is_in_no_bucket(self):
        self.install(self.deb)
        self.configure()
        journal = self.root / "var/cache/penstock/journal/0123456789abcdef-0123456789abcdef"
        journal.mkdir(parents=True)
        (journal / "log-1").write_bytes(b"what a mount that died has left")
        self.must_inside("dpkg", "--remove", "penstock")
        self.assertIn("mounts.train", (self.root / "etc/penstock/penstock.toml").read_text())
        purged = self.inside("dpkg", "--purge", "penstock")
        self.assertEqual(purged.returncode, 0, purged.stderr)
        self.assertIn("what is in no bucket yet is kept", purged.stderr)
        self.assertTrue((journal / "log-1").exists())
        self.assertFalse((self.root / "etc/penstock").exists())

    def test_both_packages_have_the_same_files(self):
        of_deb = {line.split()[5][1:] for line in must("dpkg-deb", "-c", self.deb).splitlines() if line[0] != "d"}
        of_rpm = set(must("rpm", "-qpl", self.rpm).splitlines())
        self.assertEqual(of_deb - of_rpm, set())
        self.assertEqual({path for path in of_rpm - of_deb if re.search(r"\.\w+$", path)}, set())
        monitoring = "/usr/share/penstock/monitoring/penstock-"
        self.assertLessEqual({f"{monitoring}dashboard.json", f"{monitoring}alerts.yml"}, of_deb)
        self.assertEqual(must("rpm", "-qpc", self.rpm), "/etc/penstock/penstock.toml\n")
        self.assertIn("fuse3\n", must("rpm", "-qp", "--requires", self.rpm))

    def test_the_newer_libfuse_is_inside(self):
        """Where one was built: the program needs no libfuse of the distribution."""
        needed = must("ldd", PENSTOCK)
        depends = must("dpkg-deb", "-f", self.deb, "Depends")
        self.assertEqual("libfuse3.so" in needed, "libfuse3-3" in depends)
        if (ROOT / "build/libfuse/version").exists():
            self.assertNotIn("libfuse3.so", needed)


if __name__ == "__main__":
    if "--in-namespaces" not in sys.argv:
        os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
                              sys.executable, __file__, "--in-namespaces", *sys.argv[1:]])
    sys.argv.remove("--in-namespaces")
    must("mount", "-t", "proc", "none", "/proc")
    unittest.main(verbosity=2)
