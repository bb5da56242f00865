#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two mounts of one bucket and another S3 client that changes it behind their backs: what programs on them see.

The waits are parts of the example: they place a change inside or behind the time for which a node believes a name.
"""
import errno
import mmap
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
import urllib.request

from mounts import ROOT, Mount
from s3 import Client, S3Error


# What is believed for a fixed time, however young.
TTL = ("--freshness", "ttl")


class Nodes(unittest.TestCase):
    """Mounts `a` and `b` of one prefix, and a client of the bucket."""

    options = ()

    def setUp(self):
        self.client = Client.from_environment()

    def nodes(self, *options):
        """The two mounts, as a pair of paths."""
        first = self.enterContext(Mount(*self.options, *options))
        self.prefix = first.prefix
        second = self.enterContext(Mount(*self.options, *options, url=first.url))
        return first.path, second.path

    def node(self, *options):
        mount = self.enterContext(Mount(*self.options, *options))
        self.prefix = mount.prefix
        return mount.path

    def put(self, name, text, **extra):
        self.client.put(self.prefix + name, text.encode(), **extra)

    def remove(self, name):
        self.client.delete(self.prefix + name)

    def stored(self, name):
        """The object's bytes as text, or None."""
        try:
            return self.client.get(self.prefix + name).decode()
        except S3Error as error:
            if error.status != 404:
                raise
            return None

    def timing(self, **values):
        """Has the test server answer later, until the test ends."""
        def tell(pairs):
            query = "&".join(f"{name.replace('_', '-')}={value}" for name, value in pairs.items())
            urllib.request.urlopen(urllib.request.Request(f"http://{self.client.host}/-/timing?{query}", method="POST"),
                                   timeout=10).close()
        self.addCleanup(tell, dict.fromkeys(values, 0))
        tell(values)

    def shell(self, folder):
        """A shell that stands in `folder`; returns a function that gives it a line and returns (output, status)."""
        process = subprocess.Popen(["bash", "--norc", "--noprofile"], cwd=folder, stdin=subprocess.PIPE, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "LC_ALL": "C"})

        def end():
            process.stdin.close()
            process.wait(30)
            process.stdout.close()
        self.addCleanup(end)

        def say(line):
            process.stdin.write(f"{line}\necho \"=end= $?\"\n")
            process.stdin.flush()
            said = ""
            for text in iter(process.stdout.readline, ""):
                if "=end= " in text:
                    head, status = text.split("=end= ")
                    return said + head, int(status)
                said += text
            raise AssertionError("the shell has ended")
        return say

    def assert_error(self, numbers, call, *arguments):
        with self.assertRaises(OSError) as raised:
            call(*arguments)
        self.assertIn(raised.exception.errno, numbers, raised.exception)


def write(path, text, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    descriptor = os.open(path, flags, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Vanished(Nodes):
    """What another client removed."""

    def test_a_folder_that_another_client_removed_is_not_the_root(self):
        mount = self.node("--metadata-ttl", "1s")
        self.put("d/f", "one")
        self.put("top", "kept")
        shell = self.shell(mount + "/d")
        dirfd = os.open(mount + "/d", os.O_RDONLY)
        self.addCleanup(os.close, dirfd)
        self.assertEqual(shell("ls"), ("f\n", 0))
        self.remove("d/f")
        time.sleep(2)
        self.assertEqual(os.listdir(mount), ["top"])
        time.sleep(2)
        output, status = shell("ls")
        self.assertNotIn("top", output)
        self.assertNotEqual(shell("rm top")[1], 0)
        self.assertNotEqual(shell("echo x > new")[1], 0)
        self.assertNotEqual(shell("mkdir sub")[1], 0)
        for call in (lambda: os.open("top", os.O_RDONLY, dir_fd=dirfd),
                     lambda: os.unlink("top", dir_fd=dirfd),
                     lambda: os.mkdir("sub", dir_fd=dirfd),
                     lambda: os.rename("top", "pot", src_dir_fd=dirfd, dst_dir_fd=dirfd),
                     lambda: os.symlink("x", "link", dir_fd=dirfd),
                     lambda: os.open("new", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=dirfd)):
            self.assert_error((errno.ESTALE, errno.ENOENT), call)
        self.assertEqual(self.client.list(self.prefix).keys(), {self.prefix + "top"})
        self.assertEqual(self.stored("top"), "kept")

    def test_what_is_written_to_a_file_that_vanished_is_stored(self):
        mount = self.node("--metadata-ttl", "10s", *TTL)
        self.put("f", "old")
        os.listdir(mount)
        os.stat(mount + "/f")
        self.remove("f")
        time.sleep(8)
        os.listdir(mount)
        time.sleep(2)
        os.listdir(mount)
        subprocess.run(["bash", "-c", f"echo new > {mount}/f"], check=True)
        self.assertEqual(self.stored("f"), "new\n")

    def test_attributes_of_a_file_that_vanished_are_refused(self):
        mount = self.node("--metadata-ttl", "10s", *TTL)
        self.put("f", "old")
        os.listdir(mount)
        os.stat(mount + "/f")
        self.remove("f")
        time.sleep(8)
        os.listdir(mount)
        time.sleep(2)
        os.listdir(mount)
        self.assert_error((errno.ESTALE, errno.ENOENT), os.chmod, mount + "/f", 0o600)
        self.assert_error((errno.ESTALE, errno.ENOENT), os.setxattr, mount + "/f", "user.a", b"b")
        self.assertEqual(self.client.list(self.prefix), {})


class Versions(Nodes):
    """What another client, or another program here, replaced."""

    def test_a_longer_version_is_read_whole(self):
        mount = self.node("--metadata-ttl", "10s", *TTL)
        self.put("d/f", "old")
        subprocess.run(["ls", "-l", mount + "/d"], check=True, stdout=subprocess.DEVNULL)
        time.sleep(1)
        self.put("d/f", "longer-now")
        time.sleep(8)
        subprocess.run(["ls", "-l", mount + "/d"], check=True, stdout=subprocess.DEVNULL)
        time.sleep(2.5)
        self.assertEqual(read(mount + "/d/f"), "longer-now")
        self.assertEqual(os.stat(mount + "/d/f").st_size, 10)

    def test_an_idle_descriptor_freezes_nothing(self):
        mount = self.node("--metadata-ttl", "1s")
        self.put("f", "old")
        descriptor = os.open(mount + "/f", os.O_RDWR)
        self.addCleanup(os.close, descriptor)
        self.put("f", "longer")
        time.sleep(3)
        self.assertEqual(read(mount + "/f"), "longer")
        self.assertEqual(os.stat(mount + "/f").st_size, 6)

    def test_readers_beside_an_atomic_replacement_never_fail(self):
        mount = self.node("--no-cache")
        self.timing(first_byte_ms=5)
        path = mount + "/latest"
        write(path, "0" * 5000)
        # Programs of their own: a mapping that fails ends its program by SIGBUS.
        readers = [subprocess.Popen([sys.executable, "-c", self.READER, path], stdin=subprocess.PIPE, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
        try:
            for count in range(60):
                write(path + ".tmp", str(count % 10) * 5000)
                os.replace(path + ".tmp", path)
                time.sleep(0.02)
        finally:
            answers = [process.communicate("", timeout=60)[0] for process in readers]
        self.assertEqual([(process.returncode, said) for process, said in zip(readers, answers)], [(0, "")] * 2)

    READER = textwrap.dedent("""
        import mmap, select, sys, time
        while not select.select([sys.stdin], [], [], 0.003)[0]:
            try:
                with open(sys.argv[1], "rb") as file:
                    with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
                        found = bytes(mapped)
                if len(found) != 5000 or found.count(found[:1]) != 5000:
                    print("torn:", len(found), set(found))
            except (OSError, ValueError) as error:
                print(repr(error))
        """)

    def test_a_training_loop_follows_latest(self):
        first, second = self.nodes()
        write(first + "/latest", "step 0")
        for step in range(1, 6):
            write(first + "/latest.tmp", f"step {step}" + "." * step)
            os.replace(first + "/latest.tmp", first + "/latest")
            time.sleep(1.5)
            self.assertEqual(read(second + "/latest"), f"step {step}" + "." * step)
            self.assertEqual(os.stat(second + "/latest").st_size, 6 + step)

    def test_what_was_just_closed_here_is_there(self):
        first, second = self.nodes()
        for step in range(3):
            self.assertFalse(os.path.exists(f"{second}/{step}"))
            write(f"{first}/{step}", "done")
            time.sleep(1.1)
            self.assertEqual(read(f"{second}/{step}"), "done")


class Names(Nodes):
    def test_a_directory_made_elsewhere_can_be_used(self):
        first, second = self.nodes()
        os.listdir(second)
        self.assertFalse(os.path.isdir(second + "/run"))
        os.mkdir(first + "/run")
        os.makedirs(second + "/run", exist_ok=True)
        self.assertTrue(os.path.isdir(second + "/run"))
        write(second + "/run/f", "x")
        self.assertEqual(self.stored("run/f"), "x")

    def test_a_listing_of_several_pages_is_answered(self):
        mount = self.node("--metadata-ttl", "1s")
        for number in range(560):
            self.put(f"b/k{number:03}/in", "")
            self.put(f"b/k{number:03}-x", "")
        for _ in range(3):
            listed = subprocess.run(["ls", mount + "/b"], check=True, capture_output=True, timeout=60, text=True)
            self.assertEqual(len(listed.stdout.split()), 1120)
            found = subprocess.run(["find", mount + "/b"], check=True, capture_output=True, timeout=60, text=True)
            self.assertEqual(len(found.stdout.split()), 1681)
            time.sleep(1.1)

    def test_rsync_with_delete_from_another_node(self):
        first, second = self.nodes()
        with tempfile.TemporaryDirectory() as local:
            for number in range(40):
                write(f"{local}/{number}", str(number) * 100)
            command = ["rsync", "-a", "--delete", local + "/", first + "/tree/"]
            subprocess.run(command, check=True)
            self.assertEqual(len(os.listdir(second + "/tree")), 40)
            for number in range(20):
                os.unlink(f"{local}/{number}")
            write(local + "/39", "longer than before " * 20)
            subprocess.run(["rsync", "-a", "--delete", local + "/", second + "/tree/"], check=True)
            time.sleep(1.1)
            for mount in (first, second):
                self.assertEqual(sorted(os.listdir(mount + "/tree"), key=int), [str(n) for n in range(20, 40)])
                self.assertEqual(read(mount + "/tree/39"), "longer than before " * 20)


class Writers(Nodes):
    def test_a_store_to_a_mapping_of_an_appending_descriptor_is_in_place(self):
        mount = self.node()
        with open(mount + "/p", "a+b") as file:
            file.truncate(4096)
            with mmap.mmap(file.fileno(), 4096) as mapped:
                mapped[0] = 1
                mapped.flush()
        found = self.client.get(self.prefix + "p")
        self.assertEqual((len(found), found[0]), (4096, 1))

    def test_the_close_of_a_child_that_never_wrote_stores_nothing(self):
        mount = self.node()
        write(mount + "/f", "whole")
        file = os.open(mount + "/f", os.O_WRONLY | os.O_TRUNC)
        os.set_inheritable(file, True)
        os.write(file, b"half")
        subprocess.run([sys.executable, "-c", "pass"], close_fds=False, check=True)
        self.assertEqual(self.stored("f"), "whole")
        os.write(file, b" and half")
        os.close(file)
        self.assertEqual(self.stored("f"), "half and half")

    def test_a_file_that_is_only_made_is_stored(self):
        mount = self.node()
        os.close(os.open(mount + "/lock.it", os.O_CREAT | os.O_RDONLY, 0o644))
        self.assertEqual(self.stored("lock.it"), "")
        subprocess.run(["flock", mount + "/a", "true"], check=True)
        self.assertEqual(self.stored("a"), "")

    def test_a_truncating_reader_truncates(self):
        mount = self.node()
        write(mount + "/f", "text")
        os.close(os.open(mount + "/f", os.O_RDONLY | os.O_TRUNC))
        self.assertEqual(os.stat(mount + "/f").st_size, 0)
        self.assertEqual(self.stored("f"), "")

    def test_fsync_of_a_reading_descriptor_stores_what_another_wrote(self):
        mount = self.node()
        writer = os.open(mount + "/f", os.O_WRONLY | os.O_CREAT)
        self.addCleanup(os.close, writer)
        os.write(writer, b"text")
        reader = os.open(mount + "/f", os.O_RDONLY)
        os.fsync(reader)
        os.close(reader)
        self.assertEqual(self.stored("f"), "text")

    def test_a_link_is_a_copy_where_the_name_is_free(self):
        first, second = self.nodes()
        write(first + "/tmp", "text")
        os.link(first + "/tmp", first + "/new")
        os.unlink(first + "/tmp")
        self.assertEqual(self.stored("new"), "text")
        write(second + "/tmp2", "other")
        self.assert_error((errno.EEXIST,), os.link, second + "/tmp2", second + "/new")
        self.assertEqual(self.stored("new"), "text")


class Kept(Nodes):
    """What others put on an object stays on it."""

    HEADERS = {"content-type": "image/x-test", "content-encoding": "identity", "content-disposition": "inline",
               "content-language": "en", "cache-control": "max-age=7", "x-amz-meta-other": "kept"}

    def test_headers_survive_every_change(self):
        mount = self.node()
        changes = {
            "chmod": lambda path: os.chmod(path, 0o600),
            "touch": lambda path: os.utime(path, (1, 1)),
            "setfattr": lambda path: os.setxattr(path, "user.a", b"b"),
            "append": lambda path: write(path, "more", os.O_WRONLY | os.O_APPEND),
            "edit": lambda path: write(path, "X", os.O_WRONLY),
        }
        for name in (*changes, "from"):
            self.client.request("PUT", self.prefix + name, body=b"text", headers=self.HEADERS)
        for name, change in changes.items():
            with self.subTest(name):
                change(f"{mount}/{name}")
                found = self.client.head(self.prefix + name)
                self.assertEqual({key: found.get(key) for key in self.HEADERS}, self.HEADERS)
        os.rename(mount + "/from", mount + "/to")
        found = self.client.head(self.prefix + "to")
        self.assertEqual({key: found.get(key) for key in self.HEADERS}, self.HEADERS)

    def test_the_bytes_of_a_marker_are_kept(self):
        mount = self.node()
        self.put("d/", "bytes")
        self.put("d/f", "x")
        os.chmod(mount + "/d", 0o700)
        self.assertEqual(self.stored("d/"), "bytes")
        os.chmod(mount + "/d/f", 0o600)
        os.unlink(mount + "/d/f")
        self.assertEqual(self.stored("d/"), "bytes")
        self.assert_error((errno.ENOTEMPTY, errno.EPERM, errno.EACCES), os.rmdir, mount + "/d")
        self.assertEqual(self.stored("d/"), "bytes")

    def test_a_rename_moves_no_time(self):
        mount = self.enterContext(Mount())
        mount.client.put(mount.prefix + "d/f", b"text")
        mount.client.put(mount.prefix + "g", b"text")
        before = (os.stat(mount.path + "/d/f").st_mtime, os.stat(mount.path + "/g").st_mtime)
        time.sleep(2.1)  # files that were written less than two seconds ago may get the time of their rename
        os.rename(mount.path + "/d", mount.path + "/e")
        os.rename(mount.path + "/g", mount.path + "/h")
        mount.remount()
        self.assertEqual((os.stat(mount.path + "/e/f").st_mtime, os.stat(mount.path + "/h").st_mtime), before)


class Programs(Nodes):
    """Real programs side by side on the two nodes."""

    # What torch.distributed.checkpoint does, which is in no PyTorch that Debian 12 can import: every rank makes the
    # folder, stores its shard under a temporary name, and the first one publishes the list of shards last.
    SAVE = textwrap.dedent("""
        import json, os, sys, time, torch
        import torch.distributed as dist
        rank, path, port = int(sys.argv[1]), sys.argv[2], sys.argv[3]
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
        for step in range(3):
            folder = f"{path}/run/step{step}"
            assert not os.path.isdir(folder + "/none")
            os.makedirs(folder, exist_ok=True)
            shard = torch.full((50_000,), float(rank + step))
            torch.save(shard, f"{folder}/__{rank}.tmp")
            os.rename(f"{folder}/__{rank}.tmp", f"{folder}/__{rank}.distcp")
            dist.barrier()
            if rank == 0:
                with open(folder + "/.metadata.tmp", "w") as file:
                    json.dump([f"__{each}.distcp" for each in range(2)], file)
                os.replace(folder + "/.metadata.tmp", folder + "/.metadata")
            dist.barrier()
            time.sleep(1.1)  # for so long a node may believe that what it has not seen is not there
            with open(folder + "/.metadata") as file:
                names = json.load(file)
            for other, name in enumerate(names):
                found = torch.load(f"{folder}/{name}")
                assert torch.equal(found, torch.full((50_000,), float(other + step))), name
            dist.barrier()
        print("saved and loaded")
        """)

    def test_a_distributed_checkpoint_over_two_nodes(self):
        first, second = self.nodes()
        for mount in (first, second):
            os.listdir(mount)
        port = subprocess.run(["bash", "-c", f". {ROOT}/scripts/lib/common.sh; free_port"], check=True, text=True,
                              capture_output=True).stdout.strip()
        ranks = [subprocess.Popen(["/usr/bin/python3", "-c", self.SAVE, str(rank), mount, port], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                 for rank, mount in enumerate((first, second))]
        for process in ranks:
            try:
                output = process.communicate(timeout=120)[0]
            finally:
                process.kill()
            self.assertEqual((process.returncode, output.strip().splitlines()[-1:]), (0, ["saved and loaded"]), output)


if __name__ == "__main__":
    unittest.main(verbosity=2)
