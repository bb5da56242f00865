# SPDX-License-Identifier: Apache-2.0
"""What a worker knows of its files: what each holds, or may hold after a call that failed."""
import random

BLOCK = 4096
POOL = random.Random(1).randbytes(1 << 20)
NEW_MODE = 0o644


def contents(name, generation, size):
    """The bytes of that generation of a file. Each block says whose it is, so that wrong bytes tell where they came
    from."""
    pieces = []
    for offset in range(0, size, BLOCK):
        head = f"\n{name} generation {generation} offset {offset}\n".encode()
        start = hash((generation, offset)) % (len(POOL) - BLOCK)
        pieces.append(head + POOL[start:start + BLOCK - len(head)])
    return b"".join(pieces)[:size]


def describe(content):
    return "nothing" if content is None else f"{len(content)} bytes"


def difference(found, wanted):
    """Where two contents begin to differ, and what was found there."""
    if found is None or wanted is None:
        return f"{describe(found)} in place of {describe(wanted)}"
    at = next((at for at in range(0, min(len(found), len(wanted)), BLOCK) if found[at:at + BLOCK] != wanted[at:at + BLOCK]),
              min(len(found), len(wanted)))
    while at < min(len(found), len(wanted)) and found[at] == wanted[at]:
        at += 1
    return (f"{describe(found)} in place of {describe(wanted)}, they differ from {at} on: {found[at:at + 80]!r} in place of "
            f"{wanted[at:at + 80]!r}")


class File:
    """One name. Each list has what it may be: one state where everything was acknowledged, more after an error.
    None is the content of a file that is not there."""

    def __init__(self, name):
        self.name = name
        self.contents = [None]
        self.modes = [NEW_MODE]
        self.notes = [None]
        self.history = []

    @property
    def sure(self):
        return len(self.contents) == 1

    @property
    def content(self):
        """Of a file that is sure."""
        return self.contents[0]

    @property
    def there(self):
        return self.sure and self.content is not None

    def did(self, what):
        self.history = [*self.history[-7:], what]

    def becomes(self, content, modes=None, notes=None):
        """That was acknowledged."""
        fresh = None in self.contents
        before = self.modes, self.notes
        self.contents = [content]
        if content is None:
            self.modes, self.notes = [NEW_MODE], [None]
        else:
            # What was made anew has attributes of its own; where it may have been there, it may have kept them.
            self.modes = modes or (union(before[0], [NEW_MODE]) if fresh else before[0])
            self.notes = notes or (union(before[1], [None]) if fresh else before[1])

    def may_become(self, content, modes=(), notes=()):
        """The call for it failed."""
        self.contents = union(self.contents, [content])
        self.modes = union(self.modes, modes or [NEW_MODE])
        self.notes = union(self.notes, notes or [None])

    def settle(self, content, mode=None, note=None):
        """That was seen in a quiet time, and is one of what may be."""
        self.contents = [content]
        self.modes = [NEW_MODE if content is None else mode]
        self.notes = [note]


def union(one, other):
    return [*one, *(each for each in other if each not in one)]
