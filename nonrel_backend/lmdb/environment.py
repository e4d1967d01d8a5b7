"""The LMDB environment of a folder: one for each process, shared by its threads."""

import atexit
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lmdb
from django.db import DatabaseError, OperationalError

from .catalog import Catalog
from .locking import WriterLock
from .values import pack, unpack

FORMAT = 1
FORMAT_KEY = b"\0\0\0\0format"
# Addresses, not disc: the file grows as it is filled.
MAP_SIZE = 1 << 40 if sys.maxsize > 1 << 32 and os.name == "posix" else 1 << 30
SMALLEST_MAP = 1 << 20
# By how much the file grows, and when it does.
FILE_STEP, AHEAD = 1 << 20, 1 << 18
MAX_READERS = 1024
DURABILITY: dict[str, dict[str, bool]] = {
    "full": {},
    "no-metasync": {"metasync": False},
    "none": {"metasync": False, "sync": False},
}
# How long a larger map may wait for the process's other transactions to end.
GROWING_SECONDS = 10.0

_environments: dict[str, "Environment"] = {}
_lock = threading.RLock()
# A forked child keeps its parent's, so that they are never closed there.
_inherited: list[Any] = []
_temporary: dict[str, str] = {}


def environment(path: str, **options) -> "Environment":
    """The process's environment for a folder, opened when first asked for."""
    path = os.path.realpath(path)
    with _lock:
        if path not in _environments:
            _environments[path] = Environment(path, **options)
        return _environments[path]


def forget_after_fork() -> None:
    """A child opens its own: locks and transactions are its parent's."""
    global _lock
    _lock = threading.RLock()
    for each in _environments.values():
        each.inherited = True
        os.close(each.writer.file)
        os.close(each.data_file)
    _inherited.extend(_environments.values())
    _environments.clear()


@contextmanager
def opening_what_a_parent_has_open() -> Iterator[None]:
    """py-lmdb opens files once in a process and its forks. But to close a parent's
    environment in its child would end the parent's reading, so the guard sleeps.
    """
    if not _inherited:
        yield
        return
    from lmdb import _envid

    guard, _envid.env_keys = _envid.env_keys, lambda path, subdir: ()
    try:
        yield
    finally:
        _envid.env_keys = guard


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_after_fork)


def temporary_folder(name: str) -> str:
    """A folder for a store that ends with the process that asked for it first."""
    with _lock:
        if name not in _temporary:
            memory = Path("/dev/shm")
            parent = memory if os.access(memory, os.W_OK) else None
            folder = tempfile.mkdtemp(prefix="nonrel_lmdb_", dir=parent)
            _temporary[name] = folder
            atexit.register(remove_if_owner, folder, os.getpid())
        return _temporary[name]


def remove_if_owner(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        discard(folder)


def discard(path: str) -> None:
    """Close a folder's environment and delete the folder."""
    path = os.path.realpath(path)
    with _lock:
        known = _environments.pop(path, None)
        if known is not None:
            known.close()
        shutil.rmtree(path, ignore_errors=True)
        for name in [name for name, folder in _temporary.items() if folder == path]:
            del _temporary[name]


class Environment:
    """LMDB's environment, with a map that grows and a file ahead of its need."""

    def __init__(self, path: str, durability: str = "full", map_size: int = MAP_SIZE):
        self.path = path
        self.catalog = Catalog()
        self.lmdb = self.open(path, map_size, DURABILITY[durability])
        self.page_size = self.lmdb.stat()["psize"]
        self.writer = WriterLock(path)
        self.data_path = os.path.join(path, "data.mdb")
        self.data_file = os.open(self.data_path, os.O_RDWR)
        self.file_size = 0
        self.syncs = durability != "none"
        # In a forked child, which leaves all of it to its parent.
        self.inherited = False
        self.state = threading.Condition()
        self.active = 0
        self.growing = False
        self.full = False
        try:
            self.lmdb.reader_check()
            self.check_size()
            self.check_format()
        except BaseException:
            self.close()
            raise

    def open(self, path: str, map_size: int, flags: dict[str, bool]):
        os.makedirs(path, exist_ok=True)
        while True:
            try:
                with opening_what_a_parent_has_open():
                    return lmdb.open(
                        path, map_size=map_size, max_readers=MAX_READERS, **flags
                    )
            except (lmdb.MemoryError, OSError, OverflowError):
                # The process may not have so many addresses.
                if map_size <= SMALLEST_MAP:
                    raise
                map_size //= 2

    def check_size(self) -> None:
        """A file cut short would end the process that reads past its end."""
        size = (self.lmdb.info()["last_pgno"] + 1) * self.page_size
        if os.fstat(self.data_file).st_size < size:
            raise DatabaseError(
                f"The store is damaged: {self.data_path} is shorter than the "
                f"{size} bytes that it should have. Restore a backup."
            )

    def check_format(self) -> None:
        with self.lmdb.begin() as txn:
            stored = txn.get(FORMAT_KEY)
        if stored is None:
            self.writer.acquire(GROWING_SECONDS)
            try:
                with self.lmdb.begin(write=True) as txn:
                    if txn.stat()["entries"] and txn.get(FORMAT_KEY) is None:
                        raise DatabaseError(
                            f"The LMDB store in {self.path} was not made by this "
                            "backend. Name another folder."
                        )
                    txn.put(FORMAT_KEY, pack(FORMAT), overwrite=False)
            finally:
                self.writer.release()
            return
        version = unpack(stored)
        if type(version) is not int or version > FORMAT:
            raise OperationalError(
                f"The store in {self.path} has format {version!r}; this version of "
                f"nonrel_backend reads formats up to {FORMAT}. Use a newer one."
            )

    def close(self) -> None:
        self.lmdb.close()
        for each in (self.writer.file, self.data_file):
            with suppress(OSError):
                os.close(each)

    # --- transactions ---

    def begin_read(self):
        with self.state:
            while self.growing:
                self.state.wait()
            self.active += 1
        try:
            return self.begin()
        except BaseException:
            self.ended()
            raise

    def end_read(self, txn) -> None:
        if self.inherited:
            _inherited.append(txn)
            return
        try:
            txn.abort()
        finally:
            self.ended()

    def begin_write(self, seconds: float):
        """The root of a write transaction; OperationalError when others keep it."""
        self.writer.acquire(seconds)
        try:
            info = self.lmdb.info()
            size = info["map_size"]
            used = (info["last_pgno"] + 1) * self.page_size
            if self.full or used * 2 > size:
                self.resize(size * 2)
                self.full = False
            if self.syncs:
                self.extend_file(used)
            with self.state:
                self.active += 1
            try:
                return self.begin(write=True)
            except BaseException:
                self.ended()
                raise
        except BaseException:
            self.writer.release()
            raise

    def extend_file(self, used: int) -> None:
        """Have the file ready for what a small transaction adds: to flush pages that
        are there takes half as long as to flush a file that has grown.
        """
        if used + AHEAD > self.file_size:
            self.file_size = os.fstat(self.data_file).st_size
        if used + AHEAD > self.file_size:
            with suppress(OSError):  # LMDB says if the disk is full
                os.pwrite(self.data_file, bytes(FILE_STEP), self.file_size)

    def end_write(self) -> None:
        """To be called when the root has been committed or aborted."""
        self.ended()
        self.writer.release()

    def begin(self, **options):
        try:
            return self.lmdb.begin(**options)
        except lmdb.MapResizedError:
            # Another process has made it larger.
            with self.state:
                self.active -= 1
            try:
                self.resize(0)
            finally:
                with self.state:
                    self.active += 1
            return self.lmdb.begin(**options)

    def ended(self) -> None:
        with self.state:
            self.active -= 1
            if self.growing and not self.active:
                self.state.notify_all()

    def resize(self, size: int) -> None:
        """Have a larger map (0: as large as another process has made it)."""
        with self.state:
            while self.growing:
                self.state.wait()
            self.growing = True
            try:
                if not self.state.wait_for(lambda: not self.active, GROWING_SECONDS):
                    raise OperationalError(
                        f"The store in {self.path} needs a larger map, which waits "
                        "for this process's open iterators and transactions to end. "
                        'End them, or set OPTIONS["map_size"] higher from the start.'
                    )
                self.lmdb.set_mapsize(size)
            finally:
                self.growing = False
                self.state.notify_all()
