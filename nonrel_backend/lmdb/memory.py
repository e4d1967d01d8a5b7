"""Gives back the memory that a long scan's pages take: they stay in the system's cache.

LMDB reads its file through a map, whose pages count as the process's own once read.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress

MADV_DONTNEED = 4
# So many rows are read before what was read is given back.
ROWS = 20_000

try:
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
except (AttributeError, OSError, TypeError):  # not on this system
    madvise = None  # type: ignore[assignment]


def mapped(path: str) -> Iterator[tuple[int, int]]:
    """(address, size) of the process's maps of a file."""
    name = os.fsencode(os.path.realpath(path))
    with suppress(OSError), open("/proc/self/maps", "rb") as lines:
        for line in lines:
            if line.rstrip().endswith(name):
                start, _, end = line.split(None, 1)[0].partition(b"-")
                yield int(start, 16), int(end, 16) - int(start, 16)


def give_back(path: str) -> None:
    """Drop the file's pages from the process; to be called while a transaction keeps
    the map where it is. What is read again comes from the cache.
    """
    if madvise is not None:
        for address, size in mapped(path):
            madvise(address, size, MADV_DONTNEED)
