#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starts and ends mounts with the real program: cli_test.py PENSTOCK [unittest arguments]."""

import contextlib
import ctypes
import errno
import fcntl
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PENSTOCK = ""
WAIT_S = 60


def wait_until(condition, what):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {WAIT_S} s: {what}")
        time.sleep(0.01)


class MountCase(unittest.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="penstock-cli-")).resolve()
        self.base.chmod(0o755)
        self.store = self.base / "store"
        self.mnt = self.base / "mnt"
        self.log = self.base / "log"
        (self.store / "dir").mkdir(parents=True)
        (self.store / "dir" / "file").write_bytes(b"hello\n")
        self.mnt.mkdir()
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        if self.mounted():
            subprocess.run(["umount", "-l", str(self.mnt)], check=False)
        shutil.rmtree(self.base)

    def penstock(self, *arguments, **more):
        return subprocess.run([PENSTOCK, *map(str, arguments)], capture_output=True, text=True, timeout=WAIT_S, **more)

    def mount(self, *options):
        result = self.penstock("mount", f"file://{self.store}", self.mnt, "--log-file", self.log,
                               "--state-dir", self.base / "state", *options)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def start_foreground(self, *options, stderr=subprocess.PIPE):
        process = subprocess.Popen([PENSTOCK, "mount", "-f", f"file://{self.store}", self.mnt,
                                    "--state-dir", self.base / "state", *options],
                                   stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.processes.append(process)
        self.assertIn("is mounted at", process.stdout.readline())
        return process

    def mounted(self):
        return f" {self.mnt} " in pathlib.Path("/proc/self/mountinfo").read_text()

    def daemon_pids(self):
        pids = []
        for file in pathlib.Path("/run/penstock").glob("*.pid"):
            with contextlib.suppress(FileNotFoundError):  # other mounts come and go meanwhile
                lines = file.read_text().splitlines()
                if len(lines) > 1 and lines[1] == str(self.mnt):
                    pids.append(int(lines[0]))
        return pids

    def daemon_pid(self):
        self.assertEqual(len(self.daemon_pids()), 1, "pid files that name the mountpoint")
        return self.daemon_pids()[0]

    def kill_the_mount(self):
        pid = self.daemon_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.has_ended(pid), "the process is dead")

    @staticmethod
    def has_ended(pid):
        """Gone or a zombie: before that it may still hold files open."""
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return True

    def assert_fails(self, result, *words):
        self.assertEqual(result.returncode, 1, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)


class Ordinary(MountCase):
    def test_mount_works_when_it_returns_and_umount_ends_the_process(self):
        self.mount()
        self.assertEqual((self.mnt / "dir" / "file").read_bytes(), b"hello\n")
        pid = self.daemon_pid()
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        self.assertFalse(self.mounted())
        self.assertFalse(os.path.exists(f"/proc/{pid}/exe"))
        self.assertIn("everything is saved", self.log.read_text())
        self.assertIn("memory limit", self.log.read_text())

    def test_what_is_written_is_in_the_store_after_umount(self):
        self.mount()
        (self.mnt / "new").write_bytes(b"x" * 100_000)
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        self.assertEqual((self.store / "new").read_bytes(), b"x" * 100_000)

    def test_umount8_and_fusermount3_end_it_too(self):
        for command in (["umount"], ["fusermount3", "-u"]):
            self.mount()
            pid = self.daemon_pid()
            subprocess.run([*command, str(self.mnt)], check=True)
            wait_until(lambda: not os.path.exists(f"/proc/{pid}/exe"), "the process ends")

    def test_mounted_again_while_the_mount_before_still_ends(self):
        self.mount()
        before = self.daemon_pid()
        with open(self.mnt / "dir" / "file", "rb") as file:
            subprocess.run(["umount", "--lazy", str(self.mnt)], check=True)
            self.mount()
            after = next(pid for pid in self.daemon_pids() if pid != before)
            (self.mnt / "new").write_bytes(b"x")
            self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
            self.assertFalse(os.path.exists(f"/proc/{after}/exe"))
            self.assertEqual(self.daemon_pids(), [before])
            self.assertEqual(file.read(), b"hello\n")
        wait_until(lambda: self.daemon_pids() == [], "the first process ends")

    def test_a_lock_of_who_mounts_is_not_kept(self):
        lock = self.base / "lock"
        with open(lock, "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            os.set_inheritable(held.fileno(), True)
            result = self.penstock("mount", f"file://{self.store}", self.mnt, close_fds=False)
            self.assertEqual(result.returncode, 0, result.stderr)
        with open(lock, "w") as free:
            fcntl.flock(free, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)

    def test_fstab_helper(self):
        helper = self.base / "mount.penstock"
        helper.symlink_to(PENSTOCK)
        subprocess.run([helper, f"file://{self.store}", self.mnt, "-n", "-o", f"ro,_netdev,noexec,log_file={self.log}"],
                       check=True, timeout=WAIT_S)
        with self.assertRaises(OSError):
            (self.mnt / "x").write_bytes(b"")
        table = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        line = next(line for line in table if f" {self.mnt} " in line)
        self.assertIn("noexec", line)
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)

    def test_relative_paths_are_enough(self):
        result = self.penstock("mount", f"file://{self.store}", "mnt", "--log-file", "log", cwd=self.base)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(self.log.exists())
        self.assertEqual(self.penstock("umount", "./mnt/", cwd=self.base).returncode, 0)

    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_a_user_mounts_with_fusermount3(self):
        user = pwd.getpwnam("nobody")
        for path in (self.store, self.store / "dir", self.mnt):
            os.chown(path, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        result = self.penstock("mount", f"file://{self.store}", self.mnt, **as_user)
        if result.returncode != 0 and "/dev/fuse" in result.stderr:
            self.skipTest("users may not open /dev/fuse here")
        self.assertEqual(result.returncode, 0, result.stderr)
        listed = subprocess.run(["ls", self.mnt], capture_output=True, text=True, check=True, **as_user)
        self.assertEqual(listed.stdout, "dir\n")
        result = self.penstock("umount", self.mnt, **as_user)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(self.mounted())


class Status(MountCase):
    @unittest.skipUnless(os.geteuid() == 0, "becomes another user")
    def test_what_another_user_cannot_see_is_said(self):
        self.mount("--write-back", "--allow-other", "--cache-dir", self.base / "cache")
        user = pwd.getpwnam("nobody")
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        for place in (self.base / "none", self.base / "cache" / "journal"):
            told = self.penstock("status", "--journal-dir", place, **as_user)
            # 2 where a mount of another test has something to store just now.
            self.assertIn(told.returncode, (2, 3), told.stdout + told.stderr)
            self.assertIn(f"cannot be seen: {self.mnt}: it is a mount of user 0: ask as that user, or as root",
                          told.stdout)
            if told.returncode == 3:
                self.assertIn("nothing is pending where it could be seen", told.stdout)
        self.assertIn(f"{self.base / 'cache' / 'journal'}: Permission denied", told.stdout)
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)

    def test_a_dead_mount_is_named(self):
        self.mount()
        self.kill_the_mount()
        told = self.penstock("status")
        self.assertIn(f"its process has died; clear it with: penstock umount {self.mnt}", told.stdout)


class Features(MountCase):
    def test_a_mount_says_what_it_has_and_why_not(self):
        process = self.start_foreground("--io-uring=off")
        line = process.stdout.readline()
        self.assertRegex(line, r"^penstock: passthrough: (on|off \(.+\)); io_uring: off \(--io-uring=off\)$")
        process.terminate()
        _, err = process.communicate(timeout=WAIT_S)
        self.assertIn(line.removeprefix("penstock: "), err)


class Signals(MountCase):
    def test_sigterm_and_sigint_end_in_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start_foreground()
            process.send_signal(number)
            _, err = process.communicate(timeout=WAIT_S)
            self.assertEqual(process.returncode, 0, err)
            self.assertIn("everything is saved", err)
            self.assertFalse(self.mounted())

    def test_sigterm_saves_open_files_and_detaches(self):
        process = self.start_foreground()
        with open(self.mnt / "open", "wb", buffering=0) as file:
            file.write(b"not closed")
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=WAIT_S)
            self.assertEqual(process.returncode, 0, err)
            self.assertFalse(self.mounted())
            self.assertEqual((self.store / "open").read_bytes(), b"not closed")
            try:
                file.close()
            except OSError:
                pass  # the mount is gone; what was written is saved

    def test_sighup_changes_nothing(self):
        process = self.start_foreground()
        process.send_signal(signal.SIGHUP)
        self.assertEqual((self.mnt / "dir" / "file").read_bytes(), b"hello\n")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)
        self.assertEqual(process.returncode, 0)


class Logs(MountCase):
    def full_pipe(self, writer):
        """Fills a pipe that nobody reads."""
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x")
        os.set_blocking(writer, True)

    def assert_works_and_ends(self):
        for i in range(100):
            (self.mnt / f"new{i}").write_bytes(b"x")
        self.assertEqual((self.mnt / "dir" / "file").read_bytes(), b"hello\n")
        result = self.penstock("umount", self.mnt)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.store / "new99").read_bytes(), b"x")

    def test_sighup_opens_the_log_file_again(self):
        self.mount()
        before = self.base / "log.1"
        self.log.rename(before)
        os.kill(self.daemon_pid(), signal.SIGHUP)
        wait_until(self.log.exists, "a new log file")
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        self.assertIn("memory limit", before.read_text())
        self.assertNotIn("everything is saved", before.read_text())
        self.assertIn("everything is saved", self.log.read_text())

    def test_standard_error_that_nobody_reads_holds_up_nothing(self):
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.full_pipe(writer)
        process = self.start_foreground("--log-level", "debug", stderr=writer)
        self.assert_works_and_ends()
        self.assertEqual(process.wait(timeout=WAIT_S), 0)
        os.close(reader)
        os.close(writer)

    def test_a_fifo_for_the_log_that_nobody_reads_holds_up_nothing(self):
        os.mkfifo(self.log)
        self.mount("--log-level", "debug")
        self.assert_works_and_ends()
        fifo = os.open(self.log, os.O_RDWR)
        fcntl.fcntl(fifo, fcntl.F_SETPIPE_SZ, 4096)
        self.full_pipe(fifo)
        self.mount("--log-level", "debug")
        self.assert_works_and_ends()
        os.close(fifo)


class Installed(MountCase):
    """What `cmake --install` puts on a machine, in a mount namespace that is thrown away with what is mounted in it."""

    SCRIPT = """
        sbin=$(realpath /sbin)
        mkdir "$BASE/old"
        mount --bind "$sbin" "$BASE/old"
        mount -t tmpfs sbin "$sbin"
        ln -s "$BASE"/old/* "$sbin"
        mount -t tmpfs local /usr/local
        cmake --install "$BUILD" --prefix /usr/local >"$BASE/installed"
        mount -t penstock -o "log_file=$BASE/log" "file://$STORE" "$MNT"
        echo by hand: $(findmnt -no FSTYPE "$MNT") $(cat "$MNT/dir/file")
        echo written >"$MNT/new"
        umount "$MNT"
        while grep -qs "$MNT" /run/penstock/*.pid; do sleep 0.01; done
        echo stored: $(cat "$STORE/new")
        echo "file://$STORE $MNT penstock ro,allow_other,metadata_ttl=1h,log_file=$BASE/log,_netdev,nofail 0 0" >"$BASE/fstab"
        mount -T "$BASE/fstab" "$MNT"
        mount -a -T "$BASE/fstab"
        echo by fstab: $(findmnt -no FSTYPE,SOURCE "$MNT") $(cat "$MNT/dir/file")
        touch "$MNT/x" || true
        umount "$MNT"
    """

    @unittest.skipUnless(os.geteuid() == 0, "makes namespaces")
    def test_mount8_and_fstab_know_the_type(self):
        result = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
             "bash", "-euc", self.SCRIPT], capture_output=True, text=True, timeout=WAIT_S,
            env={**os.environ, "BASE": self.base, "BUILD": pathlib.Path(PENSTOCK).parent, "STORE": self.store, "MNT": self.mnt})
        self.assertEqual(result.stdout.splitlines(), [
            "by hand: fuse.penstock hello", "stored: written", f"by fstab: fuse.penstock file://{self.store} hello"])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Read-only file system", result.stderr)


class Automounts(MountCase):
    """What systemd makes of x-systemd.automount: who enters the place waits until something is mounted on it."""

    @unittest.skipUnless(os.geteuid() == 0, "makes an autofs mount")
    def test_an_automount_point_is_mounted_on(self):
        reader, writer = os.pipe()
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={writer},pgrp={os.getpgrp()},minproto=5,maxproto=5,direct"
        if libc.mount(b"systemd-1", bytes(self.mnt), b"autofs", 0, options.encode()) != 0:
            error = ctypes.get_errno()
            os.close(reader)
            os.close(writer)
            # A kernel that was built without it has no such place to enter, and nothing that could be installed makes
            # one there. What Penstock decides on one is in mountpoint_test.cc.
            self.assertNotIn("\tautofs\n", pathlib.Path("/proc/filesystems").read_text(), os.strerror(error))
            self.assertEqual(error, errno.ENODEV, os.strerror(error))
            return
        self.addCleanup(subprocess.run, ["umount", "-l", self.mnt], check=False, capture_output=True)
        result = self.penstock("mount", f"file://{self.store}", self.mnt, "--log-file", self.log,
                               start_new_session=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual((self.mnt / "dir" / "file").read_bytes(), b"hello\n")
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        os.close(reader)
        os.close(writer)


class OtherNamespaces(MountCase):
    """A container that has a copy of the mount keeps it."""

    def in_a_namespace(self):
        process = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sleep", "1000"])
        self.processes.append(process)
        own = os.readlink("/proc/self/ns/mnt")
        wait_until(lambda: os.readlink(f"/proc/{process.pid}/ns/mnt") != own
                   and pathlib.Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n", "it has its own mounts")
        return process

    def begin_umount(self):
        process = subprocess.Popen([PENSTOCK, "umount", str(self.mnt)], stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    @unittest.skipUnless(os.geteuid() == 0, "makes namespaces")
    def test_umount_names_who_holds_the_mount_once_and_goes_on_when_they_end(self):
        self.mount()
        holder = self.in_a_namespace()
        umount = self.begin_umount()
        lines = [umount.stderr.readline() for _ in range(4)]
        self.assertEqual(lines[0], f"penstock: {self.mnt} is unmounted here, and still mounted in another mount "
                                   "namespace:\n")
        self.assertEqual(lines[1], f"  process {holder.pid} (sleep) has it at {self.mnt}\n")
        self.assertIn(f"penstock umount --force {self.mnt}", lines[2])
        self.assertIn("waiting for the end of process", lines[3])
        holder.kill()
        _, rest = umount.communicate(timeout=WAIT_S)
        self.assertEqual((umount.returncode, rest), (0, ""))

    @unittest.skipUnless(os.geteuid() == 0, "makes namespaces")
    def test_force_ends_the_mount_for_all_and_stores_what_is_written(self):
        self.mount()
        holder = self.in_a_namespace()
        file = open(f"/proc/{holder.pid}/root{self.mnt}/new", "wb", buffering=0)
        file.write(b"bytes")
        pid = self.daemon_pid()
        waiting = self.begin_umount()
        waiting.stderr.readline()
        result = self.penstock("umount", "--force", self.mnt)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(waiting.wait(timeout=WAIT_S), 0)
        self.assertFalse(os.path.exists(f"/proc/{pid}/exe"))
        self.assertEqual((self.store / "new").read_bytes(), b"bytes")
        with self.assertRaises(OSError):
            file.close()


class Failures(MountCase):
    def test_wrong_stores_leave_nothing_mounted(self):
        for url in ("http://x", "s3://", f"file://{self.base}/none", "file://relative"):
            result = self.penstock("mount", url, self.mnt)
            self.assert_fails(result, "penstock: ")
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertFalse(self.mounted())

    def test_a_second_mount_on_the_same_place(self):
        self.mount()
        self.assert_fails(self.penstock("mount", f"file://{self.store}", self.mnt), "is mounted already", "penstock umount")
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)

    def test_a_mountpoint_that_is_not_empty(self):
        (self.mnt / "left").write_bytes(b"by a program that ran without the mount")
        self.assert_fails(self.penstock("mount", f"file://{self.store}", self.mnt), f"{self.mnt} is not empty",
                          "--nonempty")
        self.assertFalse(self.mounted())
        self.mount("--nonempty")
        self.assertFalse((self.mnt / "left").exists())
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        self.assertTrue((self.mnt / "left").exists())

    def test_a_cache_that_is_asked_for_and_cannot_be_used(self):
        result = self.penstock("mount", f"file://{self.store}", self.mnt, "--cache-dir", self.store / "dir" / "file")
        self.assert_fails(result, f"--cache-dir {self.store}/dir/file cannot be used: Not a directory")
        self.assertFalse(self.mounted())

    def test_a_server_that_speaks_tls(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        # As one that is told plain HTTP: it hangs up without a word.
        def hang_up():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.recv(4096)
                    connection.close()
        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        result = self.penstock("mount", "s3://bucket", self.mnt, "--endpoint-url", url, "--no-sign-request", "--no-cache",
                               "--log-file", self.log)
        self.assert_fails(result, "Empty reply from server", "perhaps it speaks https: --endpoint-url https://")
        self.assertFalse(self.mounted())

    def test_a_log_file_that_cannot_be_written(self):
        result = self.penstock("mount", f"file://{self.store}", self.mnt, "--log-file", self.store / "dir")
        self.assert_fails(result, "log file")
        self.assertFalse(self.mounted())

    def test_busy_names_the_process(self):
        self.mount()
        with open(self.mnt / "dir" / "file", "rb"):
            self.assert_fails(self.penstock("umount", self.mnt), "is busy", f"process {os.getpid()} (")
            self.assertTrue(self.mounted())
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)

    def test_lazy_detaches_a_busy_mount(self):
        self.mount()
        pid = self.daemon_pid()
        with open(self.mnt / "dir" / "file", "rb") as file:
            self.assertEqual(self.penstock("umount", "--lazy", self.mnt).returncode, 0)
            self.assertFalse(self.mounted())
            self.assertEqual(file.read(), b"hello\n")
        wait_until(lambda: not os.path.exists(f"/proc/{pid}/exe"), "the process ends")

    def test_a_dead_mount_is_cleared_by_a_mount_of_the_same_store(self):
        self.mount()
        self.processes.append(subprocess.Popen(["sleep", "1000"], cwd=self.mnt))  # keeps it busy
        self.kill_the_mount()
        self.mount()
        self.assertEqual(pathlib.Path("/proc/self/mountinfo").read_text().count(f" {self.mnt} "), 1)
        self.assertEqual((self.mnt / "dir" / "file").read_bytes(), b"hello\n")
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        self.assertFalse(self.mounted())

    def test_a_dead_mount_of_another_store_is_explained_and_cleaned_up(self):
        self.mount()
        self.kill_the_mount()
        other = self.store / "dir"
        result = self.penstock("mount", f"file://{other}", self.mnt)
        self.assert_fails(result, f"mount of file://{self.store} whose process has died", f"penstock umount {self.mnt}")
        result = self.penstock("umount", self.mnt)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(self.mounted())

    def test_a_fake_mount_clears_nothing(self):
        self.mount()
        self.kill_the_mount()
        helper = self.base / "mount.penstock"
        helper.symlink_to(PENSTOCK)
        subprocess.run([helper, f"file://{self.store}", self.mnt, "-f"], check=True, timeout=WAIT_S)
        self.assertTrue(self.mounted())

    def test_who_starts_it_again_need_not_clean_up(self):
        """As systemd does with Restart=on-failure, of a process that was killed."""
        for _ in range(2):
            process = self.start_foreground()
            process.kill()
            process.communicate()
        process = self.start_foreground()
        self.assertEqual((self.mnt / "dir" / "file").read_bytes(), b"hello\n")
        process.terminate()
        process.communicate(timeout=WAIT_S)
        self.assertFalse(self.mounted())

    def test_a_directory_below_a_mount_is_not_one(self):
        self.mount()
        self.assert_fails(self.penstock("umount", self.mnt / "dir"), "lies inside the mount")
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)


if __name__ == "__main__":
    PENSTOCK = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
