"""The connection, and what the store keeps in the place of the toolkit's catalog."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import NotSupportedError

from backend_template import base
from nonrel_backend.catalog.tables import Catalog
from nonrel_backend.client import NonrelDatabaseClient

from .store import Connection


class DatabaseClient(NonrelDatabaseClient):
    executable_name = "native-shell"

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: list[str]
    ) -> tuple[list[str], None]:
        return [cls.executable_name, settings_dict["NAME"], *parameters], None


class NativeCatalog(Catalog):
    def next_keys(self, table: str, count: int) -> Iterable[int]:
        last = self.store.db_connection.increment(table, count)
        return range(last - count + 1, last + 1)

    def advance(self, table: str, key: int) -> None:
        self.store.db_connection.increment(table, 0, key)

    def last_key(self, table: str) -> int | None:
        return self.store.db_connection.increment(table, 0)

    def reset(self, table: str) -> None:
        with self.store.db_connection.writing("counters") as counters:
            counters.pop(table, None)

    def add_index(
        self, table: str, name: str, columns: list[str], unique: bool
    ) -> None:
        if not unique:
            raise NotSupportedError("The store has unique indexes only.")
        self.store.db_connection.indexes[table][name] = columns

    def remove_index(self, table: str, name: str) -> None:
        del self.store.db_connection.indexes[table][name]


class DatabaseWrapper(base.DatabaseWrapper):
    vendor = display_name = "native"
    catalog_class = NativeCatalog
    client_class = DatabaseClient

    def get_new_connection(self, conn_params: Any) -> Connection:
        return Connection(self.settings_dict["NAME"])

    def check_store(self, fix: bool = False) -> list[str]:
        found = super().check_store(fix)
        return [*found, "The store is dusty."]

    def backup(self, path: str) -> None:
        Path(path).write_text("the rows")
