# SPDX-License-Identifier: Apache-2.0
"""A shell or a Python that plays the lines of an example, one at a time, and lives as long as the example."""
import contextlib
import os
import re
import select
import shlex
import signal
import subprocess
import time
import uuid

LIMIT = 30  # seconds for one line of an example


class Interpreter:
    """A program that is told one line at a time, and says when it has done it."""

    def __init__(self, command, folder, variables):
        self.end = uuid.uuid4().hex
        self.process = subprocess.Popen([*command, self.end], cwd=folder,
                                        env={**os.environ, "LC_ALL": "C.UTF-8", **variables}, start_new_session=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def told(self, text):
        """What the program is sent, so that it plays the text, and then prints the end and a status."""
        raise NotImplementedError

    def run(self, text):
        """All that it prints, and its status."""
        self.process.stdin.write(self.told(text).encode())
        self.process.stdin.flush()
        output, status = self._read_to_end(text).rsplit(self.end, 1)
        return output, int(status)

    def answer(self, text):
        """All that it says to the line. A command that fails and says nothing is answered with (exit STATUS)."""
        output, status = self.run(text)
        return output or (f"(exit {status})" if status else "")

    def _read_to_end(self, text):
        deadline = time.monotonic() + LIMIT
        said = b""
        while not re.search(self.end.encode() + rb" \d+\n\Z", said):
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([self.process.stdout], [], [], wait)[0]:
                raise AssertionError(f"no end after {LIMIT} s: {text}\n{said.decode(errors='replace')}")
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                raise AssertionError(f"ended by itself: {text}\n{said.decode(errors='replace')}")
            said += piece
        return said.decode(errors="backslashreplace")

    def close(self):
        """With all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Shell(Interpreter):
    """bash, started by the command `inside` if there is one (chroot)."""

    def __init__(self, folder, variables, inside=()):
        super().__init__([*inside, "bash", "--norc", "--noprofile", "-s"], folder, variables)

    def told(self, text):
        return f"eval {shlex.quote(text)} </dev/null; echo {self.end} $?\n"

    def run(self, text):
        output, status = super().run(text)
        return re.sub(r"(?m)^bash: (?:eval: )?line \d+: ", "bash: ", output), status


class Python(Interpreter):
    """Says what an interactive Python says, without its traces."""

    PROGRAM = r'''
import ctypes, mmap, os, sys, traceback
end, names = sys.argv[1], {"ctypes": ctypes, "mmap": mmap, "os": os}
for line in iter(os.fdopen(os.dup(0)).readline, ""):
    try:
        exec(compile(line, "example", "single"), names)
    except Exception as error:
        print("".join(traceback.format_exception_only(error)), end="")
    print(end, 0)
'''

    def __init__(self, folder, variables):
        super().__init__(["/usr/bin/python3", "-u", "-c", self.PROGRAM], folder, variables)

    def told(self, text):
        return text + "\n"
