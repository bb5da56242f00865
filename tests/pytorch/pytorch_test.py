#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch on a mount of a real server: an image dataset read by several workers, a checkpoint saved and loaded again.

The environment names the program and the server, as for tests/real/mounts.py.
"""
import concurrent.futures
import gc
import hashlib
import inspect
import io
import mmap
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "real"))
from mounts import PENSTOCK, Mount  # noqa: E402

import numpy  # noqa: E402
import torch  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402
from torchvision import transforms  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402

DIGITS = os.path.join(ROOT, "scripts", "demo", "digits.py")
IMAGES = 1797


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(place, name), folder)
                  for place, _, names in os.walk(folder) for name in names)


def map_by_hand(path):
    """What torch.load(path, mmap=True) does, for a PyTorch that is older than that: tensors lie in the mapped file."""
    with open(path, "rb", 16384) as file, zipfile.ZipFile(file) as archive:
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        root = archive.namelist()[0].split("/")[0]
        begins = {}
        for entry in archive.infolist():
            lengths = os.pread(file.fileno(), 4, entry.header_offset + 26)
            begins[entry.filename] = entry.header_offset + 30 + sum(struct.unpack("<HH", lengths))

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, told):
                _, kind, key, _, count = told
                return torch.frombuffer(whole, dtype=kind(0).dtype, count=count,
                                        offset=begins[f"{root}/data/{key}"]).storage()

        return Unpickler(io.BytesIO(archive.read(f"{root}/data.pkl"))).load()


def bytes_got(mount):
    told = subprocess.run([PENSTOCK, "stats", "--prometheus", mount.path], check=True, capture_output=True, text=True).stdout
    return sum(float(line.split()[-1]) for line in told.splitlines()
               if line.startswith('penstock_store_bytes_total{request="get"}'))


def load_mapped(path):
    if "mmap" in inspect.signature(torch.load).parameters:
        return torch.load(path, mmap=True)
    return map_by_hand(path)


def copy(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(source, target)


class ImageDataset(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.source = tempfile.mkdtemp(prefix="penstock-digits-")
        cls.addClassCleanup(shutil.rmtree, cls.source)
        subprocess.run(["/usr/bin/python3", DIGITS, "write", cls.source], check=True, stdout=subprocess.DEVNULL)

    def loader(self, folder):
        images = ImageFolder(folder, transforms.Compose([transforms.Grayscale(), transforms.PILToTensor()]))
        return DataLoader(images, batch_size=100, num_workers=2)

    def test_every_image_comes_out_as_it_went_in(self):
        with Mount() as mount:
            names = files_below(self.source)
            self.assertEqual(len(names), IMAGES)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda name: copy(os.path.join(self.source, name), os.path.join(mount.path, name)), names))
            mount.remount()
            compared = 0
            for split in ("train", "test"):
                loaders = (self.loader(os.path.join(folder, split)) for folder in (self.source, mount.path))
                for (images, labels), (their_images, their_labels) in zip(*loaders, strict=True):
                    self.assertTrue(torch.equal(images, their_images))
                    self.assertTrue(torch.equal(labels, their_labels))
                    compared += len(labels)
            self.assertEqual(compared, IMAGES)
            mount.assert_mounted()
            self.assertEqual(mount.stored(), {name: os.path.getsize(os.path.join(self.source, name)) for name in names})

    def test_training_from_the_mount_learns(self):
        with Mount() as mount:
            for action in ("write", "train"):
                subprocess.run(["/usr/bin/python3", DIGITS, action, mount.path], check=True)
            mount.remount()
            subprocess.run(["/usr/bin/python3", DIGITS, "evaluate", mount.path], check=True)
            self.assertIn("checkpoints/digits.pt", mount.stored())
            self.assertNotIn("checkpoints/digits.pt.tmp", mount.stored())


class Checkpoint(unittest.TestCase):
    @staticmethod
    def state():
        torch.manual_seed(3)
        return {"step": 17, "weights": {f"layer{i}": torch.randn(1024, 1024 + i) for i in range(8)}}

    def assert_same(self, loaded, saved):
        self.assertEqual(loaded["step"], saved["step"])
        self.assertEqual(loaded["weights"].keys(), saved["weights"].keys())
        for name, tensor in saved["weights"].items():
            self.assertTrue(torch.equal(loaded["weights"][name], tensor), name)

    def test_saved_by_rename_is_in_the_store_and_loads_after_a_remount(self):
        saved = self.state()
        with Mount() as mount:
            path = os.path.join(mount.path, "run", "model.pt")
            os.mkdir(os.path.dirname(path))
            for step in (16, 17):  # the second takes the first one's place
                saved["step"] = step
                with open(path + ".tmp", "wb") as file:
                    torch.save(saved, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(path + ".tmp", path)
                self.assertEqual(mount.stored(), {"run/model.pt": os.path.getsize(path)})
            self.assert_same(torch.load(path), saved)
            mount.remount()
            self.assert_same(torch.load(path), saved)
            mount.assert_mounted()
            with open(path, "rb") as file:
                self.assertEqual(hashlib.sha256(mount.stored_bytes("run/model.pt")).digest(),
                                 hashlib.sha256(file.read()).digest())

    def test_saved_to_a_path_directly_and_mapped_into_memory(self):
        saved = self.state()
        with Mount() as mount:
            torch.save(saved, os.path.join(mount.path, "direct.pt"))
            array = saved["weights"]["layer3"].numpy()
            numpy.save(os.path.join(mount.path, "features.npy"), array)
            mount.remount()
            self.assert_same(torch.load(os.path.join(mount.path, "direct.pt")), saved)
            mapped = numpy.load(os.path.join(mount.path, "features.npy"), mmap_mode="r")
            rows = numpy.random.default_rng(5).permutation(len(array))[:200]
            self.assertTrue(numpy.array_equal(mapped[rows], array[rows]))
            mount.assert_mounted()
            del mapped

    def test_mapped_as_a_whole_and_read_in_part(self):
        saved = self.state()
        with Mount() as mount:
            for name in ("first.pt", "second.pt"):
                torch.save(saved, os.path.join(mount.path, name))
            mount.remount()
            self.assert_same(load_mapped(os.path.join(mount.path, "first.pt")), saved)
            second = os.path.join(mount.path, "second.pt")
            before = bytes_got(mount)
            loaded = load_mapped(second)
            # Both ends of the file, and a granule for each tensor: no read-ahead was begun.
            self.assertLessEqual(bytes_got(mount) - before, 1 << 20)
            self.assertTrue(torch.equal(loaded["weights"]["layer5"], saved["weights"]["layer5"]))
            self.assert_same(loaded, saved)
            self.assertLessEqual(bytes_got(mount) - before, os.path.getsize(second) + (1 << 20))
            mount.assert_mounted()
            del loaded
            gc.collect()


if __name__ == "__main__":
    unittest.main()
