"""The catalog of tables, DynamoDB's tables that migrate did not make, next keys."""

import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import cached_property

from ..catalog.columns import describe
from ..catalog.tables import OWN_TABLES, SEQUENCES
from ..kv.cached_catalog import CatalogCache
from ..kv.conditional_catalog import ConditionalCatalog
from ..kv.keys import make_keys
from ..query import translated_errors
from ..values.storing import INT64, no_key_left
from .errors import code_of
from .expressions import ENTRY, PARTITION
from .filters import VERSION
from .items import key_tag
from .native_tables import NOT_FOUND, NativeTables
from .options import expiring_tables, option, parts_of_table, unmanaged_models
from .store import COMMITS_TABLE
from .tables import INDEX_TABLE, DynamoTable

# The keys of the tables of the backend that are not the catalog's.
OWN_KEYS = {
    INDEX_TABLE: [(PARTITION, "S"), (ENTRY, "B")],
    COMMITS_TABLE: [("id", "S")],
}
CONDITION_FAILED = "ConditionalCheckFailedException"
LARGEST_INT = 2**31 - 1


class DynamoCache(CatalogCache):
    """A cached catalog, with whether the tables of the backend itself are there."""

    is_made = False

    def clear(self) -> None:
        super().clear()
        self.is_made = False


@lru_cache(maxsize=256)
def shared_cache(settings: tuple, prefix: str) -> DynamoCache:
    """Return the process's cache of the catalog of a database."""
    return DynamoCache()


class DynamoCatalog(ConditionalCatalog):
    """The cached catalog.

    In an entry, "id" is the name under which DynamoDB has the table, if that is not
    the table's: renaming moves nothing. An index has an "id", too. See DynamoTable for
    what else is in it.
    """

    @property
    def cache(self) -> DynamoCache:
        return shared_cache(self.store.db_connection.settings, self.store.prefix)

    @cached_property
    def native(self) -> NativeTables:
        return NativeTables(self.store)

    # --- entries ---

    def own_entry(self, name: str) -> dict[str, Any]:
        return {**super().own_entry(name), "checks": [], "unindexed": True}

    def made_table(self, name: str, entry: dict[str, Any]) -> DynamoTable:
        native = entry.get("physical") or self.store.physical(entry.get("id", name))
        table = DynamoTable(name, entry, native)
        model = unmanaged_models().get(name) if entry.get("existing") else None
        if option(model, "where") is not None:
            table.restrict(parts_of_table(self.store, model))
        table.expires = name in expiring_tables()
        return table

    def find(self, table: str) -> dict[str, Any] | None:
        found = self.cache.get(table)
        if found is not None:
            return found.entry
        entry = self.read_or(None, super().find, table) or self.existing_entry(table)
        if entry is not None:
            self.cache.put(table, entry)
        return entry

    def names(self) -> list[str]:
        names: list[str] = self.read_or([], super().names)
        return names

    def existing(self, names: Any) -> list[str]:
        found: list[str] = self.read_or([], super().existing, names)
        return found

    def read_or(self, default: Any, read: Callable[..., Any], *arguments: Any) -> Any:
        """Return what was read of the catalog, `default` if there is no catalog."""
        try:
            return read(*arguments)
        except Exception as error:
            if code_of(error) == NOT_FOUND or code_of_cause(error) == NOT_FOUND:
                return default
            raise

    def save(self, table: str, entry: dict[str, Any]) -> None:
        self.make_own_tables()
        super().save(table, entry)

    def remove(self, table: str) -> None:
        self.make_own_tables()
        super().remove(table)

    def make_own_tables(self) -> None:
        """Create the tables of the backend itself that do not exist."""
        if self.cache.is_made:
            return
        with translated_errors(self.store):
            for name in sorted(OWN_TABLES):
                schema = self.table(name).key_schema()
                self.native.ensure(self.store.physical(name), schema)
            for name, key in OWN_KEYS.items():
                self.native.ensure(self.store.physical(name), key_schema(key))
        self.cache.is_made = True

    def own_names(self) -> set[str]:
        """Return the names that DynamoDB has for the tables of the backend itself."""
        return {self.store.physical(name) for name in (*OWN_TABLES, *OWN_KEYS)}

    def ids(self) -> set[str]:
        """Return the ids of all tables."""
        return {self.entry(name).get("id", name) for name in self.cached_names()}

    def cached_names(self) -> list[str]:
        """Return the names of all tables; their entries are cached then."""
        return self.existing(self.names())

    # --- tables that migrate did not make ---

    def existing_entry(self, table: str) -> dict[str, Any] | None:
        """Return the entry of an unmanaged model whose table is there.

        Raise ImproperlyConfigured if the table has another key than the model.
        """
        model = unmanaged_models().get(table)
        if model is None:
            return None
        name, found = self.native.described(option(model, "table", table))
        if found is None:
            return None
        fields = [each for each in model._meta.local_concrete_fields if each.column]
        columns = [described(each, self.store) for each in fields]
        key = [each.column for each in model._meta.pk_fields]
        check_key(model, columns, key, name, found)
        known = {each["name"] for each in columns}
        indexes = [
            native_index(kind, each)
            for kind in ("Global", "Local")
            for each in found.get(f"{kind}SecondaryIndexes", ())
            if {part["AttributeName"] for part in each["KeySchema"]} <= known
        ]
        return {
            "columns": columns,
            "key": key,
            "indexes": indexes,
            "checks": [],
            "existing": True,
            "physical": name,
        }

    # --- keys ---

    def next_keys(self, table: str, count: int) -> Any:
        if self.store.option("keys", "time") != "sequence":
            return make_keys(count)
        last = self.change_last(
            table,
            "SET #v = :v ADD #last :n",
            "attribute_not_exists(#last) OR #last <= :most",
            {":n": count, ":most": self.largest_key(table) - count},
        )
        if last is None:
            name = f"connection.catalog.sequences.set({table!r}, N)"
            how = f"set its last key: {name}"
            raise no_key_left(table, how, self.largest_key(table))
        return range(last - count + 1, last + 1)

    def advance(self, table: str, key: int) -> None:
        cached = self.cache.sequences
        if key <= cached.get(table, 0):
            return
        if self.store.option("keys", "time") == "sequence":
            self.change_last(
                table,
                "SET #v = :v, #last = :key",
                "attribute_not_exists(#last) OR #last < :key",
                {":key": key},
            )
            cached[table] = max(key, cached.get(table, 0))

    def change_last(
        self, table: str, change: str, condition: str, values: dict[str, int]
    ) -> int | None:
        """Change the last key; return it, None if the condition is not met.

        It is no part of the open transaction, as in SQL databases.
        """
        numbers = {name: {"N": str(value)} for name, value in values.items()}
        try:
            with translated_errors(self.store):
                reply = self.store.db_connection.call(
                    "update_item",
                    # A key that is taken twice is not used once: no harm.
                    repeatable=True,
                    TableName=self.store.physical(SEQUENCES),
                    Key={"name": {"S": table}},
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#last": "last", "#v": VERSION},
                    ExpressionAttributeValues={
                        **numbers,
                        ":v": {"S": secrets.token_urlsafe(6)},
                    },
                    ReturnValues="UPDATED_NEW",
                )
        except Exception as error:
            if CONDITION_FAILED in (code_of(error), code_of_cause(error)):
                return None
            raise
        last = int(reply["Attributes"]["last"]["N"])
        self.cache.sequences[table] = last
        return last

    def largest_key(self, table: str) -> int:
        known = self.table(table)
        is_int = known.db_type(known.key[0]) == "int"
        return LARGEST_INT if is_int else INT64[-1]

    def last_key(self, table: str) -> int | None:
        last: int | None = self.read_or(None, super().last_key, table)
        return last

    def reset(self, table: str) -> None:
        self.forget_keys([table])
        self.read_or(None, super().reset, table)

    def forget_keys(self, tables: Iterable[str]) -> None:
        """Forget what is known of the last keys of tables."""
        for table in tables:
            self.cache.sequences.pop(table, None)


def code_of_cause(error: BaseException) -> str:
    return code_of(error.__cause__) if error.__cause__ is not None else ""


def described(field: Any, connection: Any) -> dict[str, Any]:
    """Return the description of a column; "set" is one of DynamoDB's sets."""
    column = describe(field, connection)
    # The fields cannot be imported here: they are models, and need a connection.
    is_set = getattr(field, "empty", None) is set
    return {**column, "set": True} if is_set else column


def key_schema(key: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the parameters of CreateTable for a key of (attribute, type)."""
    return {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": tag} for name, tag in key
        ],
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind}
            for (name, _), kind in zip(key, ("HASH", "RANGE"), strict=False)
        ],
    }


def check_key(
    model: Any,
    columns: list[dict[str, Any]],
    key: list[str],
    name: str,
    found: dict[str, Any],
) -> None:
    """Raise ImproperlyConfigured if a table of DynamoDB has not the key of a model."""
    types = {
        each["AttributeName"]: each["AttributeType"]
        for each in found["AttributeDefinitions"]
    }
    known = {each["name"]: each for each in columns}
    wanted = [(each, key_tag(model._meta.db_table, known[each])) for each in key]
    order = sorted(found["KeySchema"], key=lambda each: each["KeyType"])
    there = [(each["AttributeName"], types[each["AttributeName"]]) for each in order]
    if wanted != there:
        raise ImproperlyConfigured(
            f"The key of DynamoDB's table {name} is {shown(there)}, but that of "
            f"{model._meta.label} is {shown(wanted)}. Give the model that primary key: "
            "of two attributes it is CompositePrimaryKey(hash, range)."
        )


def shown(key: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({tag})" for name, tag in key)


def native_index(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of an index of DynamoDB's own, as DescribeTable describes it."""
    order = sorted(found["KeySchema"], key=lambda each: each["KeyType"])
    columns = [each["AttributeName"] for each in order]
    return {
        "name": found["IndexName"],
        "unique": False,
        "parts": columns,
        "descending": [False] * len(columns),
        "condition": None,
        "columns": columns,
        "kind": kind.lower(),
        "projection": projected(found["Projection"]),
    }


def projected(projection: dict[str, Any]) -> Any:
    """Return a Projection of DynamoDB's as the option of an index."""
    names = {"ALL": "all", "KEYS_ONLY": "keys"}
    return names.get(projection["ProjectionType"]) or projection["NonKeyAttributes"]
