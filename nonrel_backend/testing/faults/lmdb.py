"""The faults of LMDB: killed processes, a full disk, a lost last flush."""

import os
import resource
import shutil
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, connections

from nonrel_backend.lmdb.environment import READER_CHECK_SECONDS, discard

from . import judge
from .database import read_state
from .ledger import read
from .store import FaultyStore

DEADLINE = 5.0
COPY = "copy"
# What a worker's ledger grows by in a fault, in bytes: it has room on a full disk.
LEDGER_ROOM = 100_000
# Pages 0 and 1 are LMDB's meta pages. A commit writes one of them, in turn, with the
# number of its transaction; the one with the higher number counts.
PAGE, NUMBER_AT = 4096, 144
NUMBER = struct.Struct("<Q")
PROMISES = judge.Promises(deadline=DEADLINE)


def entry(folder: Path) -> dict[str, Any]:
    """Return the entry of DATABASES for the store in a folder."""
    return {
        "ENGINE": "nonrel_backend.lmdb",
        "NAME": str(folder),
        "OPTIONS": {"timeout": DEADLINE},
    }


class Faults(FaultyStore):
    """A store whose writers and readers are killed, and whose disk is full."""

    promises = PROMISES

    def start(self) -> dict[str, Any]:
        self.store = self.folder / "store"
        self.data = self.store / "data.mdb"
        return entry(self.store)

    def faults(self) -> dict[str, Callable[[], object]]:
        return {
            "worker killed": self.workers.kill,
            "two workers killed at once": lambda: self.workers.kill(2),
            "disk full": self.fill,
            "last flush lost": self.lose_flush,
        }

    def fill(self) -> None:
        """Let no worker write beyond some place of the file, as on a full disk."""
        ledgers = max(path.stat().st_size for path in self.workers.ledgers)
        info = connections[DEFAULT_DB_ALIAS].environment.lmdb.info()
        used = info["last_pgno"] * PAGE
        limit = max(int(used * self.chance.uniform(0.2, 1)), ledgers + LEDGER_ROOM)
        for pid in self.workers.pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, -1))
        self.wait(0.3, 1.5)
        for pid in self.workers.pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (-1, -1))

    def lose_flush(self) -> None:
        """Look at the store as a power cut would leave it that lost the last flush.

        A commit flushes its pages before it writes its meta page. If that did not
        reach the disk, the store is what the commit before has left.
        """
        folder = self.folder / "cut"
        folder.mkdir()
        data = folder / "data.mdb"
        for pid in self.workers.pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            shutil.copyfile(self.data, data)
            for path in self.workers.ledgers:
                shutil.copy(path, folder)
        finally:
            for pid in self.workers.pids:
                os.kill(pid, signal.SIGCONT)
        forget_last_commit(data)
        self.problems += [f"after a power cut: {each}" for each in examined(folder)]

    def heal(self) -> None:
        """Wait until the writers have cleared the readers that were killed."""
        until = time.monotonic() + READER_CHECK_SECONDS + judge.GRACE_SECONDS
        while dead := dead_readers():
            if time.monotonic() > until:
                self.problems.append(f"pages are pinned: by the dead readers {dead}.")
                return
            time.sleep(0.1)

    def check(self) -> list[str]:
        return checked(DEFAULT_DB_ALIAS)

    def stop(self) -> None:
        connections[DEFAULT_DB_ALIAS].close()


def dead_readers() -> list[int]:
    """Return the ids of the killed processes whose read transactions are still open."""
    _, *lines = connections[DEFAULT_DB_ALIAS].environment.lmdb.readers().splitlines()
    readers = [line.split() for line in lines]
    open_by = {int(pid) for pid, _, number in readers if number != "-"}
    return sorted(pid for pid in open_by if not Path(f"/proc/{pid}").exists())


def forget_last_commit(path: Path) -> None:
    """Take the newest meta page of a file back."""
    with path.open("r+b") as file:
        places = (NUMBER_AT, PAGE + NUMBER_AT)
        numbers = []
        for place in places:
            file.seek(place)
            numbers.append(NUMBER.unpack(file.read(NUMBER.size))[0])
        file.seek(places[numbers.index(max(numbers))])
        file.write(NUMBER.pack(0))


def examined(folder: Path) -> list[str]:
    """Return what is wrong with the store in a folder, by the ledgers beside it.

    Its last commit may be missing.
    """
    connections.settings[COPY] = connections.configure_settings(
        {DEFAULT_DB_ALIAS: entry(folder)}
    )[DEFAULT_DB_ALIAS]
    try:
        state = read_state(COPY)
        found = judge.wrong_rows(read(folder), state, PROMISES, lost=1)
        return found + checked(COPY)
    except Error as error:
        return [f"it cannot be read: {error}"]
    finally:
        connections[COPY].close()
        del connections[COPY], connections.settings[COPY]
        discard(str(folder))


def checked(alias: str) -> list[str]:
    """Return what nonrel_check says."""
    return [f"nonrel_check: {each}" for each in connections[alias].check_store()]
