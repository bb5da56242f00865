#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files of known formats, read by the libraries that are made for them, on a mount of a real server.

Every value is compared with what the same library reads of the local file. Runs itself with the libraries that
tests/real/formats installs.
"""
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import urllib.request
import zipfile

from mounts import PENSTOCK, ROOT, Mount, wait_until

LIBRARIES = os.path.join(ROOT, "build", "servers", "formats", "bin", "python")
if os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, "build", "servers", "formats")):
    os.execv(LIBRARIES, [LIBRARIES, *sys.argv])

import gguf  # noqa: E402
import h5py  # noqa: E402
import numpy  # noqa: E402
import pyarrow  # noqa: E402
import pyarrow.feather  # noqa: E402
import pyarrow.parquet  # noqa: E402
import safetensors  # noqa: E402
import safetensors.numpy  # noqa: E402
import webdataset  # noqa: E402

MIB = 1 << 20
COLUMNS = 40
ROWS = MIB // 8  # a column is 1 MiB


def arrays(seed, count=COLUMNS):
    chance = numpy.random.default_rng(seed)
    return {f"c{i:02}": chance.integers(0, 1 << 62, ROWS) for i in range(count)}


class Formats(unittest.TestCase):
    def setUp(self):
        self.local = tempfile.mkdtemp(prefix="penstock-local-")
        self.addCleanup(shutil.rmtree, self.local)
        self.mount = self.enterContext(Mount())

    def names(self, *names):
        return [os.path.join(self.local, name) for name in names]

    def store(self):
        """What lies in the local folder is in the mount, and nothing of it in a cache."""
        for name in os.listdir(self.local):
            shutil.copyfile(os.path.join(self.local, name), self.remote(name))
        self.mount.remount()

    def remote(self, path):
        return os.path.join(self.mount.path, os.path.basename(path))

    def in_flight(self):
        told = subprocess.run([PENSTOCK, "stats", "--prometheus", self.mount.path], check=True, capture_output=True,
                              text=True).stdout
        lines = [line for line in told.splitlines() if line.startswith("penstock_store_requests_in_flight")]
        self.assertTrue(lines, told)
        return sum(float(line.split()[-1]) for line in lines)

    def answered(self):
        """(bytes, GETs) as the server counts them, which has no other client; when what was begun has ended."""
        wait_until(lambda: self.in_flight() == 0, 60, "requests to end")
        with urllib.request.urlopen(f"http://{self.mount.client.host}/-/stats", timeout=60) as answer:
            stats = json.load(answer)
        return stats["bytes_out"], stats["requests"].get("GetObject", 0)

    @contextlib.contextmanager
    def at_most(self, mebibytes, gets):
        """What is read inside has the server send no more than that."""
        before = self.answered()
        yield
        sent, asked = (now - then for now, then in zip(self.answered(), before))
        self.assertLessEqual(sent, mebibytes * MIB)
        self.assertLessEqual(asked, gets)

    def test_parquet_columns(self):
        paths = self.names("a.parquet", "b.parquet")
        for seed, path in enumerate(paths):
            pyarrow.parquet.write_table(pyarrow.table(arrays(seed)), path, compression="none", use_dictionary=False)
        self.store()
        wanted = [f"c{i:02}" for i in range(1, COLUMNS, 4)]
        for path in paths:
            # Ten columns of 1 MiB and a little; the second time they are in the cache.
            for early, most in ((True, (30, 50)), (False, (0.01, 0))):
                with self.at_most(*most):
                    read = pyarrow.parquet.read_table(self.remote(path), columns=wanted, pre_buffer=early)
                self.assertTrue(read.equals(pyarrow.parquet.read_table(path, columns=wanted)))
        with self.at_most(30, 60):
            read = pyarrow.parquet.read_table(self.remote(paths[0]))
        self.assertTrue(read.equals(pyarrow.parquet.read_table(paths[0])))

    def test_parquet_footers(self):
        """A footer of any size is one request."""
        paths = self.names("a.parquet", "b.parquet")
        for seed, path in enumerate(paths):
            pyarrow.parquet.write_table(pyarrow.table(arrays(seed)), path, compression="none", use_dictionary=False)
        self.store()
        for path in paths:
            with self.at_most(1, 1):
                footer = pyarrow.parquet.read_metadata(self.remote(path))
            self.assertEqual(footer, pyarrow.parquet.read_metadata(path))

    def test_arrow(self):
        paths = self.names("a.arrow", "b.arrow")
        for seed, path in enumerate(paths):
            pyarrow.feather.write_feather(pyarrow.table(arrays(seed)), path, compression="uncompressed")
        self.store()
        # The first one is taken for a file that is read from its start on.
        for path, most in zip(paths, ((8, 16), (3, 8))):
            with self.at_most(*most):
                read = pyarrow.feather.read_table(self.remote(path), columns=["c20"])
            self.assertTrue(read.equals(pyarrow.feather.read_table(path, columns=["c20"])))
            with pyarrow.memory_map(self.remote(path)) as file:
                self.assertTrue(pyarrow.ipc.open_file(file).read_all().equals(pyarrow.feather.read_table(path)))

    def test_hdf5(self):
        paths = self.names("a.h5", "b.h5")
        for seed, path in enumerate(paths):
            with h5py.File(path, "w") as file:
                for name, values in arrays(seed).items():
                    file.create_dataset(f"group/{name}", data=values, chunks=(ROWS // 16,))
        self.store()
        for seed, path in enumerate(paths):
            with self.at_most(30, 80), h5py.File(self.remote(path), "r") as file:
                self.assertEqual(sorted(file["group"]), sorted(arrays(seed)))
                self.assertTrue(numpy.array_equal(file["group"]["c20"][...], arrays(seed)["c20"]))
            with self.at_most(COLUMNS + 2, 120), h5py.File(self.remote(path), "r") as file:
                for name, values in arrays(seed).items():
                    self.assertTrue(numpy.array_equal(file["group"][name][...], values))

    def test_npz_and_zip(self):
        paths = self.names("a.npz", "b.npz")
        for seed, path in enumerate(paths):
            numpy.savez(path, **arrays(seed))
        self.store()
        for seed, (path, most) in enumerate(zip(paths, ((COLUMNS, 80), (4, 6)))):
            with self.at_most(*most):
                file = self.enterContext(numpy.load(self.remote(path)))
                self.assertEqual(file.files, list(arrays(seed)))
            with self.at_most(COLUMNS, 80):
                for name in ("c30", "c10", "c20"):
                    self.assertTrue(numpy.array_equal(file[name], arrays(seed)[name]))
            with zipfile.ZipFile(self.remote(path)) as file:
                self.assertIsNone(file.testzip())

    def test_safetensors(self):
        path, = self.names("a.safetensors")
        safetensors.numpy.save_file(arrays(1), path)
        self.store()
        with self.at_most(COLUMNS + 2, 120), safetensors.safe_open(self.remote(path), framework="numpy") as file:
            for name in reversed(list(file.keys())):
                self.assertTrue(numpy.array_equal(file.get_tensor(name), arrays(1)[name]))
        self.mount.remount()
        with self.at_most(COLUMNS + 2, 120):
            loaded = safetensors.numpy.load_file(self.remote(path))
        self.assertTrue(all(numpy.array_equal(loaded[name], values) for name, values in arrays(1).items()))

    def test_gguf(self):
        path, = self.names("a.gguf")
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_name("a model")
        for name, values in arrays(1).items():
            writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        self.store()
        with self.at_most(COLUMNS + 2, 120):
            read = gguf.GGUFReader(self.remote(path))
            self.assertEqual(read.get_field("general.name").contents(), "a model")
            expected = arrays(1)
            for tensor in read.tensors:
                self.assertTrue(numpy.array_equal(tensor.data, expected[tensor.name]), tensor.name)
        self.assertEqual({tensor.name for tensor in read.tensors}, set(arrays(1)))
        del read, tensor

    def test_shards(self):
        paths = self.names(*(f"shard-{i:06}.tar" for i in range(3)))
        for seed, path in enumerate(paths):
            with tarfile.open(path, "w") as shard:
                for name, values in arrays(seed, 12).items():
                    entry = tarfile.TarInfo(f"{seed}{name}.bin")
                    entry.size = values.nbytes
                    shard.addfile(entry, io.BytesIO(values.tobytes()))
        self.store()
        with self.at_most(3 * 12 + 1, 120):
            read = {one["__key__"]: one["bin"] for one in webdataset.WebDataset([self.remote(path) for path in paths],
                                                                                shardshuffle=False)}
        self.assertEqual(read, {f"{seed}{name}": values.tobytes()
                                for seed in range(3) for name, values in arrays(seed, 12).items()})

    def test_contents_that_lie(self):
        """After a Parquet file one of the same name whose footer is absurd, and one that is no Parquet file at all."""
        good, absurd, none = self.names("a.parquet", "b.parquet", "c.parquet")
        pyarrow.parquet.write_table(pyarrow.table(arrays(1, 8)), good, compression="none")
        chance = numpy.random.default_rng(1)
        with open(absurd, "wb") as file:
            file.write(b"PAR1" + chance.bytes(6 * MIB) + b"\xff\xff\xff\x7fPAR1")
        with open(none, "wb") as file:
            file.write(chance.bytes(6 * MIB))
        self.store()
        self.assertTrue(pyarrow.parquet.read_table(self.remote(good)).equals(pyarrow.parquet.read_table(good)))
        for path in (absurd, none):
            with self.assertRaises(pyarrow.ArrowInvalid):
                pyarrow.parquet.read_table(self.remote(path))
            with open(path, "rb") as local, open(self.remote(path), "rb") as remote:
                self.assertEqual(local.read(), remote.read())

    def test_a_file_that_is_replaced(self):
        """Each open sees one version, whole: also where it became shorter, and another format."""
        path, = self.names("a.parquet")
        pyarrow.parquet.write_table(pyarrow.table(arrays(1, 8)), path, compression="none")
        self.store()
        with Mount(url=self.mount.url) as other:
            with open(os.path.join(other.path, "a.parquet"), "rb") as file:
                self.assertEqual(file.read(4), b"PAR1")
            pyarrow.parquet.write_table(pyarrow.table(arrays(2, 4)), path, compression="none")
            shutil.copyfile(path, self.remote(path))
            shutil.copyfile(path, self.remote("b.parquet"))
            for name in ("a.parquet", "b.parquet"):
                self.assertTrue(pyarrow.parquet.read_table(self.remote(name)).equals(pyarrow.parquet.read_table(path)))
            self.assertTrue(pyarrow.parquet.read_table(os.path.join(other.path, "b.parquet")).equals(
                pyarrow.parquet.read_table(path)))


if __name__ == "__main__":
    unittest.main()
