#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that the steps of scripts/test all run, side by side, and that nothing of them outlives the runner."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
RUNNER = os.path.join(ROOT, "scripts", "lib", "run_steps.py")
PATIENCE = 30

# A step runs the script that is named after it. What it is swept for is written down.
COMMAND = """case $1 in
  --body) . "./$2.sh" ;;
  --sweep) echo "$2" >>swept ;;
esac
"""


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Steps(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.write("command", COMMAND)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def start(self, table, scripts, patience=PATIENCE):
        for name, text in scripts.items():
            self.write(name + ".sh", text)
        runner = subprocess.Popen([sys.executable, RUNNER, "--logs", self.folder, "--patience", str(patience), "bash",
                                   self.path("command")], cwd=self.folder, text=True, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(runner.wait)
        self.addCleanup(runner.kill)
        runner.stdin.write(table)
        runner.stdin.close()
        runner.stdin = None
        return runner

    def run_steps(self, table, scripts, **settings):
        """(status, what it printed)"""
        runner = self.start(table, scripts, **settings)
        said, _ = runner.communicate()
        return runner.returncode, said

    def wait_for_file(self, name):
        deadline = time.monotonic() + 60
        while not (os.path.exists(self.path(name)) and self.read(name)):
            self.assertLess(time.monotonic(), deadline, name)
            time.sleep(0.02)
        return self.read(name).strip()

    def assert_gone(self, pid):
        self.assertFalse(alive(pid), f"{pid} still runs")

    def test_lanes_run_side_by_side_and_what_is_needed_comes_first(self):
        wait = "until [[ -e {0} ]]; do sleep 0.02; done\n"
        status, said = self.run_steps(
            "first run 60 - the first\nother build 60 - beside it\nlast run 60 first,other the last\n",
            {"first": "touch one\n" + wait.format("two") + "echo 'All tests passed (3 assertions in 2 test cases)'\n",
             "other": "touch two\n" + wait.format("one"), "last": "[[ -e one && -e two ]] && touch three\n"})
        self.assertEqual(status, 0, said)
        self.assertTrue(os.path.exists(self.path("three")))
        self.assertEqual(said.splitlines()[-1], "4 passed, 0 failed")

    def test_a_failure_counts_is_explained_and_stops_nothing(self):
        status, said = self.run_steps(
            "bad run 60 - fails\nworse build 60 - fails\ngood run 60 bad,worse succeeds\n",
            {"bad": "echo 'x.cc:1: error: why'; exit 3\n", "worse": "kill -SEGV $$\n", "good": "touch ran\n"})
        self.assertEqual(status, 1, said)
        self.assertTrue(os.path.exists(self.path("ran")))
        self.assertIn("failed: bad", said)
        self.assertIn("error: why", said)
        self.assertEqual(said.splitlines()[-1], "1 passed, 2 failed")

    def test_a_failed_test_fails_a_step_that_says_nothing_of_it(self):
        status, said = self.run_steps("a run 60 - title\n", {"a": "echo 'test cases: 3 | 2 passed | 1 failed'\n"})
        self.assertEqual(status, 1, said)
        self.assertEqual(said.splitlines()[-1], "2 passed, 1 failed")

    def test_a_step_ends_at_its_limit_with_all_that_it_started(self):
        status, said = self.run_steps(
            "hangs run 1 - hangs\nnext run 60 hangs goes on\n",
            {"hangs": "trap '' TERM; sleep 600 & echo $! >child; while :; do sleep 600; done\n", "next": "true\n"},
            patience=0.2)
        self.assertEqual(status, 1, said)
        self.assertIn("stopped at its limit of 1 s", said)
        self.assertEqual(said.splitlines()[-1], "1 passed, 1 failed")
        self.assert_gone(self.wait_for_file("child"))

    def test_what_a_step_left_running_is_ended(self):
        status, said = self.run_steps("leaves run 60 - leaves\n", {"leaves": "sleep 600 & echo $! >child\n"})
        self.assertEqual(status, 0, said)
        self.assert_gone(self.wait_for_file("child"))

    def test_each_step_is_swept_in_the_folder_of_its_lane(self):
        status, said = self.run_steps(
            "a run 60 - title\nb build 60 - title\n",
            {"a": "echo \"$PENSTOCK_TEST_WORK\" >a.work\n", "b": "echo \"$PENSTOCK_TEST_WORK\" >b.work\n"})
        self.assertEqual(status, 0, said)
        works = sorted([self.read("a.work").strip(), self.read("b.work").strip()])
        self.assertEqual(sorted(self.read("swept").split()), works)
        self.assertNotEqual(*works)
        for work in works:
            self.assertFalse(os.path.exists(work))

    def test_a_signal_ends_everything(self):
        sleeper = "sleep 600 & echo $! >{0}; wait\n"
        runner = self.start("a run 600 - title\nb build 600 - title\nc run 600 a title\n",
                            {"a": sleeper.format("one"), "b": sleeper.format("two"), "c": "touch three\n"})
        children = [self.wait_for_file("one"), self.wait_for_file("two")]
        runner.send_signal(signal.SIGTERM)
        said, _ = runner.communicate(timeout=60)
        self.assertEqual(runner.returncode, 128 + signal.SIGTERM, said)
        for child in children:
            self.assert_gone(child)
        self.assertEqual(len(self.read("swept").split()), 2)
        self.assertFalse(os.path.exists(self.path("three")))
        self.assertNotRegex(said, r"\d+ passed, 0 failed")

    def test_the_steps_of_the_test_command_can_all_run(self):
        table = subprocess.run(["bash", "-c", "source scripts/lib/test_steps.sh; printf '%s\\n' \"${STEPS[@]}\""],
                               cwd=ROOT, check=True, capture_output=True, text=True).stdout
        names = [line.split()[0] for line in table.splitlines()]
        status, said = self.run_steps(table, {name: "true\n" for name in names})
        self.assertEqual(status, 0, said)
        self.assertEqual(said.splitlines()[-1], f"{len(names)} passed, 0 failed")
        with open(os.path.join(ROOT, "scripts", "lib", "test_steps.sh"), encoding="utf-8") as file:
            functions = set(re.findall(r"^step_(\w+)\(\)", file.read(), re.MULTILINE))
        self.assertEqual(functions, {name.replace("-", "_") for name in names})
        for line in table.splitlines():
            after = line.split()[3]
            self.assertTrue(after == "-" or set(after.split(",")) <= set(names), line)

    def test_steps_that_wait_for_each_other_are_a_failure(self):
        status, said = self.run_steps("a run 60 b title\nb run 60 a title\n", {"a": "true\n", "b": "true\n"})
        self.assertEqual(status, 1, said)
        self.assertIn("wait for each other", said)


if __name__ == "__main__":
    unittest.main()
