#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that know nothing of object storage, on a mount of a real server: with and without --write-back.

What a program made is looked at again after a remount, so it comes from the store.
"""
import os
import shutil
import sqlite3
import struct
import tempfile
import unittest
import zipfile

from mounts import ROOT, Mount
from shell import run

MIB = 1 << 20
TABLES = os.path.join(ROOT, "build", "servers", "tables", "bin", "python")  # see tests/real/tables


class Matrix:
    """The programs; what it is mixed into is the test and says with which options they run."""

    options = ()

    def setUp(self):
        self.local = tempfile.mkdtemp(prefix="penstock-local-")
        self.addCleanup(shutil.rmtree, self.local)
        context = Mount(*self.options)
        self.mount = context.__enter__()
        self.addCleanup(self._leave, context)

    def _leave(self, context):
        failed = not getattr(self._outcome, "success", True)
        context.__exit__(AssertionError if failed else None, None, None)

    def sh(self, command, limit=240):
        """`$L` is an empty local folder, `$M` the mount."""
        quiet = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
                 "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com", "HOME": self.local}
        return run(command, limit, env={**os.environ, **quiet, "L": self.local, "M": self.mount.path})

    def path(self, name):
        return os.path.join(self.mount.path, name)

    def make_tree(self):
        """$L/tree: kinds, modes, owners, times and extended attributes of many sorts."""
        self.sh('''
            mkdir -p "$L/tree/a/b" "$L/tree/empty" && cd "$L/tree"
            for i in $(seq 40); do echo "file $i" > "a/f$i"; done
            head -c 9000000 /dev/urandom > a/b/large
            chmod 0755 a/f7; chmod 0600 a/f8; chmod 02775 a/b; chmod 01777 empty
            chown 1000:1001 a/f9 a/b/large
            ln -s ../a/f7 a/b/link; ln -s /nowhere broken; mkfifo pipe; mknod null c 1 3
            printf 'x' > "$(printf 'a/odd \\303\\274 name')"
            touch -d "2001-02-03 04:05:06.789012345" a/f10 a/b empty a .''')

    def listing(self, root):
        """What `find` tells of a tree: type, mode, owner, size, time of files, target."""
        return self.sh(f'cd "{root}" && find . -mindepth 1 \\( -type f -printf "%P %y %m %U %G %s %T@\\n" '
                       '-o -type l -printf "%P %y %U %G %l\\n" -o -type d -printf "%P %y %m %U %G %T@\\n" '
                       '-o -printf "%P %y %m %U %G\\n" \\) | sort')

    def same_trees(self, name):
        self.mount.remount()
        self.sh(f'diff -r --no-dereference --exclude=pipe --exclude=null "$L/tree" "$M/{name}"')
        self.assertEqual(self.listing(self.path(name)), self.listing(os.path.join(self.local, "tree")))

    def test_cp_a(self):
        self.make_tree()
        self.sh('cp -a "$L/tree" "$M/copy"')
        self.same_trees("copy")

    def test_tar(self):
        self.make_tree()
        self.sh('setfattr -n user.color -v blue "$L/tree/a/f1" || true; '
                'tar -C "$L" --xattrs -cf "$M/t.tar" tree && mkdir "$M/out" && tar -C "$M/out" --xattrs -xpf "$M/t.tar"')
        self.same_trees("out/tree")

    def test_rsync_with_attributes_twice_copies_once(self):
        self.make_tree()
        self.sh('rsync -aX --devices --specials "$L/tree/" "$M/copy/"')
        self.same_trees("copy")
        again = self.sh('rsync -aXi --devices --specials "$L/tree/" "$M/copy/"')
        self.assertEqual(again, "")
        self.sh('rsync -aX --devices --specials "$M/copy/" "$L/back/"')
        self.assertEqual(self.listing(os.path.join(self.local, "back")),
                         self.listing(os.path.join(self.local, "tree")))

    def test_git_commits_clones_collects_and_checks(self):
        self.sh('''
            mkdir "$M/repo" && cd "$M/repo" && git init -q -b main .
            for i in $(seq 60); do echo "line $i" > "file$i"; done
            printf '#!/bin/sh\\n' > run.sh; chmod +x run.sh; ln -s file1 link
            git add -A && git commit -qm one
            sed -i 's/line/changed/' file1 file2 && git commit -qam two
            git checkout -qb side HEAD~1 && git mv file3 moved && git commit -qm side
            git checkout -q main && git merge -q side -m merged''', 400)
        self.mount.remount()
        status = self.sh('cd "$M/repo" && git fsck --strict 2>&1 && git status --porcelain')
        self.assertNotIn("error", status)
        self.assertNotRegex(status, r"(?m)^[ MADRCU?!]{2} ")
        self.sh('git clone -q "$M/repo" "$M/clone" && cd "$M/clone" && git gc -q --aggressive --prune=now && git fsck '
                '&& test -x run.sh && test -L link && test -f moved', 400)
        self.mount.remount()
        self.assertEqual(self.sh('cd "$M/clone" && git fsck --full && git status --porcelain'), "")
        self.sh('git clone -q --local "$M/repo" "$M/linked" && cd "$M/linked" && git fsck --strict')

    def test_sqlite(self):
        for journal in ("delete", "wal", "truncate"):
            path = self.path(f"{journal}.db")
            with self.subTest(journal=journal):
                database = sqlite3.connect(path, timeout=60)
                self.assertEqual(database.execute(f"pragma journal_mode={journal}").fetchone(), (journal,))
                database.execute("create table t(id integer primary key, text)")
                for start in range(0, 2000, 500):
                    with database:
                        database.executemany("insert into t values(?, ?)",
                                             [(i, "x" * (i % 700)) for i in range(start, start + 500)])
                with database:
                    database.execute("delete from t where id % 3 = 0")
                database.execute("vacuum")
                database.close()
        self.mount.remount()
        for journal in ("delete", "wal", "truncate"):
            database = sqlite3.connect(self.path(f"{journal}.db"))
            self.assertEqual(database.execute("pragma integrity_check").fetchone(), ("ok",))
            self.assertEqual(database.execute("select count(*), sum(length(text)) from t").fetchone(),
                             (1333, sum(i % 700 for i in range(2000) if i % 3)))
            database.close()

    def test_editors_and_make(self):
        self.sh('''
            cd "$M" && printf 'one\\ntwo\\n' > text && chmod 640 text
            sed -i 's/one/first/' text
            vim.tiny -es -u NONE -c 'set backup writebackup' -c '%s/two/second/' -c wq text
            perl -i.bak -pe 's/second/2nd/' text
            printf 'all: out\\nout: text\\n\\tcp text out\\n' > Makefile
            make -s && test "$(make)" = "make: Nothing to be done for 'all'."
            sleep 0.05; touch text; make -s; test out -nt Makefile''')
        self.mount.remount()
        self.assertEqual(self.sh('cat "$M/text" "$M/out"'), "first\n2nd\n" * 2)
        self.assertEqual(self.sh('stat -c %a "$M/text"'), "640\n")

    def test_pip_installs_and_python_runs_from_there(self):
        files = {"tiny/__init__.py": "def answer(): return 42\n",
                 "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
                 "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
        record = "".join(f"{name},,\n" for name in (*files, "tiny-1.0.dist-info/RECORD"))
        with zipfile.ZipFile(os.path.join(self.local, "tiny-1.0-py3-none-any.whl"), "w") as wheel:
            for name, text in {**files, "tiny-1.0.dist-info/RECORD": record}.items():
                wheel.writestr(name, text)
        self.sh('/usr/bin/python3 -m pip install -q --root-user-action=ignore --no-index --target "$M/site" "$L"/*.whl')
        self.mount.remount()
        self.assertEqual(self.sh('cd / && PYTHONPATH="$M/site" /usr/bin/python3 -c "import tiny; print(tiny.answer())"'), "42\n")

    def test_hdf5(self):
        self.sh('''/usr/bin/python3 - <<'END'
import os, h5py, numpy
path = os.environ["M"] + "/data.h5"
with h5py.File(path, "w") as file:
    file["features"] = numpy.arange(3_000_000, dtype="f4").reshape(3000, 1000)
    file.create_dataset("grown", (0, 8), maxshape=(None, 8), chunks=(1024, 8), compression="gzip")
for step in range(5):
    with h5py.File(path, "a") as file:
        grown = file["grown"]
        grown.resize(grown.shape[0] + 1000, axis=0)
        grown[-1000:] = step
        file["features"][step] = -1
END''')
        self.mount.remount()
        self.sh('''/usr/bin/python3 - <<'END'
import os, h5py, numpy
with h5py.File(os.environ["M"] + "/data.h5", "r") as file:
    assert (file["features"][:5] == -1).all() and file["features"][5, 0] == 5000
    assert (file["grown"][:, 0] == numpy.repeat(numpy.arange(5), 1000)).all()
END''')

    def tables(self, program):
        # Without the end of the interpreter, at which threads of Arrow that still run abort the process.
        self.sh(f"{TABLES} - <<'END'\nimport os\nM = os.environ['M']\n{program}\nos._exit(0)\nEND")

    def test_zarr(self):
        self.tables("""
import numpy, zarr
root = zarr.open_group(M + "/z", mode="w", attributes={"made": 1})
array = root.create_array("a", shape=(1000, 300), chunks=(100, 100), dtype="f4")
array[:] = numpy.arange(300_000, dtype="f4").reshape(1000, 300)
sub = root.create_group("sub")
sub.create_array("b", data=numpy.arange(10))
root.attrs["changed"] = 2
array[5] = -1""")
        self.mount.remount()
        self.tables("""
import numpy, zarr
root = zarr.open_group(M + "/z", mode="r+")
assert dict(root.attrs) == {"made": 1, "changed": 2}, dict(root.attrs)
assert (root["a"][5] == -1).all() and root["a"][6, 1] == 1801 and root["sub/b"][:].sum() == 45
del root["sub"]
assert list(root.group_keys()) == []
try:
    zarr.create_group(M + "/z", overwrite=False)
    raise AssertionError("a group was made twice")
except zarr.errors.ContainsGroupError:
    pass""")

    def test_lance(self):
        self.tables("""
import lance, pyarrow
table = lambda start: pyarrow.table({"id": range(start, start + 1000), "text": ["x" * 50] * 1000})
lance.write_dataset(table(0), M + "/l.lance")
for start in (1000, 2000):
    lance.write_dataset(table(start), M + "/l.lance", mode="append")
lance.dataset(M + "/l.lance").delete("id % 10 = 0")""")
        self.mount.remount()
        self.tables("""
import lance
data = lance.dataset(M + "/l.lance")
assert data.count_rows() == 2700 and data.version == 4, (data.count_rows(), data.version)
assert lance.dataset(M + "/l.lance", version=1).count_rows() == 1000
data.optimize.compact_files()
assert sorted(data.to_table()["id"].to_pylist()) == [i for i in range(3000) if i % 10]""")

    def test_delta_lake(self):
        self.tables("""
import pyarrow
from deltalake import DeltaTable, write_deltalake
from concurrent.futures import ThreadPoolExecutor
table = lambda start: pyarrow.table({"id": range(start, start + 1000), "text": ["x" * 50] * 1000})
write_deltalake(M + "/d", table(0))
append = lambda start: write_deltalake(M + "/d", table(start), mode="append")
with ThreadPoolExecutor() as together:
    list(together.map(append, (1000, 2000, 3000, 4000)))
DeltaTable(M + "/d").delete("id % 10 = 0")""")
        self.mount.remount()
        self.tables("""
from deltalake import DeltaTable
table = DeltaTable(M + "/d")
assert table.version() == 5, table.version()
assert sorted(table.to_pyarrow_table()["id"].to_pylist()) == [i for i in range(5000) if i % 10]
assert DeltaTable(M + "/d", version=0).to_pyarrow_table().num_rows == 1000
table.optimize.compact()
table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
table.create_checkpoint()
assert DeltaTable(M + "/d").to_pyarrow_table().num_rows == 4500""")

    def test_event_files_grow_record_by_record_while_another_reads(self):
        """As TensorBoard's writer: open once, append and flush; a reader follows the end."""
        path = self.path("events.out.tfevents")
        expected = b""
        with open(path, "ab") as events:
            for step in range(200):
                record = struct.pack("<Q", step) * 16
                events.write(record)
                events.flush()
                expected += record
                if step % 50 == 49:
                    os.fsync(events.fileno())
                    with open(path, "rb") as reader:
                        self.assertEqual(reader.read(), expected)
        self.mount.remount()
        with open(path, "rb") as reader:
            self.assertEqual(reader.read(), expected)

    def test_fio_verifies_what_it_wrote(self):
        for mode, size in (("write", 64), ("randwrite", 16)):
            for engine in ("psync", "mmap"):
                with self.subTest(mode=mode, engine=engine):
                    self.sh(f'cd "$M" && fio --name={mode}-{engine} --rw={mode} --ioengine={engine} --bs=16k '
                            f'--size={size}m --verify=crc32c --do_verify=1 --verify_fatal=1 --fsync_on_close=1 '
                            '--allow_mounted_write=1 --output="$L/fio.log" || { cat "$L/fio.log"; exit 1; }')

    def test_dbench(self):
        self.sh('dbench -D "$M" -t 5 -c "$(ls /usr/share/dbench/client.txt)" 2 > "$L/dbench.log" 2>&1 || '
                '{ tail -n 30 "$L/dbench.log"; exit 1; }')
        with open(os.path.join(self.local, "dbench.log"), encoding="utf-8", errors="replace") as log:
            text = log.read()
        self.assertIn("Throughput", text)
        self.assertNotRegex(text, r"(?m)^\[\d+\]")  # how a failed operation begins

    def test_locks_keep_processes_of_one_node_apart(self):
        self.sh('''
            cd "$M" && : > counter
            for i in $(seq 4); do
              ( for j in $(seq 10); do flock counter sh -c 'n=$(cat counter); echo $((n + 1)) > counter'; done ) &
            done
            wait
            test "$(cat counter)" = 40''')


class MatrixWriteBack(Matrix, unittest.TestCase):
    options = ("--write-back",)


class MatrixWriteThrough(Matrix, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main(verbosity=2)
