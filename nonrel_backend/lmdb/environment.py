"""The LMDB environment of a folder: one per process, shared by its threads."""

import atexit
import errno
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import lmdb
from django.db import DatabaseError, OperationalError

from ..kv.trees import TableCache
from .access import Txn
from .locking import WriterLock
from .tables import FORMAT, FORMAT_KEY
from .values import pack, unpack

# The map takes addresses, not disk space: the file grows as it is filled. 1 TB of the
# 128 TB of addresses of a 64-bit process; Windows and 32 bits allocate what they map.
MAP_SIZE = 1 << 40 if sys.maxsize > 1 << 32 and os.name == "posix" else 1 << 30
# The smallest map to try if the process may not have so many addresses (ulimit -v).
SMALLEST_MAP = 1 << 20
# The file is extended by 1 MB as soon as less than 256 KB of it are free: a transaction
# of up to 64 pages finds room, and one in some dozens pays for the extension.
FILE_STEP, AHEAD = 1 << 20, 1 << 18
# Read transactions of all processes that may be open at once; LMDB's default is 126.
MAX_READERS = 1024
# Bytes of the lock file: for each of them, and for the rest.
READER_SIZE, LOCK_HEADER_SIZE = 64, 128
# Bytes of disk that a new store needs: LMDB's first pages, and the catalog's.
LEAST_SPACE = 1 << 16
# Seconds after which a writer looks for readers whose process has ended: until then,
# the pages that they read are not used again.
READER_CHECK_SECONDS = 10.0
DURABILITY: dict[str, dict[str, bool]] = {
    "full": {},
    "no-metasync": {"metasync": False},
    "none": {"metasync": False, "sync": False},
}
# How long to wait for the other transactions of the process before the map is resized:
# longer than a request usually takes, shorter than its client usually waits.
GROWING_SECONDS = 10.0

_environments: dict[str, "Environment"] = {}
_lock = threading.RLock()
# Environments and transactions of the parent of a forked child, referenced so that they
# are never closed in the child.
_inherited: list[Any] = []
_temporary: dict[str, str] = {}


def environment(path: str, **options: Any) -> "Environment":
    """Return the process's environment for a folder; open it if necessary."""
    path = os.path.realpath(path)
    with _lock:
        if path not in _environments:
            _environments[path] = Environment(path, **options)
        return _environments[path]


@contextmanager
def locked_environment(path: str, seconds: float) -> Iterator[None]:
    """Keep all writers from the store in a folder, which need not be open.

    Raise OperationalError if others write for so many seconds.
    """
    with ExitStack() as stack:
        stack.enter_context(_lock)
        known = _environments.get(os.path.realpath(path))
        if known is not None:
            stack.close()
            lock = known.writer
        else:
            # Nobody may open it meanwhile: to close the file releases the locks that
            # the process has on it.
            lock = WriterLock(path)
            stack.callback(os.close, lock.file)
        lock.acquire(seconds)
        stack.callback(lock.release)
        yield


def forget_after_fork() -> None:
    """Have a forked child open its own environments, with its own locks."""
    global _lock
    _lock = threading.RLock()
    for each in _environments.values():
        each.inherited = True
        for file in (each.writer.file, each.data_file, each.lock_file):
            os.close(file)
    _inherited.extend(_environments.values())
    _environments.clear()


@contextmanager
def opening_what_a_parent_has_open() -> Iterator[None]:
    """Disable py-lmdb's check that a file is open only once, in a forked child.

    The child must not close the environment of its parent to open its own: that would
    end the parent's read transactions.
    """
    if not _inherited:
        yield
        return
    # Private to py-lmdb, so imported only in a child that needs it.
    from lmdb import _envid

    guard, _envid.env_keys = _envid.env_keys, lambda path, subdir: ()
    try:
        yield
    finally:
        _envid.env_keys = guard


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_after_fork)


def temporary_folder(name: str) -> str:
    """Return the folder of a temporary store; the process that made it deletes it."""
    with _lock:
        if name not in _temporary:
            memory = Path("/dev/shm")
            parent = memory if os.access(memory, os.W_OK) else None
            folder = tempfile.mkdtemp(prefix="nonrel_lmdb_", dir=parent)
            _temporary[name] = folder
            atexit.register(remove_if_owner, folder, os.getpid())
        return _temporary[name]


def is_temporary(path: str) -> bool:
    """Return whether a folder is a temporary store's, or a clone of one for tests."""
    return any(
        path == folder or path.startswith(f"{folder}_")
        for folder in _temporary.values()
    )


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


def check_space(path: str, data_path: str) -> None:
    """Raise OSError if the disk has no space for a new store.

    What LMDB wrote of the first pages before the disk was full would not be a store.
    """
    is_new = not os.path.exists(data_path)
    if is_new and shutil.disk_usage(path).free < LEAST_SPACE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def reserved_lock_file(path: str, max_readers: int) -> int:
    """Return LMDB's lock file, open, with space on the disk for all of it.

    LMDB writes to it through a memory map, where a full disk kills the process. Raise
    OSError if the disk is full. It must stay open while LMDB has it open: to close a
    file releases all locks that the process has on it.
    """
    name = os.path.join(path, "lock.mdb")
    file = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        # Another process may have mapped what there is: that must not grow.
        reserve(file, max_readers * READER_SIZE + LOCK_HEADER_SIZE)
    except BaseException:
        os.close(file)
        raise
    return file


def reserve(file: int, size: int = 0) -> None:
    """Take the space of a file on the disk; give an empty one so many bytes.

    Raise OSError if the disk is full.
    """
    size = os.fstat(file).st_size or size
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)


def close_file(file: int) -> None:
    with suppress(OSError):
        os.close(file)


class Environment:
    """LMDB's environment, with a map that grows and a file that is extended early."""

    def __init__(
        self,
        path: str,
        durability: str = "full",
        map_size: int = MAP_SIZE,
        max_readers: int = MAX_READERS,
        checksums: bool = True,
    ) -> None:
        self.path = path
        # Whether the rows of new tables get checksums.
        self.checksums = checksums
        self.tables = TableCache()
        os.makedirs(path, exist_ok=True)
        self.data_path = os.path.join(path, "data.mdb")
        # What close() closes, in this order.
        self.closing = ExitStack()
        try:
            self.lock_file = reserved_lock_file(path, max_readers)
            self.closing.callback(close_file, self.lock_file)
            check_space(path, self.data_path)
            self.lmdb = self.open(path, map_size, max_readers, DURABILITY[durability])
            self.closing.callback(self.lmdb.close)
            reserve(self.lock_file)
            self.writer = WriterLock(path)
            self.closing.callback(close_file, self.writer.file)
            self.data_file = os.open(self.data_path, os.O_RDWR)
            self.closing.callback(close_file, self.data_file)
            self.lmdb.reader_check()
        except BaseException:
            self.close()
            raise
        self.page_size = self.lmdb.stat()["psize"]
        # When to look for dead readers, by the monotonic clock.
        self.next_check = time.monotonic() + READER_CHECK_SECONDS
        self.file_size = 0
        self.syncs = durability != "none"
        # Large counts of ranges of indexes: {(tree, range): (version, count)}.
        self.counts: dict[tuple[Any, ...], tuple[Any, int]] = {}
        # Whether this process is a forked child and the environment is its parent's.
        self.inherited = False
        # Guards the three attributes that follow.
        self.state = threading.Condition()
        # How many transactions of this process are open.
        self.active = 0
        # Whether the map is being resized: no transaction may begin.
        self.growing = False
        # Whether a transaction has found the map full: the next one gets a larger map.
        self.full = False
        try:
            self.check_size()
            self.check_format()
        except BaseException:
            self.close()
            raise

    def open(
        self, path: str, map_size: int, max_readers: int, flags: dict[str, bool]
    ) -> lmdb.Environment:
        while True:
            try:
                with opening_what_a_parent_has_open():
                    return lmdb.open(
                        path, map_size=map_size, max_readers=max_readers, **flags
                    )
            except (lmdb.MemoryError, OSError, OverflowError):
                # The process may not have so many addresses.
                if map_size <= SMALLEST_MAP:
                    raise
                map_size //= 2

    def check_size(self) -> None:
        """Raise DatabaseError for a truncated file: to read past its end is a crash."""
        size = (self.lmdb.info()["last_pgno"] + 1) * self.page_size
        if os.fstat(self.data_file).st_size < size:
            raise DatabaseError(
                f"The store is damaged: {self.data_path} is shorter than the "
                f"{size} bytes that it should have. Restore a backup."
            )

    def check_format(self) -> None:
        """Write the format of a new store; raise an error for an unknown one."""
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
                f"The store in {self.path} has format {version!r}, but this version of "
                f"nonrel_backend reads formats up to {FORMAT}. Use a newer version."
            )

    def close(self) -> None:
        self.closing.close()

    # --- transactions ---

    def begin_read(self) -> Txn:
        with self.state:
            while self.growing:
                self.state.wait()
            self.active += 1
        try:
            return self.begin()
        except BaseException:
            self.ended()
            raise

    def end_read(self, txn: Txn) -> None:
        if self.inherited:
            _inherited.append(txn)
            return
        try:
            txn.abort()
        finally:
            self.ended()

    def begin_write(self, seconds: float) -> Txn:
        """Return a new write transaction.

        Raise OperationalError if other writers hold the lock for so many seconds.
        """
        self.writer.acquire(seconds)
        try:
            if time.monotonic() > self.next_check:
                self.next_check = time.monotonic() + READER_CHECK_SECONDS
                self.lmdb.reader_check()
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
        """Extend the file before a small transaction needs it.

        To flush pages of the file takes half as long as to flush a file that grew.
        """
        if used + AHEAD > self.file_size:
            self.file_size = os.fstat(self.data_file).st_size
        if used + AHEAD > self.file_size:
            with suppress(OSError):  # LMDB raises an error if the disk is full
                os.pwrite(self.data_file, bytes(FILE_STEP), self.file_size)

    def end_write(self) -> None:
        """Release the locks after a write transaction was committed or aborted."""
        self.ended()
        self.writer.release()

    def begin(self, **options: Any) -> Txn:
        try:
            return self.lmdb.begin(**options)
        except lmdb.ReadersFullError as error:
            if self.lmdb.reader_check():  # so many were of processes that have ended
                return self.lmdb.begin(**options)
            readers = self.lmdb.info()["max_readers"]
            raise OperationalError(
                f"{readers} iterators and transactions are reading {self.path}, and "
                'no more may. End some, or set a higher OPTIONS["max_readers"]; it '
                "takes effect when no process has the store open."
            ) from error
        except lmdb.MapResizedError:
            # Another process has enlarged the map.
            with self.state:
                self.active -= 1
            try:
                self.resize(0)
            finally:
                with self.state:
                    self.active += 1
            return self.lmdb.begin(**options)

    def ended(self) -> None:
        """Count one open transaction less."""
        with self.state:
            self.active -= 1
            if self.growing and not self.active:
                self.state.notify_all()

    def resize(self, size: int) -> None:
        """Resize the map to so many bytes, or to the size another process gave it (0).

        Raise OperationalError if the process's open transactions do not end in time.
        """
        with self.state:
            while self.growing:
                self.state.wait()
            self.growing = True
            try:
                if not self.state.wait_for(lambda: not self.active, GROWING_SECONDS):
                    raise OperationalError(
                        f"The store in {self.path} needs a larger map, but iterators "
                        "or transactions of this process are still open. End them, "
                        'or set a higher OPTIONS["map_size"].'
                    )
                self.lmdb.set_mapsize(size)
            finally:
                self.growing = False
                self.state.notify_all()
