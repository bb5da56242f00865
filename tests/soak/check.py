# SPDX-License-Identifier: Apache-2.0
"""What a worker checks in a quiet time: the store, its own mount and the other one have what was acknowledged."""
import os
import time

from model import difference
from operations import MIB, Wrong
from s3 import S3Error

PATIENCE = 150  # seconds for what failed to be tried again, and for the other mount to ask


def content_of(path):
    """Of a file; None where there is none."""
    try:
        with open(path, "rb", buffering=0) as opened:
            return b"".join(iter(lambda: opened.read(MIB), b""))
    except FileNotFoundError:
        return None


class Check:
    def __init__(self, worker, other, client, prefix):
        self.files = worker.files
        self.folders = worker.folders
        self.operations = worker.operations
        self.other = other
        self.client = client
        self.prefix = prefix

    def everything(self):
        self.settle_folders()
        for file in list(self.files.values()):
            if not file.sure or len(file.modes) > 1 or len(file.notes) > 1:
                self.settle(file)
        self.one_of_each_move()
        self.forget_folders()
        for file in self.files.values():
            self.is_stored(file)
            self.is_here(file)
        self.nothing_else_is_stored()
        for file in self.files.values():
            self.is_there_too(file)

    def stored(self, file):
        try:
            return self.client.get(self.prefix + file.name)
        except S3Error as error:
            if error.status != 404:
                raise
            return None

    # What was in doubt

    def settle(self, file):
        """The store and the mount agree in the end, on something that may be."""
        deadline = time.monotonic() + PATIENCE
        while True:
            stored, trouble = self.stored(file), ""
            try:
                here = content_of(self.operations.path(file))
                if here == stored:
                    break
            except OSError as error:
                here, trouble = None, f", which says {error}"
            if time.monotonic() > deadline:
                raise Wrong(f"{self.operations.path(file)}: after {PATIENCE} s the mount{trouble} and the store differ: "
                            f"{difference(here, stored)}; {file.history}")
            time.sleep(0.2)
        if stored not in file.contents:
            nearest = [difference(stored, content) for content in file.contents]
            raise Wrong(f"{self.operations.path(file)} has become what it cannot be: {nearest}; {file.history}")
        if stored is not None:
            mode = os.stat(self.operations.path(file)).st_mode & 0o7777
            file.settle(stored, mode, self.operations.note_of(self.operations.path(file)))
        else:
            file.settle(None)

    def settle_folders(self):
        for folder, there in list(self.folders.folders.items()):
            if there is None:
                self.folders.folders[folder] = os.path.isdir(self.folders.path(folder))

    def one_of_each_move(self):
        """A rename that failed has lost nothing."""
        for old, new, content in self.folders.moves:
            if content not in (old.content, new.content):
                raise Wrong(f"the rename of {self.operations.path(old)} to {new.name} failed, and its content is under "
                            f"neither name; {old.history}")
        self.folders.moves.clear()

    def forget_folders(self):
        for folder, there in list(self.folders.folders.items()):
            if not there:
                left = [file.name for file in self.folders.inside(folder) if file.there]
                if left:
                    raise Wrong(f"{left} are there, and their folder is not")
                self.folders.forget(folder)

    # What is known

    def is_stored(self, file):
        found = self.stored(file)
        if found != file.content:
            raise Wrong(f"in the store {self.prefix}{file.name} is {difference(found, file.content)}; {file.history}")

    def is_here(self, file):
        found = content_of(self.operations.path(file))
        self.operations.expect(found, file.content, file, "in a quiet time")
        if file.there:
            self.operations.look_at(file)

    def is_there_too(self, file):
        """By the other mount, which may believe for a while what it knew."""
        path = os.path.join(self.other, file.name)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                found, trouble = content_of(path), ""
            except OSError as error:  # ESTALE: what it knew is replaced
                found, trouble = None, f" ({error})"
            if found == file.content and not trouble:
                return
            if time.monotonic() > deadline:
                raise Wrong(f"{path}, on the other mount, after {PATIENCE} s{trouble}: {difference(found, file.content)}; "
                            f"{file.history}")
            time.sleep(0.2)

    def nothing_else_is_stored(self):
        known = {file.name for file in self.files.values() if file.there}
        folders = {"", *(name + "/" for name in ("s", "l", "c", "t", *self.folders.folders))}
        extra = {key[len(self.prefix):] for key in self.client.list(self.prefix)} - known - folders
        if extra:
            raise Wrong(f"the store has below {self.prefix} what nobody made: {sorted(extra)}")
