# SPDX-License-Identifier: Apache-2.0
"""The tests of xfstests that are for every file system and quick, on two prefixes of the bucket.

It runs in mount and process-id namespaces of its own: when its first process ends, so do all others, and every mount goes.
A test that hangs is ended that way, and the rest goes on in fresh ones.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import uuid

from conformance.servers import ROOT, end_group


def can_raise_limits():
    """CAP_SYS_RESOURCE, number 24"""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return bool(int(re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)[1], 16) >> 24 & 1)


HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 900  # seconds for one test
BEGIN = re.compile(r"(generic/\d+)\s")
PASSED = re.compile(r"(?:\d+s \.\.\. *)?\d+s")
# What cannot be judged in such surroundings.
UNSUITABLE = {
    "generic/308": "writes at 16 TiB: holes take their size in a bucket",
    "generic/490": "makes holes of many GiB: holes take their size in a bucket",
    "generic/504": "looks for the lock of a process that has ended, which process-id namespaces hide",
    "generic/564": "copies to the end of the largest file: holes take their size in a bucket",
}
if not can_raise_limits():
    UNSUITABLE["generic/394"] = "raises a hard limit, which root may not do on this machine"
CONFIG = """\
export FSTYP=fuse FUSE_SUBTYP=.penstock
export TEST_DEV={url}test/ TEST_DIR={work}/test
export SCRATCH_DEV={url}scratch/ SCRATCH_MNT={work}/scratch
export RESULT_BASE={results}
export MOUNT_OPTIONS="-o {options}" TEST_FS_MOUNT_OPTS="-o {options}"
export DF_PROG="{work}/df -T -P"
# It copies far behind the end of a file, by up to 1,024 preferred blocks: a GiB here.
export FSSTRESS_AVOID="-f copyrange=0 -f splice=0"
"""


def find_tests(folder, chosen):
    """The group "quick" of tests/generic, or what was chosen."""
    tests = []
    for line in (folder / "tests" / "generic" / "group.list").read_text(encoding="utf-8").split("\n"):
        number, *groups = line.split() or [""]
        if number.isdigit() and (f"generic/{number}" in chosen if chosen else "quick" in groups):
            tests.append(f"generic/{number}")
    return tests


class Outcomes:
    """What `check` prints, line by line."""

    def __init__(self):
        self.failed = {}   # test: why
        self.passed = []
        self.not_run = {}  # test: why
        self.last = None

    def add(self, line):
        if match := BEGIN.match(line):
            self.last = match[1]
            rest = line[match.end():].strip()
            if rest.startswith("[not run]"):
                self.not_run[self.last] = rest.removeprefix("[not run]").strip()
            elif PASSED.fullmatch(rest):
                self.passed.append(self.last)
            else:
                self.failed[self.last] = re.sub(r"\s*\(see [^)]*\)", "", rest).strip("- ")
        elif self.last in self.failed and line.startswith("    +") and not line.startswith("    +++"):
            # What it printed beside the expected output: the first such line says most.
            if ": " not in self.failed[self.last]:
                self.failed[self.last] += ": " + line.strip().lstrip("+")

    def done(self):
        return self.failed.keys() | set(self.passed) | self.not_run.keys()


class Watchdog:
    """Kills a process LIMIT seconds after its last restart."""

    def __init__(self, process):
        self.process = process
        self.barked = False
        self.timer = None
        self.restart()

    def restart(self):
        self.stop()
        self.timer = threading.Timer(LIMIT, self.bark)
        self.timer.start()

    def bark(self):
        self.barked = True
        self.process.kill()

    def stop(self):
        if self.timer:
            self.timer.cancel()


class Run:
    """One or more runs of `check`, until each test has its outcome."""

    def __init__(self, folder, options, results):
        self.folder = folder
        self.results = results
        # Ordinary users, which some tests are, go through it. Short: the output is compared with an expected one.
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="penstock-xfstests-"))
        self.work.chmod(0o755)
        for name in ("test", "scratch", "staging"):
            (self.work / name).mkdir()
        given = ["allow_other", "attributes=full", f"endpoint_url={os.environ['S3_ENDPOINT']}",
                 f"cache_dir={self.work}/cache", f"state_dir={self.work}/state", f"staging_dir={self.work}/staging",
                 f"log_file={results}/mount.log", *(option.removeprefix("--") for option in options)]
        url = f"s3://{os.environ['S3_BUCKET']}/{uuid.uuid4().hex[:8]}-"
        (self.work / "local.config").write_text(
            CONFIG.format(url=url, work=self.work, results=results, options=",".join(given)), encoding="utf-8")
        self.outcomes = Outcomes()

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        program = os.environ.get("PENSTOCK", ROOT / "build" / "dev" / "penstock")
        return {**kept, "AWS_ACCESS_KEY_ID": os.environ["S3_ACCESS_KEY"], "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SECRET_ACCESS_KEY": os.environ["S3_SECRET_KEY"], "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                "AWS_EC2_METADATA_DISABLED": "true", "PENSTOCK": os.path.abspath(program), "WORK": str(self.work),
                "XFSTESTS": str(self.folder), "FIRST_PID": str(os.getpid())}

    def check(self, tests, show):
        """Until the end, or until a test takes too long: then true."""
        shutil.rmtree(self.work / "sbin", ignore_errors=True)
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "slave",
                   "bash", HERE / "xfstests_inside.sh", *tests]
        with open(self.results / "check.log", "ab") as log:
            process = subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=log, start_new_session=True)
            # Reading ends when every process of the namespace has.
            watchdog = Watchdog(process)
            try:
                for line in iter(process.stdout.readline, b""):
                    log.write(line)
                    log.flush()
                    text = line.decode("utf-8", "replace")
                    # The name of a test comes first, the rest of its line with the outcome.
                    if not text.endswith("\n"):
                        break
                    self.outcomes.add(text.rstrip())
                    if BEGIN.match(text):
                        watchdog.restart()
                        show(text.rstrip())
            finally:
                watchdog.stop()
                end_group(process)
        return watchdog.barked

    def run(self, tests, show):
        try:
            while left := [test for test in tests if test not in self.outcomes.done()]:
                hung = self.check(left, show)
                still = [test for test in left if test not in self.outcomes.done()]
                if still and hung:  # tests run in order: it was this one
                    self.outcomes.failed[still[0]] = f"did not end in {LIMIT} s"
                    show(f"{still[0]} did not end in {LIMIT} s")
                elif still == left:
                    raise RuntimeError(f"xfstests ended before {still[0]}; {self.results}/check.log says why")
            return self.outcomes
        finally:
            shutil.rmtree(self.work, ignore_errors=True)


def run(folder, options, chosen, show, results):
    """{(test, 0): what went wrong, or None}, {test: why it did not run}"""
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    tests = find_tests(folder, chosen)
    outcomes = Run(folder, options, results).run([test for test in tests if test not in UNSUITABLE], show)
    outcomes.not_run.update({test: UNSUITABLE[test] for test in tests if test in UNSUITABLE})
    found = {(test, 0): None for test in outcomes.passed}
    found.update({(test, 0): why for test, why in outcomes.failed.items()})
    return found, outcomes.not_run
