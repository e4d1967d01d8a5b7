"""The columns of a table whose datetimes are more precise than BSON's: rows of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import DataError

from ..documents.moments import moments_of
from ..microseconds import cut, hidden
from ..query import MISSING
from ..values.columns import stored_field
from .odd_names import is_odd

Document = dict[str, Any]


@dataclass(frozen=True)
class Precision:
    """What a table's columns do with microseconds.

    `moments`, the datetimes, and `documents` hide them, the others are `cut`. `fields`
    are those of the first two, by column. `pk` is the column that the `_id` holds,
    `references` are the tables of foreign keys that are datetimes, by column.
    """

    moments: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    cut: frozenset[str] = frozenset()
    fields: dict[str, Any] = field(default_factory=dict)
    inside: Any = None  # the connection's Moments
    pk: str | None = None
    references: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> Collection[str]:
        """The columns that hide microseconds, beside them or inside documents."""
        return self.fields

    def key(self, column: str) -> str:
        """Return the key under which documents hold a column, or a hidden one."""
        if column == self.pk:
            return "_id"
        if self.pk in self.moments and column == hidden(self.pk):
            return hidden("_id")
        return column

    def split(self, row: Document) -> Document:
        """Return a row for the store: datetimes cut, with hidden ones beside them.

        Raise DataError for a key of datetimes in a document that is a hidden one's.
        """
        if not self.fields and not self.cut:
            return row
        new: Document = {}
        for name, value in row.items():
            if name in self.fields:
                new |= self.inside.split_under(self.fields[name], name, value)
            elif name in self.cut and isinstance(value, datetime):
                new[name] = cut(value)
            else:
                new[name] = value
        return new

    def changes(self, values: Document) -> Document:
        """Return the changes of an UPDATE as split() does, with what they remove."""
        names = [
            name
            for name, value in values.items()
            if name in self.fields
            and self.inside.is_moment(self.fields[name])
            and not hasattr(value, "as_sql")
        ]
        return {**{hidden(name): MISSING for name in names}, **self.split(values)}

    def composite_key(self, columns: Iterable[str], row: Document) -> Document:
        """Return the `_id` of a row, already split, with a key of several columns."""
        key = {}
        for name in columns:
            key[name] = row[name]
            if name in self.moments and hidden(name) in row:
                key[hidden(name)] = row[hidden(name)]
        return key

    def join(self, rows: list[Document], names: Iterable[str]) -> None:
        """Make the datetimes of these columns of documents whole, in place."""
        for name in names:
            field, key = self.fields[name], self.key(name)
            is_moment, other = name in self.moments, hidden(key)
            for row in [each for each in rows if other in each] if is_moment else rows:
                self.inside.join_under(field, key, row)

    def of_key(self, key: str) -> "Precision":
        """Return that of a single column with the column under another key."""
        fields = dict(zip([key], self.fields.values(), strict=False))
        return replace(self, fields=fields, pk=None)


def precision_of(connection: Any, meta: Any, keeps: bool) -> Precision:
    """Return what the columns of a model's table do with microseconds.

    `keeps` says whether the table keeps them.
    """
    fields = [each for each in meta.local_concrete_fields if each.column]
    columns = {each.column for each in fields}
    datetimes = {
        each.column for each in fields if connection.type_of(each) == "datetime"
    }
    free = {
        each.column
        for each in fields
        if keeps and not (is_odd(each.column) or hidden(each.column) in columns)
    }
    inside = moments_of(connection)
    precise = {
        each.column: each
        for each in fields
        if each.column in free and inside.holds(each)
    }
    return Precision(
        frozenset(precise.keys() & datetimes),
        frozenset(precise.keys() - datetimes),
        frozenset(datetimes - precise.keys()),
        precise,
        inside,
        next((each.column for each in fields if each.primary_key), None),
        {
            each.column: stored_field(each).model._meta.db_table
            for each in fields
            if each.remote_field and each.column in datetimes
        },
    )


def require_one_precision(connection: Any, meta: Any, row: Document) -> None:
    """Raise DataError for a foreign key with microseconds that one table cuts off."""
    keeps = connection.keeps_microseconds
    for column, table in connection.precision(meta).references.items():
        value = row.get(column)
        if isinstance(value, datetime) and value != cut(value):
            if keeps(table) != keeps(meta.db_table):
                raise DataError(
                    f"Only one of {meta.db_table} and {table} holds microseconds: cut "
                    f"{value} to milliseconds, or {column} would lead to no row."
                )


# --- expressions: a datetime is the number of its microseconds since 1970 ---


def microseconds_at(key: str, has_hidden: bool) -> Document:
    """Return the expression for the microseconds of the date under a key.

    It is NULL for NULL, and what is no date stays as it is.
    """
    date = f"${key}"
    start = {"$multiply": [{"$toLong": date}, 1000]}
    found: Any = start
    if has_hidden:
        rest = f"${hidden(key)}"
        agrees = {
            "$and": [{"$gt": [rest, "$$at"]}, {"$lt": [rest, {"$add": ["$$at", 1000]}]}]
        }
        inner = {"$cond": [agrees, rest, "$$at"]}
        found = {"$let": {"vars": {"at": start}, "in": inner}}
    return {"$cond": [{"$eq": [{"$type": date}, "date"]}, found, date]}


def date_of(microseconds: Any) -> Document:
    """Return the expression for the BSON date of a number of microseconds."""
    start = {"$subtract": [microseconds, rest_of(microseconds)]}
    # A number of so many digits is no double, but a thousandth of it is near one.
    milliseconds = {"$round": [{"$divide": [start, 1000]}, 0]}
    return {"$toDate": {"$toLong": milliseconds}}


def rest_of(microseconds: Any) -> Document:
    """Return the expression for the microseconds past a whole millisecond."""
    return {"$mod": [{"$add": [{"$mod": [microseconds, 1000]}, 1000]}, 1000]}


def hidden_number(microseconds: Any) -> Document:
    """Return the expression for what the hidden column holds, to be set."""
    return {"$cond": [{"$gt": [rest_of(microseconds), 0]}, microseconds, "$$REMOVE"]}
