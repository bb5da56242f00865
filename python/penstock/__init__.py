# SPDX-License-Identifier: Apache-2.0
"""Tells a Penstock mount which files will be read, in which order: it fetches them into its cache before that.

    import penstock
    penstock.prefetch(["/mnt/train/shard-0007.tar", "/mnt/train/shard-0003.tar"])
    loader = DataLoader(images, sampler=penstock.HintedSampler(sampler, lambda i: images.samples[i][0]), num_workers=8)

Nothing here raises, waits for the network or changes what is read: where a path lies on no Penstock mount, or the mount
takes no hints, hints are dropped.
"""
import collections
import errno
import os
import threading

__all__ = ["HintedBatchSampler", "HintedSampler", "hinted", "prefetch", "release"]

CONTROL = os.path.join(".penstock", "prefetch")
#: Names in one write.
AT_ONCE = 512


class Hints:
    """One order in which files are read: for a program, a thread, or a rank that has its own.

    Not for several threads at once. A process that is forked begins an order of its own."""

    def __init__(self):
        self._files = {}  # by mountpoint: the open control file, or None
        self._mounts = {}  # by directory: its mountpoint, or None
        self._process = os.getpid()

    def prefetch(self, paths):
        """These files will be read next, in this order, after those of earlier calls. Returns how many a mount took."""
        taken = 0
        try:
            for mountpoint, names in self._by_mount(paths):
                taken += self._write(mountpoint, names)
        except (OSError, ValueError, TypeError):
            pass
        return taken

    def close(self):
        """What was hinted and not fetched yet is of use for a minute more."""
        files, self._files = self._files, {}
        for file in files.values():
            if file is not None:
                os.close(file)

    def __del__(self):
        try:
            self.close()
        except Exception:  # at the end of the interpreter anything may be gone
            pass

    def _by_mount(self, paths):
        """Runs of absolute names on one mount each."""
        mountpoint, names = None, []
        for path in paths:
            name = os.path.abspath(os.fsencode(path))
            its = self._mount_of(os.path.dirname(name))
            if its is None:
                continue
            if its != mountpoint or len(names) >= AT_ONCE:
                if names:
                    yield mountpoint, names
                mountpoint, names = its, []
            names.append(name[len(its.rstrip(b"/")) + 1:])
        if names:
            yield mountpoint, names

    def _mount_of(self, directory):
        if directory not in self._mounts:
            if len(self._mounts) > 100_000:
                self._mounts.clear()
            at = os.path.realpath(directory)
            # Names are told from the mountpoint on: a link on the way there is none of the mount's.
            while at != b"/" and not os.path.ismount(at):
                at = os.path.dirname(at)
            known = at if at == directory or directory.startswith(at.rstrip(b"/") + b"/") else None
            if known is not None and self._file(known) is None:
                known = None
            self._mounts[directory] = known
        return self._mounts[directory]

    def _file(self, mountpoint):
        if self._process != os.getpid():
            self.close()
            self._process = os.getpid()
        if mountpoint not in self._files:
            try:
                file = os.open(os.path.join(mountpoint, os.fsencode(CONTROL)), os.O_WRONLY | os.O_CLOEXEC)
            except OSError:
                file = None
            self._files[mountpoint] = file
        return self._files[mountpoint]

    def _write(self, mountpoint, names):
        file = self._file(mountpoint)
        if file is None:
            return 0
        try:
            os.write(file, b"".join(name + b"\0" for name in names))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EINVAL):  # unmounted, or the mount has ended
                os.close(file)
                self._files[mountpoint] = None
            return 0
        return len(names)


_local = threading.local()


def prefetch(paths):
    """These files will be read next, in this order, by this thread and those that it feeds. Returns how many names a mount
    took: 0 where they lie on none."""
    if not hasattr(_local, "hints"):
        _local.hints = Hints()
    return _local.hints.prefetch(paths)


def release():
    """Closes what prefetch() keeps open in this thread: else the mounts are busy, and cannot be unmounted."""
    if hasattr(_local, "hints"):
        _local.hints.close()


def _paths_of(item, path_of):
    try:
        found = item if path_of is None else path_of(item)
        if isinstance(found, (str, bytes, os.PathLike)):
            return [found]
        return [] if found is None else list(found)
    except Exception:  # of a hint nothing may depend
        return []


def hinted(items, path_of=None, ahead=1000):
    """The items in their order, where the files of the next `ahead` are hinted. `path_of` gives the path of an item, several,
    or None; without it items are paths: a list of shards for WebDataset, for example."""
    waiting, coming, failed = iter(items), collections.deque(), None
    hints, ended = Hints(), False
    try:
        while True:
            # Half of them at a time: each write costs a call of the system.
            if not ended and len(coming) <= ahead // 2:
                paths = []
                while len(coming) < max(ahead, 1) and not ended:
                    try:
                        coming.append(next(waiting))
                        paths += _paths_of(coming[-1], path_of)
                    except StopIteration:
                        ended = True
                    except Exception as error:  # it is told where it would have been
                        ended, failed = True, error
                hints.prefetch(paths)
            if not coming:
                break
            yield coming.popleft()
    finally:
        hints.close()
    if failed is not None:
        raise failed


class HintedSampler:
    """A Sampler for a DataLoader over a map-style dataset: yields what `sampler` does, and hints the files of the next `ahead`
    indices. `path_of_index` gives the path of an index, several, or None. Each rank has a sampler and so an order of its
    own. For a `batch_sampler` the same is HintedBatchSampler."""

    def __init__(self, sampler, path_of_index, ahead=1000):
        self.sampler = sampler
        self.path_of_index = path_of_index
        self.ahead = ahead

    def __len__(self):
        return len(self.sampler)

    def __getattr__(self, name):
        # set_epoch of a DistributedSampler, for example.
        if name == "sampler":
            raise AttributeError(name)
        return getattr(self.sampler, name)

    def __iter__(self):
        return hinted(self.sampler, self.path_of_index, self.ahead)


class HintedBatchSampler(HintedSampler):
    """The same for a sampler of batches, which are lists of indices; `ahead` counts batches."""

    def __init__(self, sampler, path_of_index, ahead=16):
        super().__init__(sampler, path_of_index, ahead)

    def __iter__(self):
        return hinted(self.sampler, lambda batch: [path for index in batch for path in _paths_of(index, self.path_of_index)],
                      self.ahead)
