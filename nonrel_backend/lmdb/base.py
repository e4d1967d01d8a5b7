"""The DatabaseWrapper for LMDB: NAME is the folder that holds the store."""

import os
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import lmdb
from django.core.exceptions import ImproperlyConfigured

from ..base import TransactionSavepoints
from ..catalog.schema import RowChange
from ..kv.base import KeyValueWrapper
from ..kv.operations import TreesOperations
from ..query import translated_errors
from .access import LMDBWriter
from .backups import copy_whole
from .checking import damage_of_file, damage_of_tree
from .creation import DatabaseCreation
from .environment import (
    DURABILITY,
    MAP_SIZE,
    MAX_READERS,
    Environment,
    environment,
    is_temporary,
    locked_environment,
    temporary_folder,
)
from .errors import opening_error, translate
from .features import DatabaseFeatures
from .transactions import Reading, Transaction
from .values import FORMS

TEMPORARY = ":memory:"
OPTIONS = {"durability", "timeout", "map_size", "max_readers", "checksums"}
# Seconds that a writer waits for another: the default of Python's sqlite3, too.
TIMEOUT = 5.0
_connected: weakref.WeakSet["DatabaseWrapper"] = weakref.WeakSet()
# Transactions of the parent of a forked child, referenced so that they are not closed.
_inherited: list[Any] = []


def disconnect_after_fork() -> None:
    """Have a forked child connect anew and leave its parent's transactions alone."""
    for wrapper in list(_connected):
        if wrapper.connection is not None:
            _inherited.append(wrapper.connection)
            wrapper.connection = None
            wrapper.in_atomic_block = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=disconnect_after_fork)


class DatabaseWrapper(TransactionSavepoints, KeyValueWrapper):
    """A connection to a store. NAME is a folder, or ":memory:" for a temporary store
    that is deleted when the process ends.

    OPTIONS:

    * `durability`: what survives a crash of the machine: "full" (default): every
      committed transaction; "no-metasync": all but the last one; "none": possibly
      nothing. A crash of the process alone loses nothing.
    * `timeout`: seconds that a writer waits for another one (default 5).
    * `map_size`: bytes of the memory map. A store that outgrows it gets a larger one
      between transactions.
    * `max_readers`: how many iterators and transactions of all processes may read at
      once (default 1,024).
    * `checksums`: whether new tables store a checksum with each row and index entry,
      which is verified when it is read (default True).
    """

    vendor = "lmdb"
    display_name = "LMDB"
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    ops_class = TreesOperations
    forms = FORMS
    connection: Transaction | None

    def get_connection_params(self) -> dict[str, Any]:
        settings = self.settings_dict
        if not settings["NAME"]:
            raise ImproperlyConfigured(
                "settings.DATABASES is improperly configured. "
                "Please supply the NAME value: the folder of the store."
            )
        options = super().get_connection_params()
        temporary = str(settings["NAME"]).startswith(TEMPORARY)
        default = "none" if temporary else "full"
        self.check_options(OPTIONS, {"durability": [*DURABILITY]})
        return {
            "path": self.folder(settings["NAME"]),
            "durability": options.get("durability", default),
            "map_size": int(options.get("map_size", MAP_SIZE)),
            "max_readers": int(options.get("max_readers", MAX_READERS)),
            "checksums": bool(options.get("checksums", True)),
        }

    def folder(self, name: Any) -> str:
        """Return the folder of a NAME."""
        name = os.fspath(name)
        return temporary_folder(name) if name.startswith(TEMPORARY) else name

    @property
    def timeout(self) -> float:
        return float(self.settings_dict["OPTIONS"].get("timeout", TIMEOUT))

    def get_new_connection(self, conn_params: dict[str, Any]) -> Transaction:
        path = conn_params["path"]
        try:
            found = environment(**conn_params)
        except (lmdb.Error, OSError) as error:
            raise opening_error(path, error) from error
        _connected.add(self)
        return Transaction(found, self.timeout)

    @property
    def transaction(self) -> Transaction:
        """The open transaction; connect first if necessary."""
        self.ensure_connection()
        return self.connection  # type: ignore[return-value]

    @property
    def environment(self) -> Environment:
        return self.transaction.environment

    def translate_error(self, error: BaseException) -> Exception | None:
        if isinstance(error, lmdb.MapFullError) and self.connection is not None:
            self.connection.environment.full = True
        return translate(error)

    def get_database_version(self) -> tuple[int, ...]:
        return lmdb.version()

    # --- reading and writing ---

    def reading(self) -> Reading:
        return self.transaction.reading()

    def peeking(self) -> Reading:
        return self.transaction.reading(peeks=True)

    def lock(self) -> None:
        self.transaction.lock()

    def write(self, work: Callable[[Any], Any], nested: bool = True) -> Any:
        """Return `work(access)`, run as one statement; roll it back if it fails.

        If the map is full and the transaction has written nothing before, retry in a
        larger map. Without `nested`, `work` must change nothing before it fails: it
        runs without a transaction of its own inside an open one.
        """
        with translated_errors(self):
            first_write = self.transaction.current is None
            while True:
                try:
                    with self.transaction.writing(nested) as txn:
                        return work(LMDBWriter(self.environment, txn))
                except lmdb.MapFullError:
                    if not first_write:
                        raise
                self.environment.full = True
                self.transaction.start_over()

    # --- upkeep ---

    def check_store(self, fix: bool = False) -> list[str]:
        """Return a sentence for each problem of the store; block writers meanwhile.

        If the file is damaged, only that is reported. Otherwise the sentences tell
        where rows and indexes disagree, which `fix` repairs.
        """
        # First, since to read a damaged page could crash the process.
        path = self.get_connection_params()["path"]
        is_writer = self.connection is not None and self.connection.current is not None
        try:
            if is_writer or not os.path.isdir(path):
                damage = damage_of_file(path)
            else:
                with locked_environment(path, self.timeout):
                    damage = damage_of_file(path)
        except OSError as error:
            raise opening_error(path, error) from error
        if damage:
            return damage

        def work(access: LMDBWriter) -> list[str]:
            # Tables are read anew, and so checked, too.
            self.environment.tables.cached.clear()
            damage = list(damage_of_tree(access.now()))
            return damage or super(DatabaseWrapper, self).check_store(fix)

        found: list[str] = self.write(work)
        return found

    def add_checksums(self) -> list[str]:
        """Give checksums to the rows of tables without; return the tables' names.

        Each table is rewritten in a transaction of its own, and blocks other writers.
        """
        names = [
            name
            for name in self.tables.names()
            if "checksums" not in self.tables.entry(name)
        ]
        same = RowChange(set(), lambda row: {})

        def rewrite(name: str, access: LMDBWriter) -> None:
            entry = access.entry_of(name)
            access.rewrite(access.table(name), entry, same, rekeyed=True)

        for name in names:
            self.write(partial(rewrite, name))
        return names

    def backup(self, path: str | os.PathLike) -> None:
        """Copy the committed store to a new or empty folder, while others use it.

        Raise OperationalError, and leave nothing there, if it cannot be written.
        """
        with translated_errors(self):
            copy_whole(self.environment.lmdb, os.path.abspath(path))

    # --- transactions ---

    def _set_autocommit(self, autocommit: bool) -> None:
        with translated_errors(self):
            self.transaction.set_autocommit(autocommit)

    def close(self) -> None:
        """Close the connection, but leave the transaction of a TestCase open.

        Test suites close connections within the transactions of their tests, whose
        rows would be lost. SQLite in memory, which such suites know, stays open, too.
        """
        self.validate_thread_sharing()
        blocks = self.atomic_blocks
        if self.connection is not None and blocks and blocks[0]._from_testcase:
            if is_temporary(self.connection.environment.path):
                return
        super().close()

    def _close(self) -> None:
        # The environment stays open: the threads of the process share it.
        if self.connection is not None:
            self.connection.close()

    def is_usable(self) -> bool:
        return self.connection is not None and not self.connection.closed
