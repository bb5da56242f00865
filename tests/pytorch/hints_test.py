#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Python package that hints the order of a DataLoader, on a mount of a real server and without one.

The environment names the program and the server, as for tests/real/mounts.py.
"""
import os
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "real"))
sys.path.insert(0, os.path.join(ROOT, "python"))
from mounts import PENSTOCK, Mount  # noqa: E402

import penstock  # noqa: E402
import torch  # noqa: E402
from torch.utils.data import BatchSampler, DataLoader, Dataset, DistributedSampler, RandomSampler  # noqa: E402

FILES = 200


def contents(i):
    return bytes([i % 251]) * 5000


class Files(Dataset):
    def __init__(self, folder):
        self.paths = [os.path.join(folder, f"{i:03}") for i in range(FILES)]

    def __len__(self):
        return FILES

    def __getitem__(self, index):
        with open(self.paths[index], "rb") as file:
            return index, file.read() == contents(index)


def metric(mount, name):
    told = subprocess.run([PENSTOCK, "stats", "--prometheus", mount.path], check=True, capture_output=True, text=True).stdout
    return sum(float(line.split()[1]) for line in told.splitlines() if line.startswith(name + " "))


class OnAMount(unittest.TestCase):
    def setUp(self):
        self.mount = self.enterContext(Mount())
        folder = os.path.join(self.mount.path, "train")
        os.mkdir(folder)
        for i in range(FILES):
            with open(os.path.join(folder, f"{i:03}"), "wb") as file:
                file.write(contents(i))
        self.mount.remount()
        self.files = Files(folder)

    def wait_for(self, name, value):
        deadline = time.monotonic() + 60
        while metric(self.mount, name) < value:
            self.assertLess(time.monotonic(), deadline, f"{name} is {metric(self.mount, name)}")
            time.sleep(0.1)

    def test_paths_are_fetched(self):
        self.addCleanup(penstock.release)
        self.assertEqual(penstock.prefetch(self.files.paths[:50]), 50)
        self.wait_for("penstock_hinted_files_total", 50)
        self.assertEqual(metric(self.mount, "penstock_hints_ignored_total"), 0)

    def test_a_loader_hints_all_that_it_reads_and_yields_the_same(self):
        order = RandomSampler(range(FILES), generator=torch.Generator().manual_seed(3))
        expected = list(RandomSampler(range(FILES), generator=torch.Generator().manual_seed(3)))
        sampler = penstock.HintedSampler(order, self.files.paths.__getitem__, ahead=40)
        self.assertEqual(len(sampler), FILES)
        read = []
        for indices, right in DataLoader(self.files, batch_size=16, sampler=sampler, num_workers=2):
            self.assertTrue(all(right))
            read += indices.tolist()
        self.assertEqual(read, expected)
        self.assertEqual(metric(self.mount, "penstock_hinted_names_total"), FILES)

    def test_each_rank_hints_its_own_files(self):
        for rank in range(2):
            own = DistributedSampler(self.files, num_replicas=2, rank=rank, seed=1)
            sampler = penstock.HintedSampler(own, self.files.paths.__getitem__)
            sampler.set_epoch(4)
            self.assertEqual(own.epoch, 4)
            self.assertEqual(list(sampler), list(own))
            self.assertEqual(metric(self.mount, "penstock_hinted_names_total"), (rank + 1) * FILES // 2)

    def test_batches_and_shards(self):
        batches = BatchSampler(range(FILES), 10, False)
        self.assertEqual(list(penstock.HintedBatchSampler(batches, self.files.paths.__getitem__)), list(batches))
        self.assertEqual(metric(self.mount, "penstock_hinted_names_total"), FILES)
        self.assertEqual(list(penstock.hinted(self.files.paths, ahead=3)), self.files.paths)
        self.assertEqual(metric(self.mount, "penstock_hinted_names_total"), 2 * FILES)


class Elsewhere(unittest.TestCase):
    def test_without_a_mount_nothing_happens(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(penstock.prefetch([folder + "/a", "/", "", b"\xff", None]), 0)
            paths = [os.path.join(folder, str(i)) for i in range(10)]
            for ahead in (0, 1, 3, 100):
                self.assertEqual(list(penstock.hinted(paths, ahead=ahead)), paths)
                self.assertEqual(list(penstock.HintedSampler(range(10), paths.__getitem__, ahead)), list(range(10)))

    def test_what_fails_is_not_hidden_and_hints_do_not_fail(self):
        def broken():
            yield 1
            raise RuntimeError("the sampler's")
        got = penstock.HintedSampler(broken(), lambda index: [][index])
        read = iter(got)
        self.assertEqual(next(read), 1)
        with self.assertRaisesRegex(RuntimeError, "the sampler's"):
            next(read)


if __name__ == "__main__":
    unittest.main()
