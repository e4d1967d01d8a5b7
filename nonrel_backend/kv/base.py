"""KeyValueWrapper: a Django connection to a store of rows and ordered entries."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..base import NonrelDatabaseWrapper
from ..catalog.unique import UniqueIndex, UniqueIndexes
from ..query import translated_errors
from . import checking
from .access import Access
from .forms import Forms
from .introspection import KeyValueIntrospection
from .operations import KeyValueOperations
from .schema import KeyValueSchemaEditor


class Tables:
    """The catalog's entries, by the names that the toolkit's catalog has."""

    def __init__(self, store: "KeyValueWrapper") -> None:
        self.store = store

    def names(self) -> list[str]:
        names: list[str] = self.store.read(lambda access: access.names())
        return names

    def find(self, table: str) -> dict[str, Any] | None:
        """Return a table's entry, or None."""
        return self.store.read(
            lambda access: access.entry_of(table) if access.has_table(table) else None
        )

    def entry(self, table: str) -> dict[str, Any]:
        """Return a table's entry, to be changed and saved.

        Raise ProgrammingError if there is no such table.
        """
        entry: dict[str, Any] = self.store.read(lambda access: access.entry_of(table))
        return entry

    copy = entry

    def save(self, table: str, entry: dict[str, Any]) -> None:
        self.store.write(lambda access: access.save_entry(table, entry))


class KeyValueWrapper(NonrelDatabaseWrapper):
    """Base of the DatabaseWrapper of a store that the core knows by its Access."""

    # The stored forms of values.
    forms: Forms
    catalog_class = None
    introspection_class = KeyValueIntrospection
    ops_class = KeyValueOperations
    SchemaEditorClass = KeyValueSchemaEditor

    @property
    def tables(self) -> Tables:
        """The catalog; not kept, which would be a reference cycle."""
        return Tables(self)

    def stored_checks(self, table: str) -> list[dict[str, Any]]:
        checks: list[dict[str, Any]] = self.read(
            lambda access: access.table(table).entry["checks"]
        )
        return checks

    def unique_indexes(self, model: Any) -> list[UniqueIndex]:
        entry = self.tables.entry(model._meta.db_table)
        return UniqueIndexes(self, model, entry["indexes"]).indexes

    # --- for stores ---

    def reading(self) -> AbstractContextManager[Access]:
        """Return the context manager of a statement that reads; it gives an Access."""
        raise NotImplementedError

    def peeking(self) -> AbstractContextManager[Access]:
        """Return reading(), for what will be read again under the writer's lock.

        In a transaction that has read nothing it begins no snapshot, so that the lock
        is not in conflict with it.
        """
        return self.reading()

    def write(self, work: Callable[[Any], Any], nested: bool = True) -> Any:
        """Return `work(access)`, run as one statement; roll it back if it fails.

        Without `nested`, `work` must change nothing before it fails: it needs no
        savepoint inside an open transaction.
        """
        raise NotImplementedError

    def lock(self) -> None:
        """Become the only writer until the open transaction, if any, ends."""

    # --- statements ---

    def tables_with_rows(self, tables: Sequence[str]) -> set[str]:
        def work(access: Access) -> set[str]:
            return {name for name in tables if access.total(access.table(name)) != 0}

        found: set[str] = self.read(work)
        return found

    def read(self, work: Callable[[Any], Any]) -> Any:
        """Return `work(access)`, run in the open transaction or in one for reading."""
        with translated_errors(self), self.reading() as access:
            return work(access)

    def all_or_nothing(self, work: Callable[[], Any]) -> Any:
        return self.write(lambda access: work())

    def check_store(self, fix: bool = False) -> list[str]:
        """Return a sentence for each disagreement of rows and entries.

        With `fix`, repair the entries.
        """
        found: list[str] = self.write(
            lambda access: list(checking.problems(access, fix))
        )
        return found
