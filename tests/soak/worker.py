# SPDX-License-Identifier: Apache-2.0
"""One process of the load: works on a folder of its own until it is told to rest, then checks all that it knows."""
import collections
import errno
import os
import random
import time
import traceback

from check import Check
from folders import Folders
from model import File
from operations import Operations, Wrong

NAMES = [*(f"s/{number}" for number in range(14)), *(f"l/{number}" for number in range(3)),
         *(f"c/{name}{end}" for name in ("latest", "best") for end in ("", ".tmp"))]
ALLOWED = (errno.EIO, errno.EACCES)  # what docs/semantics.md says of a store that does not answer, or refuses
MOST_FOLDERS = 5
IDLE = 0.02


class Worker:
    """`trouble` is shared: until that time of the monotonic clock faults were on."""

    def __init__(self, name, mount, other, client, prefix, seed, trouble):
        self.name = name
        self.random = random.Random(seed)
        self.trouble = trouble
        self.files = {each: File(each) for each in NAMES}
        self.operations = Operations(os.path.join(mount, name), self.files, self.random)
        self.folders = Folders(self.operations)
        self.check = Check(self, os.path.join(other, name), client, f"{prefix}{name}/")
        self.counts = collections.Counter()
        self.errors = collections.Counter()
        self.longest = (0, "")

    def serve(self, pipe):
        """Obeys "work", "rest" and "check" until "end". Answers each of the last three when it is done."""
        try:
            self.prepare()
            order = "rest"
            pipe.send(("ready", None))
            while order != "end":
                if pipe.poll(0 if order == "work" else None):
                    order = pipe.recv()
                    if order == "check":
                        self.check.everything()
                    if order != "work":
                        pipe.send((order, self.figures()))
                        continue
                self.step()
        except Wrong as wrong:
            pipe.send(("wrong", f"{self.name}: {wrong}"))
        except Exception:  # pylint: disable=broad-except  # whatever it is, the run is wrong
            pipe.send(("wrong", f"{self.name}: {traceback.format_exc()}"))

    def figures(self):
        return {"operations": self.counts, "errors": self.errors, "longest": self.longest,
                "read": self.operations.read_bytes, "written": self.operations.written_bytes}

    def prepare(self):
        for folder in ("", "s", "l", "c", "t"):
            path = os.path.join(self.operations.root, folder)
            os.mkdir(path.rstrip("/"))

    def step(self):
        chosen = self.choose()
        if chosen is None:
            time.sleep(IDLE)
            return
        what, *subjects = chosen
        name = what.__name__ if what.__self__ is self.operations else f"folder {what.__name__}"
        begin = time.monotonic()
        try:
            what(*subjects)
        except OSError as error:
            if error.errno not in ALLOWED or begin > self.trouble.value:
                faults = "while nothing was wrong" if begin > self.trouble.value else "under faults"
                about = [getattr(each, "history", each) for each in subjects]
                raise Wrong(f"{name} fails with {error} {faults}; {about}") from error
            self.errors[errno.errorcode[error.errno]] += 1
        took = time.monotonic() - begin
        self.longest = max(self.longest, (took, f"{self.name}: {name} {[getattr(s, 'name', s) for s in subjects]}"))
        self.counts[name] += 1

    def choose(self):
        """Something to do with its subjects, or None where everything that was picked is in doubt."""
        pick = self.random.random()
        if pick < 0.04:
            return self.operations.list, self.random.choice(("s", "l", "c", "t"))
        if pick < 0.12:
            return self.choose_of_folders()
        file = self.files[self.random.choice(list(self.files))]
        folder = os.path.dirname(file.name)
        if folder.startswith("t/") and not self.folders.folders.get(folder):
            return None
        if file.name.endswith(".tmp"):
            return (self.operations.remove, file) if self.random.random() < 0.1 else None
        if folder == "c" and self.random.random() < 0.5:
            return self.operations.replace, file
        if not file.there:
            # What is in doubt may be made anew, or removed: then it is known again.
            return self.random.choice((self.operations.write, self.operations.write, self.operations.remove)), file
        return self.choose_of_known(file, folder)

    def choose_of_known(self, file, folder):
        do = self.operations
        what = self.random.choices(
            (do.read, do.read_pieces, do.read_mapped, do.look_at, do.write, do.append, do.edit, do.truncate, do.remove,
             do.chmod, do.set_note, do.rename), (6, 6, 2, 3, 3, 3, 4, 2, 2, 1, 1, 1))[0]
        if what == do.append and len(file.content) > 24 << 20:
            return do.write, file
        if what != do.rename:
            return what, file
        others = [each for each in self.files.values() if os.path.dirname(each.name) == folder and each is not file
                  and each.sure and not each.name.endswith(".tmp")]
        return (do.rename, file, self.random.choice(others)) if others else None

    def choose_of_folders(self):
        sure = self.folders.sure()
        if len(self.folders.folders) < 2 or (len(self.folders.folders) < MOST_FOLDERS and self.random.random() < 0.4):
            return (self.folders.make,)
        if not sure:
            return None
        folder = self.random.choice(sure)
        if self.random.random() < 0.25:
            return self.operations.list, folder
        return self.random.choice((self.folders.rename, self.folders.rename, self.folders.remove)), folder
