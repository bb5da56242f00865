# SPDX-License-Identifier: Apache-2.0
"""What the workers do to a mount. Each operation tells the model what a success makes of the files, and what a failure may
make of them."""
import contextlib
import errno
import mmap
import os
import signal

from model import contents, difference, union

KIB, MIB = 1 << 10, 1 << 20


class Wrong(Exception):
    """What must never happen."""


class MappingFailed(OSError):
    """A page of a mapping could not be read, for which a program gets SIGBUS."""

    def __init__(self, path):
        super().__init__(errno.EIO, "SIGBUS", path)


def applied(before, chunks):
    new = bytearray(before)
    for offset, data in chunks:
        new[offset:offset + len(data)] = data
    return bytes(new)


class Operations:
    """On the files of one worker, which nobody else changes."""

    def __init__(self, root, files, randomness):
        self.root = root
        self.files = files
        self.random = randomness
        self.generation = 0
        self.read_bytes = self.written_bytes = 0
        self.halves = []
        self.folders = {}  # name → True, or None where it may be there or not

    def path(self, file):
        return os.path.join(self.root, file.name)

    def make(self, file, size):
        self.generation += 1
        return contents(file.name, self.generation, size)

    def size(self, file):
        """Of new contents: most are small, those in l/ need several parts."""
        if file.name.startswith("l/"):
            return self.random.choice((self.random.randrange(1 * MIB, 8 * MIB), self.random.randrange(8 * MIB, 20 * MIB)))
        if file.name.startswith("c/") and self.random.random() < 0.3:
            return self.random.randrange(6 * MIB, 12 * MIB)
        return self.random.choice((self.random.randrange(200), self.random.randrange(60 * KIB), self.random.randrange(700 * KIB)))

    @contextlib.contextmanager
    def changing(self, what, changes):
        """`changes`: (file, content), or (file, content, modes, notes), that the success of what is done inside makes. After
        a failure each may have happened, and the first file may be as it was when the failure came."""
        self.halves = []
        for file, *_ in changes:
            file.did(what)
        try:
            yield
        except OSError:
            for file, *change in changes:
                file.may_become(*change)
            for half in self.halves:
                changes[0][0].may_become(half)
            raise
        for file, *change in changes:
            file.becomes(*change)

    # Contents

    def store(self, path, flags, before, pieces, sync):
        """Writes `pieces` of (offset, bytes) over `before`. The close is part of it: only then is it acknowledged."""
        chunks = [(offset + at, data[at:at + MIB]) for offset, data in pieces for at in range(0, len(data), MIB)]
        marks = []  # how much was there when an fsync or the failure came
        done = 0
        descriptor = None
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
            for offset, data in chunks:
                if os.pwrite(descriptor, data, offset) != len(data):
                    raise OSError(errno.EIO, "a short write", path)
                done += 1
                self.written_bytes += len(data)
                if sync == "often" and self.random.random() < 0.1:
                    marks.append(done)
                    os.fsync(descriptor)
            if sync:
                os.fsync(descriptor)
            closing, descriptor = descriptor, None
            os.close(closing)
        except OSError:
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
            self.halves = [applied(before, chunks[:count]) for count in {0, *marks, done}]
            raise

    def write(self, file):
        """From front to back, with or without fsyncs between."""
        new = self.make(file, self.size(file))
        with self.changing(f"write of {len(new)}", [(file, new)]):
            self.store(self.path(file), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, b"", [(0, new)],
                       self.random.choice(("", "end", "often")))

    def replace(self, file):
        """As programs save checkpoints: whole under another name, synced, renamed."""
        temporary = self.files[file.name + ".tmp"]
        new = self.make(file, self.size(file))
        with self.changing(f"write of {len(new)} to be renamed", [(temporary, new)]):
            self.store(self.path(temporary), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, b"", [(0, new)], "end")
        self.rename(temporary, file)

    def rename(self, source, target):
        moved = source.content
        changes = [(target, moved, source.modes, source.notes), (source, None)]
        with self.changing(f"rename of {source.name} to {target.name}", changes):
            os.replace(self.path(source), self.path(target))

    def append(self, file):
        more = self.make(file, self.random.randrange(1, 200 * KIB))
        with self.changing(f"append of {len(more)}", [(file, file.content + more)]):
            # With O_APPEND the offset counts for nothing.
            self.store(self.path(file), os.O_WRONLY | os.O_APPEND, file.content, [(len(file.content), more)],
                       self.random.choice(("", "end")))

    def edit(self, file):
        """In the middle, at several places."""
        new = bytearray(file.content)
        pieces = []
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(new) + 1)
            data = self.make(file, self.random.randrange(1, 60 * KIB))
            new[at:at + len(data)] = data
            pieces.append((at, data))
        sync = self.random.choice(("", "end"))
        with self.changing(f"edits at {[at for at, _ in pieces]}", [(file, bytes(new))]):
            self.store(self.path(file), os.O_RDWR, file.content, pieces, sync)

    def truncate(self, file):
        size = self.random.randrange(len(file.content) + 9 * KIB)
        new = file.content[:size] + bytes(max(0, size - len(file.content)))
        with self.changing(f"truncate to {size}", [(file, new)]):
            os.truncate(self.path(file), size)

    def remove(self, file):
        with self.changing("unlink", [(file, None)]):
            try:
                os.unlink(self.path(file))
            except FileNotFoundError:
                if None not in file.contents:
                    raise

    # Attributes

    def chmod(self, file):
        mode = self.random.choice((0o600, 0o640, 0o644, 0o755))
        with self.attributes(file, "chmod", modes=[mode]):
            os.chmod(self.path(file), mode)

    def set_note(self, file):
        note = str(self.random.randrange(1000)).encode()
        with self.attributes(file, "setxattr", notes=[note]):
            os.setxattr(self.path(file), "user.note", note)

    @contextlib.contextmanager
    def attributes(self, file, what, modes=None, notes=None):
        file.did(what)
        try:
            yield
        except OSError:
            file.modes = union(file.modes, modes or [])
            file.notes = union(file.notes, notes or [])
            raise
        file.modes = modes or file.modes
        file.notes = notes or file.notes

    # Reading

    def expect(self, found, wanted, file, how):
        if found != wanted:
            raise Wrong(f"{self.path(file)}, {how}: {difference(found, wanted)}; its last operations: {file.history}")

    def read(self, file):
        with open(self.path(file), "rb", buffering=0) as opened:
            found = b"".join(iter(lambda: opened.read(MIB), b""))
        self.read_bytes += len(found)
        self.expect(found, file.content, file, "read whole")

    def read_pieces(self, file):
        descriptor = os.open(self.path(file), os.O_RDONLY | os.O_CLOEXEC)
        try:
            for _ in range(self.random.randrange(1, 12)):
                at = self.random.randrange(len(file.content) + 1)
                found = os.pread(descriptor, self.random.randrange(1, 100 * KIB), at)
                self.read_bytes += len(found)
                if not found and at < len(file.content):
                    raise Wrong(f"{self.path(file)} ends at {at}, not at {len(file.content)}; {file.history}")
                self.expect(found, file.content[at:at + len(found)], file, f"{len(found)} bytes at {at}")
        finally:
            os.close(descriptor)

    def read_mapped(self, file):
        """In a child: a page that cannot be had ends it by SIGBUS."""
        if not file.content:
            return
        child = os.fork()
        if child == 0:
            status = 3
            try:
                signal.signal(signal.SIGBUS, signal.SIG_DFL)
                with open(self.path(file), "rb") as opened:
                    with mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as mapped:
                        status = 0 if mapped[:] == file.content else 2
            except OSError as error:
                status = 64 + min(error.errno, 190)
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.read_bytes += len(file.content)
        if status == -signal.SIGBUS:
            raise MappingFailed(self.path(file))
        if status >= 64:
            raise OSError(status - 64, os.strerror(status - 64), self.path(file))
        if status != 0:
            raise Wrong(f"{self.path(file)}, mapped: other bytes than were written ({status}); {file.history}")

    def look_at(self, file):
        """Its size and attributes."""
        found = os.stat(self.path(file))
        note = self.note_of(self.path(file))
        if found.st_size != len(file.content):
            raise Wrong(f"{self.path(file)} has {found.st_size} bytes, not {len(file.content)}; {file.history}")
        if found.st_mode & 0o7777 not in file.modes or note not in file.notes:
            raise Wrong(f"{self.path(file)} has the mode {found.st_mode & 0o7777:o} and the note {note}, not "
                        f"{[f'{mode:o}' for mode in file.modes]} and {file.notes}; {file.history}")

    @staticmethod
    def note_of(path):
        try:
            return os.getxattr(path, "user.note")
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
            return None

    def list(self, folder):
        names = set(os.listdir(os.path.join(self.root, folder)))
        for file in self.files.values():
            parent, name = os.path.split(file.name)
            if parent == folder and file.sure and (name in names) != file.there:
                raise Wrong(f"{self.path(file)} is {'' if name in names else 'not '}listed; {file.history}")
        unknown = {name for name in names if f"{folder}/{name}" not in self.files and f"{folder}/{name}" not in self.folders}
        if unknown:
            raise Wrong(f"{self.root}/{folder} lists {sorted(unknown)}, which nobody made")
