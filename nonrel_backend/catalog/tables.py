"""Catalog: the tables and next keys of a store, in two tables of its own."""

import json
from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from functools import lru_cache
from typing import Any

from django.apps.registry import Apps
from django.db import IntegrityError, NotSupportedError, ProgrammingError, models

from ..conditions import Column, Leaf
from ..planner.tables import stored_model
from ..values.storing import INT64, no_key_left
from .rows import Lookup, Rows, compares, look_up

TABLES = "nonrel_catalog"
SEQUENCES = "nonrel_sequences"
OWN_TABLES = {TABLES, SEQUENCES}


@lru_cache(maxsize=1)
def own_models() -> tuple[Any, Any]:
    """Return the models of TABLES and SEQUENCES."""
    name = ("name", "CharField", {"max_length": 255}, True)
    return (
        stored_model(TABLES, [name, ("entry", "TextField", {}, False)]),
        stored_model(SEQUENCES, [name, ("last", "BigIntegerField", {}, False)]),
    )


# As many entries as a large project has tables. They are shared: never change one.
@lru_cache(maxsize=1024)
def parsed(text: str) -> dict[str, Any]:
    return json.loads(text)


class NamedValues:
    """A table with one value for each name."""

    def __init__(self, store: Any, model: Any, column: str) -> None:
        self.rows = Rows(store, model)
        self.column = column
        self.name_column = Column("name", self.rows.fields["name"].db_type(store))

    def lookup(self, name: str, locks: bool = False) -> Lookup:
        """Return the lookup of a name, for `found()`."""
        return Lookup(self.rows, [Leaf(self.name_column, "exact", name)], locks)

    def found(self, lookup: Lookup, name: str) -> Any:
        """Return the value of a name that was looked up, or None."""
        stored = self.rows.to_stored("name")(name)
        for row in lookup.found:
            if row["name"] == stored:
                return self.rows.to_python(self.column)(row[self.column])
        return None

    def get(self, name: str) -> Any:
        lookup = self.lookup(name)
        look_up([lookup])
        return self.found(lookup, name)

    def names(self) -> list[str]:
        to_python = self.rows.to_python("name")
        return sorted(to_python(row["name"]) for row in self.rows.find())

    def set(self, name: str, value: Any) -> None:
        self.write(name, value, self.get(name) is not None)

    def write(self, name: str, value: Any, known: bool) -> None:
        """Update the value of a name that is known, or insert one."""
        stored = self.rows.to_stored(self.column)(value)
        key = self.rows.to_stored("name")(name)
        if known:
            self.rows.update([(key, {self.column: stored})])
        else:
            self.rows.insert([{"name": key, self.column: stored}])

    def replace(self, name: str, old: Any, new: Any) -> bool:
        """Replace the value of a name, None for none, if it is still `old`.

        Return whether it was. Stores with a lock know that it is.
        """
        if not compares(self.rows.store):
            self.write(name, new, old is not None)
            return True
        if old is None:
            try:
                self.write(name, new, known=False)
            except IntegrityError:
                return False
            return True
        to_stored = self.rows.to_stored(self.column)
        change = (
            self.rows.to_stored("name")(name),
            {self.column: to_stored(old)},
            {self.column: to_stored(new)},
        )
        return not self.rows.scan().update_rows_if([change])

    def remove(self, name: str) -> None:
        if self.get(name) is not None:
            self.rows.delete([self.rows.to_stored("name")(name)])


class Catalog:
    """The entries of tables and the last keys of sequences.

    A table's entry holds "columns" (see `columns.py`), "key" (the names of its primary
    key's columns), "indexes" (see `unique.py`) and "checks" (see the connection's
    `stored_checks`).

    A store that does a part of this itself overrides the methods under "for backends"
    in a subclass, which is its wrapper's `catalog_class`.
    """

    def __init__(self, store: Any) -> None:
        self.store = store
        # Tables that existed when they were last looked up.
        self.known: set[str] = set(OWN_TABLES)
        # The entries as they were last read. Others may have changed them: what writes
        # by one has it confirmed before.
        self.texts: dict[str, str] = {}
        # The last keys of sequences that a statement has just read, and locked.
        self.last_keys: dict[str, int | None] = {}

    # --- for backends ---

    def next_keys(self, table: str, count: int) -> Iterable[int]:
        """Return the next `count` keys of a table."""
        while True:
            known = self.last_key(table)
            last = known or 0
            if last + count not in INT64:
                name = f"connection.catalog.sequences.set({table!r}, N)"
                raise no_key_left(table, f"set its last key: {name}")
            if self.sequences.replace(table, known, last + count):
                return range(last + 1, last + count + 1)
            self.last_keys.pop(table, None)

    def advance(self, table: str, key: int) -> None:
        """Make the next keys of a table follow one that a row was given."""
        while key > ((known := self.last_key(table)) or 0):
            if self.sequences.replace(table, known, key):
                if table in self.last_keys:
                    self.last_keys[table] = key
                return
            self.last_keys.pop(table, None)

    def last_key(self, table: str) -> int | None:
        """Return the last key of a table's sequence, None if it has not begun."""
        if table in self.last_keys:
            return self.last_keys[table]
        last: int | None = self.sequences.get(table)
        return last

    def reset(self, table: str) -> None:
        """Make the next key of a table 1."""
        self.sequences.remove(table)

    def add_index(
        self, table: str, name: str, columns: list[str], unique: bool
    ) -> None:
        """Make an index of the store's own, of the rows that there are, too.

        It is a part of the open transaction, if the store has transactions.
        A unique one makes the store raise its error for a row that repeats the values
        of another, unless one of them is NULL: the toolkit looks for none then. Raise
        NotSupportedError to leave the index to the toolkit.
        """
        raise NotSupportedError(f"{self.store.display_name} makes no indexes")

    def remove_index(self, table: str, name: str) -> None:
        """Drop an index that `add_index` has made."""

    # --- entries ---

    @property
    def tables(self) -> NamedValues:
        return NamedValues(self.store, own_models()[0], "entry")

    @property
    def sequences(self) -> NamedValues:
        return NamedValues(self.store, own_models()[1], "last")

    def names(self) -> list[str]:
        return self.tables.names()

    def find(self, table: str) -> dict[str, Any] | None:
        """Return a table's entry, not to be changed, or None."""
        text = self.tables.get(table)
        self.note(table, text)
        return None if text is None else parsed(text)

    def note(self, table: str, text: str | None) -> None:
        """Remember the text of an entry, None if there is none."""
        if text is None:
            self.known.discard(table)
            self.texts.pop(table, None)
        else:
            self.known.add(table)
            self.texts[table] = text

    def last_entry(self, table: str) -> dict[str, Any]:
        """Return a table's entry as it was last read, not to be changed.

        Others may have changed it since: see `confirm()`.
        """
        text = self.texts.get(table)
        return self.entry(table) if text is None else parsed(text)

    def confirm(self, table: str, lookup: Lookup | None = None) -> bool:
        """Read a table's entry; return whether it is the same as `last_entry()`.

        `lookup` is that of `tables`, if it has been looked up.
        """
        before = self.texts.get(table)
        if lookup is None:
            self.entry(table)
        else:
            self.note(table, self.tables.found(lookup, table))
        return self.texts.get(table) == before

    def entry(self, table: str) -> dict[str, Any]:
        """Return a table's entry, not to be changed; raise ProgrammingError if none."""
        found = self.find(table)
        if found is None:
            raise ProgrammingError(f"no such table: {table} (run migrate)")
        return found

    def copy(self, table: str) -> dict[str, Any]:
        """Return a copy of a table's entry, to be changed and saved."""
        return deepcopy(self.entry(table))

    def require(self, table: str) -> None:
        """Raise ProgrammingError if there is no such table."""
        if self.store.connection is None:
            # Through a cursor, so that SimpleTestCase can forbid it.
            self.store.cursor().close()
        if table not in self.known:
            self.entry(table)

    def save(self, table: str, entry: dict[str, Any]) -> None:
        """Store a table's entry, and make or drop the store's own indexes to match."""
        if type(self).add_index is not Catalog.add_index:
            self.change_indexes(table, own_indexes(self.find(table)), entry)
        self.tables.set(table, json.dumps(entry))
        self.texts.pop(table, None)

    def change_indexes(
        self, table: str, before: dict[str, Any], entry: dict[str, Any]
    ) -> None:
        """Make and drop indexes; mark those that the store has made in the entry."""
        after = {each["name"]: each for each in entry["indexes"]}
        for name, index in before.items():
            if name not in after or after[name]["parts"] != index["parts"]:
                self.remove_index(table, name)
        for name, index in after.items():
            if name in before and before[name]["parts"] == index["parts"]:
                continue
            index["native"] = False
            if index["condition"] is None and all(
                isinstance(part, str) for part in index["parts"]
            ):
                with suppress(NotSupportedError):
                    self.add_index(table, name, index["parts"], index["unique"])
                    index["native"] = True

    def remove(self, table: str) -> None:
        for name in own_indexes(self.find(table)):
            self.remove_index(table, name)
        self.tables.remove(table)
        self.reset(table)
        self.note(table, None)

    def look_up(self, table: str, lookups: list[Lookup], reads_key: bool) -> bool:
        """Find the rows of lookups, together with what else an INSERT needs to know.

        That is the table's last key with `reads_key`, and its entry: return whether
        that is still `last_entry()`.
        """
        entry = self.tables.lookup(table)
        asked = [*lookups, entry]
        if reads_key and type(self).next_keys is Catalog.next_keys:
            key = self.sequences.lookup(table, locks=True)
            asked.append(key)
        look_up(asked)
        if not self.confirm(table, entry):
            return False
        if len(asked) > len(lookups) + 1:
            self.last_keys[table] = self.sequences.found(key, table)
        return True


def own_indexes(entry: dict[str, Any] | None) -> dict[str, Any]:
    """Return {name: index} of the indexes in an entry that the store has made."""
    indexes = [] if entry is None else entry["indexes"]
    return {each["name"]: each for each in indexes if each.get("native")}


def stored_column(stored_type: str, **options: Any) -> models.Field:
    """Return the field of a column as the catalog describes it, by its stored type.

    It is no class of its own: packages do something for each subclass of Field.
    """
    field = models.Field(**options)
    vars(field)["db_type"] = vars(field)["rel_db_type"] = lambda connection: stored_type
    return field


def table_model(table: str, entry: dict[str, Any]) -> Any:
    """Return a model, in no registry, of a table as its entry describes it."""
    attributes: dict[str, Any] = {"__module__": __name__}
    keys = entry["key"]
    names = {}
    for number, column in enumerate(entry["columns"]):
        names[column["name"]] = f"column_{number}"
        attributes[f"column_{number}"] = stored_column(
            column["db_type"],
            db_column=column["name"],
            null=column["name"] not in keys,
            primary_key=keys == [column["name"]],
        )
    if len(keys) > 1:
        attributes["pk"] = models.CompositePrimaryKey(*(names[key] for key in keys))
    attributes["Meta"] = type(
        "Meta", (), {"apps": Apps(), "app_label": "nonrel_backend", "db_table": table}
    )
    return type("CatalogTable", (models.Model,), attributes)
