"""The DatabaseWrapper for LMDB: NAME is the folder that holds the store."""

import os
import weakref
from collections.abc import Callable
from typing import Any

import lmdb
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from lmdb.verify import verify

from ..base import NonrelDatabaseWrapper
from ..query import translated_errors
from . import catalog, checking
from .catalog import Table
from .creation import DatabaseCreation
from .environment import (
    DURABILITY,
    MAP_SIZE,
    Environment,
    environment,
    temporary_folder,
)
from .errors import translate
from .features import DatabaseFeatures
from .introspection import DatabaseIntrospection
from .operations import DatabaseOperations
from .schema import DatabaseSchemaEditor
from .transactions import Transaction

TEMPORARY = ":memory:"
# How long a writer waits for another, as in Django's SQLite.
TIMEOUT = 5.0
_connected: weakref.WeakSet["DatabaseWrapper"] = weakref.WeakSet()
_inherited: list[Any] = []


def disconnect_after_fork() -> None:
    """A forked child connects anew; its parent's transactions stay its parent's."""
    for wrapper in list(_connected):
        if wrapper.connection is not None:
            _inherited.append(wrapper.connection)
            wrapper.connection = None
            wrapper.in_atomic_block = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=disconnect_after_fork)


class DatabaseWrapper(NonrelDatabaseWrapper):
    """NAME is a folder, or ":memory:" for a store that ends with the process.

    OPTIONS: `durability`: "full" (default: what is committed survives a crash of the
    machine), "no-metasync" (the last transaction may be lost then), "none" (the
    store may be, not by a crash of the process alone); `timeout`: seconds that a
    writer waits for another (default 5); `map_size`: the most that the store may
    grow to before it needs a larger map, in bytes.
    """

    vendor = "lmdb"
    display_name = "LMDB"
    own_options = NonrelDatabaseWrapper.own_options
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor
    catalog_class = None
    connection: Transaction | None

    def get_connection_params(self) -> dict[str, Any]:
        settings = self.settings_dict
        if not settings["NAME"]:
            raise ImproperlyConfigured(
                "settings.DATABASES is improperly configured. "
                "Please supply the NAME value: the folder of the store."
            )
        options = super().get_connection_params()
        unknown = set(options) - {"durability", "timeout", "map_size"}
        if unknown:
            raise ImproperlyConfigured(
                f"LMDB has no OPTIONS {', '.join(sorted(unknown))}; it has durability, "
                "timeout, map_size and local_rows."
            )
        temporary = str(settings["NAME"]).startswith(TEMPORARY)
        durability = options.get("durability", "none" if temporary else "full")
        if durability not in DURABILITY:
            raise ImproperlyConfigured(
                f"OPTIONS['durability'] is {durability!r}; it must be one of "
                f"{', '.join(DURABILITY)}."
            )
        return {
            "path": self.folder(settings["NAME"]),
            "durability": durability,
            "map_size": int(options.get("map_size", MAP_SIZE)),
        }

    def folder(self, name: Any) -> str:
        """The folder that a NAME stands for."""
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
            kind = type(translate(error) or OperationalError())
            raise kind(f"The store in {path} cannot be opened: {error}") from error
        _connected.add(self)
        return Transaction(found, self.timeout)

    @property
    def transaction(self) -> Transaction:
        """What is open now; connects when needed."""
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

    def kept_checks(self, table: str) -> list[dict[str, Any]]:
        return self.read(lambda txn: self.table(txn, table).entry["checks"])

    # --- reading and writing ---

    def table(self, txn, name: str) -> Table:
        """A table as the transaction sees it; ProgrammingError for none."""
        return self.environment.catalog.table(txn, name)

    def read(self, work: Callable[[Any], Any]) -> Any:
        """`work(txn)` on what may be read now."""
        with translated_errors(self), self.transaction.reading() as now:
            return work(now())

    def write(self, work: Callable[[Any], Any], nested: bool = True) -> Any:
        """`work(txn)` as one statement, all of it or nothing; again in a larger map
        where it was too small and the transaction has written nothing else.
        """
        with translated_errors(self):
            first = self.transaction.current is None
            while True:
                try:
                    with self.transaction.writing(nested) as txn:
                        return work(txn)
                except lmdb.MapFullError:
                    if not first:
                        raise
                self.environment.full = True
                self.transaction.start_over()

    def all_or_nothing(self, work: Callable[[], Any]) -> Any:
        return self.write(lambda txn: work())

    # --- upkeep ---

    def check_store(self, fix: bool = False) -> list[str]:
        """A sentence for all that is wrong with the file, or else for each disagreement
        of rows and indexes, which `fix` repairs. Nobody can write meanwhile.
        """

        def work(txn):
            damage = verify(self.environment.data_path)
            if damage:  # which could end the process that goes there
                return [f"The file is damaged: {each}" for each in damage]
            names = [name for name, _ in catalog.entries(txn)]
            tables = [self.table(txn, name) for name in names]
            return list(checking.problems(txn, tables, fix))

        return self.write(work)

    def backup(self, path: str | os.PathLike) -> None:
        """Copy the store as it is now, while others use it, to a new folder."""
        os.makedirs(path, exist_ok=True)
        if os.listdir(path):
            raise OperationalError(f"{path} is not empty: name a new folder.")
        with translated_errors(self):
            self.environment.lmdb.copy(os.fspath(path), compact=True)

    # --- transactions ---

    def _set_autocommit(self, autocommit: bool) -> None:
        with translated_errors(self):
            self.transaction.set_autocommit(autocommit)

    def set_savepoint(self, sid: str) -> None:
        self.transaction.savepoint(sid)

    def undo_savepoint(self, sid: str) -> None:
        self.transaction.rollback_to(sid)

    def release_savepoint(self, sid: str) -> None:
        self.transaction.release(sid)

    def _close(self) -> None:
        # The environment is the process's, shared with other threads: it stays open.
        if self.connection is not None:
            self.connection.close()

    def is_usable(self) -> bool:
        return self.connection is not None and not self.connection.closed
