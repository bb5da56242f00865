#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks at `penstock status --watch` in a terminal of tmux: watch_test.py PENSTOCK [unittest arguments]."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

import cli_test


class Watch(cli_test.MountCase):
    def setUp(self):
        super().setUp()
        self.server = ["tmux", "-S", str(self.base / "tmux"), "-f", "/dev/null"]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "PS1": "$ ", "ENV": ""}
        # Tall, for the mounts of other tests are shown, too; and wide, for folders of tests have long names.
        self.tmux("new-session", "-d", "-x", "400", "-y", "600", "sh", env=environment)

    def tearDown(self):
        self.tmux("kill-server")
        try:
            if self.mounted():
                self.penstock("umount", self.mnt)
        finally:
            super().tearDown()

    def tmux(self, *arguments, **more):
        return subprocess.run([*self.server, *arguments], check=True, capture_output=True, text=True,
                              timeout=cli_test.WAIT_S, **more).stdout

    def pane(self):
        return self.tmux("capture-pane", "-p")

    def watch(self):
        self.tmux("send-keys", f"echo before; {cli_test.PENSTOCK} status --watch; echo status $?", "Enter")
        self.until(r"^penstock status --watch ")

    def until(self, pattern):
        cli_test.wait_until(lambda: re.search(pattern, self.pane(), re.MULTILINE), f"{pattern} in\n{self.pane()}")

    def own(self):
        """What is shown of the mount of this test."""
        blocks = [block for block in self.pane().split("\n\n") if f" at {self.mnt}" in block.split("\n")[0]]
        return blocks[0] if blocks else ""

    def test_what_a_mount_does_is_shown_while_it_does_it(self):
        self.mount()
        self.watch()
        cli_test.wait_until(lambda: "programs  " in self.own(), "rates are shown")
        self.assertIn(f"file://{self.store} at {self.mnt}", self.own())

        def busy():
            (self.mnt / "new").write_bytes(b"x" * 3_000_000)
            (self.mnt / "dir" / "file").read_bytes()
            return re.search(r"^programs +[1-9]\d* operations/s, read .*, write [\d.]+MiB/s", self.own(), re.MULTILINE)
        cli_test.wait_until(busy, "the writes are seen")
        cli_test.wait_until(lambda: busy() and re.search(r"^(?:store| ) +put \d", self.own(), re.MULTILINE),
                            "the requests are seen")
        with open(self.mnt / "open", "wb") as file:
            file.write(b"x" * 70_000)
            file.flush()
            cli_test.wait_until(lambda: "1 (68KiB) not stored" in self.own(), "the open file is seen")
        # And once it is idle, the rates fall.
        cli_test.wait_until(lambda: "store     no requests" in self.own(), "nothing happens any more")

    def test_ctrl_c_gives_the_terminal_back_as_it_was(self):
        self.watch()
        self.assertNotIn("before\n", self.pane())
        self.tmux("send-keys", "C-c")
        self.until(r"^status 0$")
        self.assertIn("before\n", self.pane())
        self.assertNotIn("Ctrl-C ends it", self.pane())
        self.assertEqual(self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}"), "0 1\n")

    def test_a_small_terminal_shows_what_has_room(self):
        self.mount()
        self.tmux("resize-window", "-x", "30", "-y", "8")
        self.watch()
        # The second line is empty: the first one does not go on there.
        cli_test.wait_until(lambda: [len(line) for line in self.pane().split("\n")[:2]] == [30, 0],
                            f"the first line is cut in\n{self.pane()}")
        self.tmux("resize-window", "-x", "100", "-y", "30")
        self.until(r"^penstock status --watch .*Ctrl-C ends it$")

    def test_without_a_terminal_it_says_what_to_use_instead(self):
        self.assert_fails(self.penstock("status", "--watch"), "--watch needs a terminal", "penstock stats --json")
        self.assert_fails(self.penstock("status", "--watch", "--json"), "--watch and --json contradict each other")


if __name__ == "__main__":
    cli_test.PENSTOCK = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
