#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the package on a machine of its own, mounts by its fstab, upgrades and removes it. Needs root.

PENSTOCK is the program that is packaged.
"""

import os
import pathlib
import re
import tempfile
import unittest

from machine import ROOT, Machine, build_packages, enter_namespaces, must

PENSTOCK = os.environ["PENSTOCK"]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="penstock-package-")
        cls.addClassCleanup(folder.cleanup)
        cls.work = pathlib.Path(folder.name)
        cls.deb, cls.rpm = build_packages(cls.work / "packages")
        [cls.newer] = build_packages(cls.work / "packages", "--version", "0.1.1", "deb")

    def setUp(self):
        self.machine = self.enterContext(Machine(self.work / self.id().rsplit(".", 1)[1]))
        self.root = self.machine.root
        self.inside, self.must_inside, self.install = self.machine.inside, self.machine.must_inside, self.machine.install
        (self.root / "srv/store").mkdir(parents=True)
        (self.root / "srv/store/file").write_text("hello\n")
        for name in ("a", "b"):
            (self.root / "mnt" / name).mkdir(parents=True)
        (self.root / "etc/fstab").write_text("file:///srv/store /mnt/a penstock allow_other,_netdev 0 0\n"
                                             "train /mnt/b penstock _netdev,nofail 0 0\n")

    def configure(self):
        with open(self.root / "etc/penstock/penstock.toml", "a", encoding="utf-8") as file:
            file.write('[mounts.train]\nsource = "file:///srv/store"\nread-only = true\n')

    def traces(self):
        """What is below the root and was not before, and has the name. Not what the machine had: it is gone there."""
        found = []
        for folder, names, files in os.walk(self.machine.upper):
            for name in names + files:
                path = pathlib.Path(folder, name)
                below = path.relative_to(self.machine.upper)
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
    enter_namespaces(__file__)
    unittest.main(verbosity=2)
