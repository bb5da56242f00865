# SPDX-License-Identifier: Apache-2.0
"""fsx, which checks every byte that it reads of one file, and fsstress, which is told what was in a folder before and after
a remount. Both come with xfstests."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from conformance.servers import ROOT, end_group

LIMIT = 900  # seconds for one run
MODES = {"write-through": (), "write-back": ("--write-back",)}
SEEDS = (1, 2, 3)
# Files of 256 KiB; files that are sent in parts, closed and opened now and then; direct and asynchronous I/O.
FSX_RUNS = [(f"seed {seed}", ("-S", seed, "-N", 20000)) for seed in SEEDS] + [
    ("in parts", ("-S", 4, "-N", 2000, "-l", 20_000_000, "-o", 1_000_000, "-c", 40)),
    ("direct", ("-S", 5, "-N", 5000, "-Z", "-R", "-W", "-r", 4096, "-w", 4096, "-c", 50)),
    ("asynchronous", ("-S", 6, "-N", 5000, "-A", "-c", 50)),
]
# Copies far behind the end of a file, by up to 1,024 preferred blocks: a GiB here, and holes take their size in a bucket.
FSSTRESS_AVOID = ("-f", "copyrange=0", "-f", "splice=0")


def run_program(command, work):
    """(exit status or None at the limit, the end of what it printed)"""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([str(word) for word in command], cwd=work, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            end_group(process)
        output.seek(max(0, output.seek(0, os.SEEK_END) - 4000))
        return status, output.read().decode("utf-8", "replace")


def problem(name, status, output):
    if status == 0:
        return None
    ended = f"did not end in {LIMIT} s" if status is None else f"ended with {status}"
    return f"{name} {ended}; its output ends:\n{output}"


def fsx_once(program, mount_path, flags, keep):
    """What went wrong, or None. The log of operations of a failure, and what the file should have held, are kept there."""
    logs = pathlib.Path(tempfile.mkdtemp(prefix="penstock-fsx-"))
    try:
        status, output = run_program((program, "-q", *flags, "-P", logs, os.path.join(mount_path, "fsx")), mount_path)
        if status != 0:
            shutil.copytree(logs, keep, dirs_exist_ok=True)
            output += f"\nlogs: {keep}"
        return problem("fsx", status, output)
    finally:
        shutil.rmtree(logs)


def snapshot(folder):
    """{path: what it is}, with the contents' hash for files."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(root, name)
            status = os.lstat(path)
            entry = (oct(status.st_mode), status.st_uid, status.st_gid)
            if os.path.islink(path):
                entry += (os.readlink(path),)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    entry += (status.st_size, hashlib.file_digest(file, "sha256").hexdigest())
            found[os.path.relpath(path, folder)] = entry
    return found


def fsstress_once(program, mount, seed):
    folder = os.path.join(mount.path, "stress")
    os.mkdir(folder)
    status, output = run_program((program, "-p", 4, "-n", 1500, "-m", 8, "-s", seed, *FSSTRESS_AVOID, "-d", folder),
                                 mount.folder)
    wrong = problem("fsstress", status, output)
    if wrong:
        return wrong
    before = snapshot(folder)
    mount.remount()
    after = snapshot(folder)
    different = [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
    if different:
        path = different[0]
        return (f"{len(different)} of {len(before)} names differ after a remount; the first: {path}, "
                f"{before.get(path)} before, {after.get(path)} after")
    return None if before else "fsstress left nothing to compare"


def run_all(cases, options, show):
    """cases: (name, function of a mount). {(test, 0): what went wrong, or None}"""
    from mounts import Mount  # it looks at the environment
    results = {}
    for mode, more in MODES.items():
        for name, function in cases:
            began = time.monotonic()
            try:
                with Mount("--attributes=full", *options, *more) as mount:
                    wrong = function(mount, mode)
            except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
                wrong = f"{type(error).__name__}: {error}"
            test = f"{mode}/{name.replace(' ', '-')}"
            show(f"{test:32} {'passed' if wrong is None else 'FAILED'}, {time.monotonic() - began:.0f} s")
            results[test, 0] = wrong
    return results


def run_fsx(folder, options, chosen, show):
    program = folder / "ltp" / "fsx"
    keep = ROOT / "build" / "conformance" / "fsx"
    shutil.rmtree(keep, ignore_errors=True)
    cases = [(name, lambda mount, mode, name=name, flags=flags: fsx_once(
        program, mount.path, flags, keep / f"{mode}-{name.replace(' ', '-')}"))
        for name, flags in FSX_RUNS if not chosen or name in chosen]
    return run_all(cases, options, show)


def run_fsstress(folder, options, chosen, show):
    program = folder / "ltp" / "fsstress"
    cases = [(f"seed {seed}", lambda mount, _, seed=seed: fsstress_once(program, mount, seed))
             for seed in SEEDS if not chosen or f"seed {seed}" in chosen]
    return run_all(cases, options, show)
