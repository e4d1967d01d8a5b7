"""Unique indexes, validated by the toolkit for stores that have none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError

from ..batching import batches
from ..conditions import Column, Condition, Leaf
from ..dml.constraints import RowValidator
from ..values.filtering import filter_value
from ..values.wrappers import Json
from .rows import Lookup, Row, Rows, look_up

# How many new values one IN takes: see planner.scans.IN_BATCH.
MOST_VALUES = 5_000
PRIMARY = "PRIMARY"


class UniqueIndex:
    """One unique index of the catalog.

    A part is the name of a column, or {"sql", "columns"} of an expression; so is the
    condition of a partial index.
    """

    def __init__(
        self,
        name: str,
        parts: list[Any],
        condition: dict[str, Any] | None = None,
        native: bool = False,
    ) -> None:
        self.name = name
        # Whether the store itself refuses rows that repeat a value.
        self.native = native
        self.parts = parts
        self.condition = condition
        self.plain = [part for part in parts if isinstance(part, str)]
        computed = [part for part in parts if not isinstance(part, str)]
        self.computed = computed + ([condition] if condition else [])
        self.columns = set(self.plain).union(
            *(each["columns"] for each in self.computed)
        )


@dataclass(frozen=True)
class Asked:
    """A lookup of the stored rows that may repeat values of new rows in an index."""

    index: UniqueIndex
    wanted: set[tuple]
    lookup: Lookup


class UniqueIndexes:
    """The unique indexes of one table, its primary key's first."""

    def __init__(
        self, store: Any, model: Any, indexes: list[dict[str, Any]] | None = None
    ) -> None:
        self.rows = Rows(store, model)
        self.store = store
        self.meta = self.rows.meta
        if indexes is None:
            indexes = store.catalog.entry(self.meta.db_table)["indexes"]
        keys = [field.column for field in self.meta.pk_fields]
        found = [UniqueIndex(PRIMARY, keys)] + [
            UniqueIndex(
                each["name"],
                each["parts"],
                each["condition"],
                each.get("native", False),
            )
            for each in indexes
            if each["unique"]
        ]
        self.indexes = [
            each for each in found if each.columns.issubset(self.rows.fields)
        ]

    def restrict(self, columns: set[str]) -> None:
        """Forget the store's own indexes, and those that have none of these columns."""
        self.indexes = [
            index
            for index in self.indexes
            if not (index.native or index.columns.isdisjoint(columns))
        ]

    def validate(self, rows: list[Row], replaced: Iterable[Any] = ()) -> None:
        """Raise IntegrityError if new rows repeat a unique value.

        They are compared with each other and with the stored rows, except those with
        the keys `replaced`.
        """
        asked = self.asked(rows)
        look_up(each.lookup for each in asked)
        self.compare(asked, replaced)

    def asked(self, rows: list[Row]) -> list[Asked]:
        """Return the lookups of stored rows that may repeat values of new rows.

        Raise IntegrityError if new rows repeat values of each other.
        """
        asked = []
        # Where nothing is rolled back, the store must not find out in the middle.
        rolls_back = len(rows) == 1 or self.store.features.supports_transactions
        for index in self.indexes:
            if index.native and rolls_back:
                continue
            wanted: set[tuple] = set()
            for value in self.values(index, rows):
                if value in wanted:
                    raise self.duplicate(index)
                if value is not None:
                    wanted.add(value)
            if wanted:
                asked += [
                    Asked(index, wanted, lookup) for lookup in self.lookups(index, rows)
                ]
        return asked

    def compare(self, asked: list[Asked], replaced: Iterable[Any] = ()) -> None:
        """Raise IntegrityError if what was asked for has found a repeated value."""
        gone = set(replaced)
        for each in asked:
            found = each.lookup.found
            values = self.values(each.index, found)
            for value, row in zip(values, found, strict=True):
                if value in each.wanted and self.rows.key(row) not in gone:
                    raise self.duplicate(each.index)

    def free(self, rows: list[Row]) -> list[Row]:
        """Return the new rows that repeat no unique value of stored or other rows."""
        values = [self.values(index, rows) for index in self.indexes]
        taken = [
            {value for value, _, _ in self.present(index, rows)} - {None}
            if any(wanted)
            else set()
            for index, wanted in zip(self.indexes, values, strict=True)
        ]
        found = []
        for row, wanted in zip(rows, zip(*values, strict=True), strict=True):
            if any(value in known for value, known in zip(wanted, taken, strict=True)):
                continue
            found.append(row)
            for value, known in zip(wanted, taken, strict=True):
                if value is not None:
                    known.add(value)
        return found

    def existing(self, index: UniqueIndex, row: Row) -> Row | None:
        """Return the stored row with the same values in the index as a new one."""
        (wanted,) = self.values(index, [row])
        if wanted is None:
            return None
        for value, _, found in self.present(index, [row]):
            if value == wanted:
                return found
        return None

    def of_columns(self, columns: Iterable[str]) -> UniqueIndex | None:
        """Return the index of exactly these columns, without a condition."""
        for index in self.indexes:
            if set(index.plain) == set(columns) and not index.computed:
                return index
        return None

    def duplicate(self, index: UniqueIndex) -> IntegrityError:
        """Return the error for a value that the index has already, as SQLite's is."""
        table = self.meta.db_table
        if len(index.plain) < len(index.parts):
            return IntegrityError(f"UNIQUE constraint failed: index '{index.name}'")
        columns = ", ".join(f"{table}.{column}" for column in index.plain)
        return IntegrityError(f"UNIQUE constraint failed: {columns}")

    def present(
        self, index: UniqueIndex, rows: list[Row]
    ) -> Iterator[tuple[tuple | None, Any, Row]]:
        """Yield (values in the index, key, row) of stored rows that may collide."""
        for lookup in self.lookups(index, rows):
            look_up([lookup])
            found = lookup.found
            for value, row in zip(self.values(index, found), found, strict=True):
                yield value, self.rows.key(row), row

    def lookups(self, index: UniqueIndex, rows: list[Row]) -> list[Lookup]:
        """Return the lookups of stored rows that may collide with new ones.

        Each is by the values of some new rows.
        """
        compared = any(
            self.rows.fields[name].db_type(self.store) != "json" for name in index.plain
        )
        return [
            Lookup(self.rows, self.conditions(index, batch), locks=True)
            for batch in (batches(rows, MOST_VALUES) if compared else [rows])
        ]

    def conditions(self, index: UniqueIndex, rows: list[Row]) -> list[Condition]:
        """Return conditions that every stored row which may collide satisfies."""
        conditions: list[Condition] = []
        for name in index.plain:
            db_type = self.rows.fields[name].db_type(self.store)
            if db_type == "json":
                continue
            values = [
                filter_value(self.rows.compiler, db_type, row[name])
                for row in rows
                if name in row
            ]
            conditions.append(Leaf(Column(name, db_type), "in", values))
        return conditions

    def values(self, index: UniqueIndex, rows: list[Row]) -> list[tuple | None]:
        """Return each row's values in the index, or None if it has no entry there."""
        if not rows:
            return []
        computed = self.computed(index, rows) if index.computed else [()] * len(rows)
        return [
            self.value(index, row, list(more))
            for row, more in zip(rows, computed, strict=True)
        ]

    def value(self, index: UniqueIndex, row: Row, computed: list[Any]) -> tuple | None:
        if index.condition is not None and not computed.pop():
            return None
        values = tuple(
            hashable(row.get(part)) if isinstance(part, str) else computed.pop(0)
            for part in index.parts
        )
        return None if None in values else values

    def computed(self, index: UniqueIndex, rows: list[Row]) -> list[tuple]:
        """Return the values of the index's expressions for each row."""
        prepared = [
            {field: self.prepared(field, row) for field in self.rows.fields.values()}
            for row in rows
        ]
        validator = RowValidator(self.store, self.meta)
        return validator.computed(
            [(each["sql"], ()) for each in index.computed], prepared
        )

    def prepared(self, field: Any, row: Row) -> Any:
        """Return a stored value as get_db_prep_save() would."""
        if field.column not in row:
            return None
        value = row[field.column]
        if value is not None:
            value = self.rows.to_python(field.column)(value)
        if field.db_type(self.store) == "json":
            return Json(value)
        return field.get_db_prep_save(value, self.store)


def hashable(value: Any) -> Any:
    """Return the value, or its repr() if it has no hash."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value
