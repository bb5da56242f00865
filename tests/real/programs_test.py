#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Everyday programs on a mount of a real server: what they write there equals what they write on a local disk."""
import os
import random
import shutil
import subprocess
import tempfile
import unittest

from mounts import Mount
from shell import run

MIB = 1 << 20
FILES = {
    "empty": 0, "one": 1, "page": 4096, "odd.bin": 100_003, "put limit": 8 * MIB, "parts.bin": 21 * MIB + 7,
    "deep/er/and deeper/ü+%41 ~.txt": 1234, "deep/second": 65_537, "deep/.hidden": 3,
}


class Programs(unittest.TestCase):
    def setUp(self):
        self.local = tempfile.mkdtemp(prefix="penstock-local-")
        self.addCleanup(shutil.rmtree, self.local)
        self.source = os.path.join(self.local, "source")
        generator = random.Random(7)
        for name, size in FILES.items():
            path = os.path.join(self.source, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(generator.randbytes(size))
        context = Mount()
        self.mount = context.__enter__()
        self.addCleanup(self._leave, context)

    def _leave(self, context):
        outcome = self._outcome
        failed = not getattr(outcome, "success", True)
        context.__exit__(AssertionError if failed else None, None, None)

    def sh(self, command):
        """`$S` is a local tree of files, `$L` an empty local folder beside it, `$M` the mount."""
        return run(command, env={**os.environ, "S": self.source, "L": self.local, "M": self.mount.path})

    def test_copied_tree_is_equal_after_a_remount_and_in_the_store(self):
        self.sh('cp -r "$S" "$M/copy" && diff -r "$S" "$M/copy"')
        self.mount.remount()
        self.sh('diff -r "$S" "$M/copy"')
        self.assertEqual(self.mount.stored(), {"copy/" + name: size for name, size in FILES.items()})
        for name in FILES:
            with open(os.path.join(self.source, name), "rb") as file:
                self.assertEqual(self.mount.stored_bytes("copy/" + name), file.read(), name)

    def test_cp_p_keeps_modes_and_times(self):
        self.sh('chmod 640 "$S/page" && chmod 755 "$S/one" && touch -d "2020-02-02 02:02:02.5 UTC" "$S/page"'
                ' && cp -rp "$S" "$M/kept"')
        self.mount.remount()
        form = "-printf '%P %y %m %s %T@\\n'"
        local = self.sh(f'cd "$S" && find . -type f {form} | sort')
        self.assertEqual(self.sh(f'cd "$M/kept" && find . -type f {form} | sort'), local)

    def test_tar_writes_and_reads_archives_and_trees(self):
        self.sh('tar -C "$S" -cf "$M/all.tar" . && mkdir "$M/out" && tar -C "$M/out" -xf "$M/all.tar"')
        self.mount.remount()
        self.sh('diff -r "$S" "$M/out" && tar -C "$S" -df "$M/all.tar" && tar -C "$M/out" -cf - . | tar -C "$S" -df -')

    def test_dd_writes_blocks_that_fit_nothing(self):
        self.sh('dd if="$S/parts.bin" of="$M/a" bs=100003 status=none conv=fsync && cmp "$S/parts.bin" "$M/a"')
        self.sh('dd if="$M/a" of="$L/part" bs=4097 skip=2000 count=300 status=none &&'
                ' dd if="$S/parts.bin" bs=4097 skip=2000 count=300 status=none | cmp - "$L/part"')
        self.assertEqual(self.mount.stored(), {"a": FILES["parts.bin"]})

    def test_dd_changes_the_middle_of_a_stored_file(self):
        change = 'dd if="$S/odd.bin" of="{}" bs=1000 seek=9000 conv=notrunc status=none'
        self.sh('cp "$S/parts.bin" "$L/x" && cp "$S/parts.bin" "$M/x"')
        self.mount.remount()
        self.sh(change.format("$L/x") + " && " + change.format("$M/x") + ' && cmp "$L/x" "$M/x"')
        self.mount.remount()
        self.sh('cmp "$L/x" "$M/x"')

    def test_appending_goes_on_where_the_file_ends(self):
        self.sh('for i in 1 2 3; do echo "line $i" >>"$L/log"; echo "line $i" >>"$M/log"; done && cmp "$L/log" "$M/log"')
        self.sh('cat "$S/odd.bin" >>"$L/log" && cat "$S/odd.bin" >>"$M/log" && cmp "$L/log" "$M/log"')

    def test_shrinking_and_growing_by_truncate(self):
        self.sh('for d in "$L" "$M"; do cp "$S/odd.bin" "$d/t" && truncate -s 5000 "$d/t" && truncate -s 70000 "$d/t";'
                ' done && cmp "$L/t" "$M/t"')

    def test_files_cut_off_while_they_are_written(self):
        contents = random.Random(8).randbytes(72 * MIB)
        for size in (64 * MIB, 40 * MIB + 5, 9 * MIB, 5):
            path = os.path.join(self.mount.path, f"cut {size}")
            with open(path, "wb", buffering=0) as file:
                file.write(contents)
                file.truncate(size)
                file.seek(0, os.SEEK_END)
                file.write(b"the end")
            with open(path, "rb") as file:
                self.assertTrue(file.read() == contents[:size] + b"the end", path)
            self.assertTrue(self.mount.stored_bytes(f"cut {size}") == contents[:size] + b"the end", path)

    def test_edits_of_files_whose_names_are_alike(self):
        names = ("a b", "a%20b", "q?a b", "q?a+b")
        for name in names:
            self.sh(f'(cat "$S/parts.bin"; echo "{name}") >"$M/{name}" && cp "$M/{name}" "$L/{name}"')
        self.mount.remount()
        for name in names:
            self.sh(f'for d in "$M" "$L"; do'
                    f' printf edited | dd of="$d/{name}" bs=1 seek=9000000 conv=notrunc status=none; done')
        self.mount.remount()
        for name in names:
            self.sh(f'cmp "$M/{name}" "$L/{name}"')

    def test_reading_programs_see_the_same(self):
        self.sh('cp -r "$S" "$M/tree"')
        self.mount.remount()
        for command in ("find . -type f -printf '%P %s\\n' | sort", "find . -type d | sort", "md5sum one page odd.bin deep/*d",
                        "cat odd.bin page | wc -c", "wc -c odd.bin page one", "tail -c 100 parts.bin | md5sum",
                        "head -c 5000 parts.bin | md5sum", "grep -c '' odd.bin", "ls -A deep", "du -b one page"):
            with self.subTest(command):
                self.assertEqual(self.sh(f'cd "$M/tree" && {command}'), self.sh(f'cd "$S" && {command}'))

    def test_moves_and_removals_show_in_the_store(self):
        self.sh('cp -r "$S" "$M/a" && mv "$M/a/one" "$M/a/two" && mv "$M/a" "$M/b" && cp "$S/page" "$M/new"'
                ' && mv "$M/new" "$M/b/page" && rm "$M/b/empty"')
        self.mount.remount()
        self.sh('cp -r "$S" "$L/b" && mv "$L/b/one" "$L/b/two" && rm "$L/b/empty" && diff -r "$L/b" "$M/b"')
        self.sh('rm -r "$M/b/deep" && mkdir "$M/void" && rmdir "$M/void" && [[ ! -e $M/void ]]')
        self.assertEqual(sorted(self.mount.stored()), ["b/odd.bin", "b/page", "b/parts.bin", "b/put limit", "b/two"])

    def test_errors_are_those_of_a_local_disk(self):
        self.sh('mkdir "$L/e" "$M/e" && echo 1 >"$L/e/f" && echo 1 >"$M/e/f"')
        for command in ("cat none", "rmdir e", "mkdir e", "cat e", "ls e/f/g", "mv none other", "rm e"):
            with self.subTest(command):
                messages = [subprocess.run(["bash", "-c", f"LC_ALL=C {command}"], cwd=place, capture_output=True,
                                           text=True, check=False) for place in (self.local, self.mount.path)]
                self.assertNotEqual(messages[0].returncode, 0)
                self.assertEqual(messages[1].stderr, messages[0].stderr)

    def test_what_others_store_is_seen(self):
        self.mount.client.put(self.mount.prefix + "theirs/by hand", b"from outside")
        self.assertEqual(self.sh('cat "$M/theirs/by hand"'), "from outside")
        self.assertEqual(self.sh('ls "$M"'), "theirs\n")


if __name__ == "__main__":
    unittest.main()
