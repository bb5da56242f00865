# SPDX-License-Identifier: Apache-2.0
"""What the workers do to folders, with the files in them. A name is never used twice: what comes back is noticed."""
import os

from model import File

FILES = 5  # names in each folder


class Folders:
    """Below t/ of one worker."""

    def __init__(self, operations):
        self.operations = operations
        self.files = operations.files
        self.folders = operations.folders
        self.count = 0
        self.moves = []  # pairs of files of renames that failed: one of each must have the content

    def inside(self, folder):
        return [file for name, file in self.files.items() if os.path.dirname(name) == folder]

    def sure(self):
        """Folders that are there, where everything is known."""
        return [name for name, there in self.folders.items() if there and all(file.sure for file in self.inside(name))]

    def path(self, folder):
        return os.path.join(self.operations.root, folder)

    def new_name(self):
        self.count += 1
        return f"t/d{self.count}"

    def make_files(self, folder):
        for number in range(FILES):
            name = f"{folder}/f{number}"
            self.files[name] = File(name)

    def make(self):
        folder = self.new_name()
        self.make_files(folder)
        self.folders[folder] = None
        os.mkdir(self.path(folder))
        self.folders[folder] = True

    def remove(self, folder):
        """With what is in it."""
        for file in self.inside(folder):
            if file.there:
                self.operations.remove(file)
        self.folders[folder] = None
        os.rmdir(self.path(folder))
        self.forget(folder)

    def forget(self, folder):
        del self.folders[folder]
        for file in self.inside(folder):
            del self.files[file.name]

    def rename(self, folder):
        target = self.new_name()
        self.make_files(target)
        pairs = list(zip(self.inside(folder), self.inside(target)))
        changes = [(new, old.content, old.modes, old.notes) for old, new in pairs]
        changes += [(old, None) for old, _ in pairs]
        before = [(old, new, old.content) for old, new in pairs if old.there]
        self.folders[folder] = self.folders[target] = None
        try:
            with self.operations.changing(f"rename of {folder} to {target}", changes):
                os.rename(self.path(folder), self.path(target))
        except OSError:
            self.moves += before
            raise
        self.folders[target] = True
        self.forget(folder)
