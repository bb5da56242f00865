# SPDX-License-Identifier: Apache-2.0
"""The files of the project, for the checks that read them."""
import os
import subprocess
import sys


def project_files(root):
    """Paths of everything that is or could be committed, relative to root, in order."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, check=False)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:  # not a clone: what an unpacked archive has
        names = []
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name not in ("build", ".git", "__pycache__")]
            names += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return sorted(name for name in set(names) if os.path.isfile(os.path.join(root, name)))


def read_text(root, path):
    """The file's text, or None where it is not text."""
    with open(os.path.join(root, path), "rb") as file:
        content = file.read()
    try:
        return None if b"\0" in content else content.decode()
    except UnicodeDecodeError:
        return None


def report(name, offences, checked):
    """Prints what a check found and ends the program with its status. Checking nothing is an offence too."""
    for offence in offences:
        print(offence)
    if not checked:
        print(f"{name}: there was nothing to check")
    print(f"{name}: {checked} checked, {len(offences)} wrong")
    sys.exit(1 if offences or not checked else 0)


def root_from_arguments():
    """The folder to check: the first argument, else the project this file belongs to."""
    if len(sys.argv) > 1:
        return sys.argv[1]
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
