# SPDX-License-Identifier: Apache-2.0
"""pjdfstest: what each system call returns and changes. Its tests are shell scripts that print TAP."""
import concurrent.futures
import os
import re
import subprocess
import time

from conformance.servers import end_group

PLAN = re.compile(r"1\.\.(\d+)")
RESULT = re.compile(r"(not ok|ok) (\d+)(?:[ -]*)(.*)")
LIMIT = 900  # seconds for one file
AT_ONCE = 4  # the tests mostly sleep, for times to differ


def find_tests(folder, chosen):
    tests = sorted(str(path.relative_to(folder / "tests")) for path in (folder / "tests").rglob("*.t"))
    return [test for test in tests if not chosen or any(test == one or test.startswith(one + "/") for one in chosen)]


def shortened(text):
    """Without the random names, so that the same failure reads the same each time."""
    text = re.sub(r"pjdfstest_[0-9a-f]+", "NAME", text)
    return re.sub(r"(?:[0-9a-f]{60,}x?/?)+", lambda match: f"NAME[{len(match[0])}]", text)


def parse_tap(text):
    """{number: what went wrong, or None}; as prove counts: a failure that is announced as TODO is none, and what the plan
    promises must come."""
    plan, found = 0, {}
    for line in text.split("\n"):
        if match := PLAN.fullmatch(line.strip()):
            plan = int(match[1])
        elif match := RESULT.fullmatch(line.strip()):
            good = match[1] == "ok" or match[3].startswith("# TODO")
            found[int(match[2])] = None if good else shortened(match[3]) or "a condition of the test"
    for number in range(1, plan + 1):
        found.setdefault(number, "was not reached")
    return found or {1: "printed no plan"}


class Runner:
    """Runs the tests in folders of their own below the mount."""

    def __init__(self, folder, mount_path):
        self.tests = folder / "tests"
        self.mount_path = mount_path
        self.running = set()
        self.ending = False

    def run(self, tests):
        """Yields (test, results, seconds) as they end."""
        pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        try:
            for future in concurrent.futures.as_completed([pool.submit(self.run_one, test) for test in tests]):
                yield future.result()
        finally:
            self.ending = True
            for process in list(self.running):
                end_group(process)
            pool.shutdown(cancel_futures=True)

    def run_one(self, test):
        if self.ending:
            return test, {}, 0
        began = time.monotonic()
        work = os.path.join(self.mount_path, test.replace("/", "-"))
        os.mkdir(work)
        process = subprocess.Popen(["/bin/sh", self.tests / test], cwd=work, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                   start_new_session=True)
        self.running.add(process)
        try:
            text = process.communicate(timeout=LIMIT)[0]
        except subprocess.TimeoutExpired:
            end_group(process)
            text = process.communicate()[0]
        finally:
            self.running.discard(process)
        # What a test that failed half-way has left is of no interest to the others.
        subprocess.run(["rm", "-rf", work], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return test, parse_tap(text), time.monotonic() - began


def run(folder, options, chosen, show):
    """{(test, number): what went wrong, or None}"""
    from mounts import Mount  # it looks at the environment
    results = {}
    with Mount("--allow-other", "--attributes=full", *options) as mount:
        os.chmod(mount.folder, 0o755)  # ordinary users go through it
        for test, found, seconds in Runner(folder, mount.path).run(find_tests(folder, chosen)):
            failed = sum(wrong is not None for wrong in found.values())
            show(f"{test:24} {len(found) - failed:5} of {len(found):5} passed, {seconds:.0f} s")
            results.update({(test, number): wrong for number, wrong in found.items()})
    return results
