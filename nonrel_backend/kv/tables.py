"""Tables and their indexes, as the catalog describes them and the core uses them."""

import re
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from django.db import DatabaseError, IntegrityError, ProgrammingError
from django.utils.functional import cached_property

from ..catalog import partial
from ..catalog.indexes import path_of_part
from ..conditions import Column, Condition, Step, conjuncts
from ..local.expressions import COLLATIONS, evaluator
from . import predicates
from .encoding import (
    DECODERS,
    NULL_BYTES,
    component,
    encode_any,
    items_encoder,
    path_encoder,
    shortened,
)
from .forms import Forms
from .layouts import DictLayout

# The SQL of an index on a function of one text column.
FUNCTION = re.compile(r'\(?(?P<name>LOWER|UPPER|REVERSE)\("(?P<column>[^"]+)"\)\)?')
# What an index on such a function holds, so that it serves iexact, istartswith and
# endswith; and what a unique constraint on it holds.
SEARCHED = {"LOWER": "fold", "UPPER": "fold", "REVERSE": "reverse"}
UNIQUE = {"LOWER": "lower", "UPPER": "upper", "REVERSE": "reverse"}
# The columns of an entry with its "pk" flags, and the rest of what a catalog stores.
Entry = dict[str, Any]


class Part:
    """One part of an index: a column, a value inside a document, or an expression."""

    def __init__(
        self, table: "Table", part: Any, descending: bool, unique: bool
    ) -> None:
        self.descending = descending
        # The column, with its document path; None for an SQL expression.
        self.column: Column | None = None
        # What the index holds of it: a name of encoding.TRANSFORMS, or None.
        self.transform: str | None = None
        # Names of the columns on which the value depends.
        self.reads: set[str] = set()
        # The function from a row to a value, and the one from it to a component, or to
        # a list of them if `is_many`.
        self.encoder: tuple[Callable[[Any], Any], Callable[[Any], Any]]
        # Functions that encode a value to look up, as the index has it, and ascending.
        # The value is transformed already.
        self.encode: Callable[[Any], bytes]
        self.ascending: Callable[[Any], bytes]
        # Whether a row has a component for each item of a list.
        self.is_many = False
        path = path_of_part(part)
        if path is not None:
            self.set_path(table, path)
        elif isinstance(part, dict):
            self.set_expression(table, part, unique)
        else:
            self.set_column(table, part)
        own = self.column
        # Where its values are; None for an SQL expression.
        self.place = None if own is None else place_of(own.name, own.path)

    @property
    def plain(self) -> str | None:
        """The name of the column that this part is, None for anything else."""
        if self.column is None or self.column.path or self.transform:
            return None
        return self.column.name

    def is_on(self, column: Column) -> bool:
        """Return whether this part has the values of a column, in their order."""
        own = self.column
        return (
            own is not None
            and self.transform is None
            and (own.name, own.path) == (column.name, column.path)
        )

    def set_column(
        self, table: "Table", name: str, transform: str | None = None
    ) -> None:
        db_type = table.db_type(name)
        self.column, self.transform = Column(name, db_type), transform
        self.reads = {name}
        encode = table.encoder(db_type)
        self.encode = component(encode, self.descending)
        self.ascending = component(encode)
        transformed = component(encode, self.descending, transform)
        self.encoder = table.getter(name), transformed

    def set_path(self, table: "Table", column: Column) -> None:
        self.column, self.reads = column, {column.name}
        self.encode = component(table.encoder(column.db_type), self.descending)
        self.ascending = component(table.encoder(column.db_type))
        self.is_many = Step.EACH in column.path
        maker = items_encoder if self.is_many else path_encoder
        self.encoder = table.getter(column.name), maker(column.path, self.encode)

    def set_expression(self, table: "Table", part: Entry, unique: bool) -> None:
        collation = part.get("collation") or "binary"
        function = FUNCTION.fullmatch(part["sql"])
        if function and collation == "binary":
            name = function["column"]
            if table.db_type(name) == "string":
                kinds = UNIQUE if unique else SEARCHED
                self.set_column(table, name, kinds[function["name"]])
                return
        self.reads = set(part["columns"])
        evaluate = table.evaluator(part)
        collate = COLLATIONS[collation]
        encode = component(encode_any, self.descending)
        self.encoder = evaluate, lambda value: encode(collate(value))


def place_of(name: str, path: tuple[Any, ...]) -> Any:
    """Return what tells a column, or a path in its documents, from all others."""
    return (name, path) if path else name


# The name of the index of the keys, where rows do not come in their order.
KEY_INDEX = "primary-key"


class Index:
    """One index of a table; the primary key is an index whose entries are the rows."""

    # Whether the store finds its entries only by a value of the first column.
    hashed = False
    # Whether a row with NULL in one of its columns has no entry.
    lacks_nulls = False
    # Whether its entries always fit the rows, where those of others may not.
    follows_rows = False

    def __init__(self, table: "Table", entry: Entry) -> None:
        self.entry = entry
        # Of the keys of its entries, in a space of bytes: see trees.py.
        self.prefix = b""
        self.name: str = entry["name"]
        self.unique: bool = entry["unique"]
        # Whether some payloads are shortened, so that the entries have no order.
        self.truncated: bool = entry.get("truncated", False)
        # Whether the store itself keeps the index: it has no payloads() to write.
        self.is_native: bool = "kind" in entry
        # Whether rows may still lack their entries: queries do not use the index.
        self.building: bool = entry.get("building", False)
        self.parts = [
            Part(table, part, descending, self.unique)
            for part, descending in zip(
                entry["parts"], entry["descending"], strict=True
            )
        ]
        # Names of the columns, None for a part that is not a plain column.
        self.columns = [part.plain for part in self.parts]
        # Names of the columns on which the entries depend.
        self.reads = set().union(*(part.reads for part in self.parts))
        # Whether a row has an entry for each item of a list.
        self.many = any(part.is_many for part in self.parts)
        # The conditions that all rows with an entry satisfy.
        self.conditions: list[Any] = []
        self.applies: Callable[[Any], bool] | None = None
        if entry.get("condition"):
            self.add_condition(table, entry["condition"])
        self.encoders = [part.encoder for part in self.parts]
        # Whether each row has one entry, of one value.
        self.is_plain = len(self.parts) == 1 and not (
            self.unique or self.many or self.applies
        )

    def add_condition(self, table: "Table", entry: Entry) -> None:
        self.reads |= set(entry["columns"])
        if entry.get("tree") is None:
            evaluate = table.evaluator(entry)
            self.applies = lambda row: bool(evaluate(row))
            self.conditions = [entry]  # equal to no condition of any query
            return
        condition: Condition = partial.loaded(entry["tree"])
        self.conditions = list(conjuncts(condition))
        self.applies = predicates.bind(
            predicates.prepare(condition, table.forms), table.getter
        )

    def payload(self, row: Any) -> bytes:
        """Return what orders a row in an index that the store itself keeps."""
        return b"".join([encode(get(row)) for get, encode in self.encoders])

    def payloads(self, row: Any) -> list[tuple[bytes, bool]]:
        """Return (payload, whether it is unique) for each entry of a row.

        The payload is the components of the parts, which the store may have to shorten.
        Values of which one is NULL are not unique.
        """
        if self.applies is not None and not self.applies(row):
            return []
        if self.is_plain:
            ((get, encode),) = self.encoders
            return [(encode(get(row)), False)]
        parts = [encode(get(row)) for get, encode in self.encoders]
        if self.many:
            lists = [each if isinstance(each, list) else [each] for each in parts]
            return [(each, False) for each in {b"".join(p) for p in product(*lists)}]
        unique = self.unique
        for part in parts:
            unique = unique and part[0] not in NULL_BYTES
        return [(b"".join(parts), unique)]


class Table:
    """A table as the catalog describes it.

    `entry` is the catalog's, never changed here; `forms` are the store's stored forms.
    """

    # --- what the store guarantees, and its sizes ---

    entries_follow_rows = True
    """Whether statements are atomic: entries are written with their rows, and no row
    changes while it is being changed. If not, each row that is found by an entry is
    checked again, and a change that others forestall is tried again.
    """
    claims_uniques = False
    """Whether unique values are claimed before rows are written, because a batch of
    changes is not atomic. See claims.py.
    """
    ordered_keys = True
    """Whether the keys of rows sort like the primary key."""
    reverses = True
    """Whether an index can be read backwards."""
    key_size = 160
    """Bytes of a row's key; longer ones end with a hash."""
    payload_size = 340
    """Bytes of an entry's payload; longer ones end with a hash."""
    page = 500
    """How many rows are written at a time where statements are not atomic."""
    probes: tuple[int, ...] = (16, 256, 2048, 16384)
    """The most entries of a scan that are counted to compare it with others, round by
    round. See choice.py.
    """
    most_walked: int | None = None
    """Where a row that is fetched by an entry costs more than many that are scanned:
    how many rows a query with a limit fetches in the order of an index, to filter them,
    before it scans the table and sorts. One without a limit scans at once.
    """
    most_ranges = 100_000
    """The most ranges of one scan. If several columns have an IN, the scan has a range
    for each combination of their values. In LMDB looking up 10,000 takes 5
    milliseconds, at 0.5 microseconds each (measured); making their keys takes about as
    long.
    """

    # Of the keys of its rows, its counters and its log, in a space of bytes: see
    # trees.py.
    prefix = counters_key = log_key = b""

    def __init__(self, name: str, entry: Entry, forms: Forms) -> None:
        self.name = name
        self.entry = entry
        self.forms = forms
        self.columns: Mapping[str, Entry] = {
            each["name"]: each for each in entry["columns"]
        }
        self.key: list[str] = entry["key"]
        self.layout = self.make_layout()
        # Names of columns with a database default.
        self.with_defaults = {
            each["name"] for each in entry["columns"] if each.get("default")
        }
        primary = {
            "name": "PRIMARY",
            "unique": True,
            "parts": self.key,
            "descending": [False] * len(self.key),
            "truncated": entry.get("truncated", False),
        }
        self.primary = self.make_index(primary)
        self.indexes = [self.make_index(each) for each in entry["indexes"]]
        # Names of the columns on which keys or entries depend.
        self.indexed = self.primary.reads.union(*(each.reads for each in self.indexes))

    def make_layout(self) -> Any:
        return DictLayout(self)

    def make_index(self, entry: Entry) -> Index:
        return Index(self, entry)

    def make_key_index(self, **more: Any) -> Index:
        """Return an index of the keys, for a store whose rows have another order."""
        entry = {
            "name": KEY_INDEX,
            "unique": False,
            "parts": self.key,
            "descending": [False] * len(self.key),
        }
        return self.make_index({**entry, **more})

    # --- columns ---

    def column(self, name: str) -> Entry:
        """Return the entry of a column; raise ProgrammingError for none."""
        found = self.columns.get(name)
        if found is None:
            raise ProgrammingError(
                f"no such column: {self.name}.{name} (run makemigrations and migrate)"
            )
        return found

    def db_type(self, name: str) -> str:
        db_type: str = self.column(name)["db_type"]
        return db_type

    def getter(self, name: str) -> Callable[[Any], Any]:
        """Return the function from a row to the stored value of a column.

        It returns None for NULL. Raise ProgrammingError if there is no such column.
        """
        self.column(name)
        getter: Callable[[Any], Any] = self.layout.getter(name)
        return getter

    def encoder(self, db_type: str) -> Callable[[Any], bytes]:
        return self.forms.encoders.get(db_type, encode_any)

    def evaluator(self, part: Entry) -> Callable[[Any], Any]:
        """Return an SQL expression of the catalog as a function of a row."""
        columns = [(name, self.local_getter(name)) for name in part["columns"]]
        return evaluator(part["sql"] % (), columns)

    def local_getter(self, name: str) -> Callable[[Any], Any]:
        """Return the function from a row to a column's value in the local engine."""
        get, db_type, forms = self.getter(name), self.db_type(name), self.forms
        return lambda row: forms.to_local(db_type, get(row))

    # --- keys ---

    def row_key(self, row: Any) -> bytes:
        """Return the key of a row."""
        encoders = self.primary.encoders
        if len(encoders) == 1:
            ((get, encode),) = encoders
            return shortened(encode(get(row)), self.key_size)
        key = b"".join([encode(get(row)) for get, encode in encoders])
        return shortened(key, self.key_size)

    def shortens(self, row: Any) -> bool:
        """Return whether the key of a row is shortened."""
        encoders = self.primary.encoders
        return sum(len(encode(get(row))) for get, encode in encoders) > self.key_size

    def key_of(self, values: tuple[Any, ...]) -> bytes:
        """Return the key of the row with these stored values of the primary key."""
        found = zip(self.primary.encoders, values, strict=True)
        return shortened(
            b"".join([encode(value) for (_, encode), value in found]), self.key_size
        )

    def stored_key(self, key: Any) -> bytes:
        """Return the key of the row with this stored primary key.

        It is a tuple of the values of a composite one.
        """
        return self.key_of(key if isinstance(key, tuple) else (key,))

    def stored_keys(self, keys: list[bytes]) -> list[Any] | None:
        """Return the stored primary keys of rows with these keys; None if unknown.

        It is unknown for composite ones, and where a key is shortened.
        """
        if len(self.key) > 1:
            return None
        decode = DECODERS.get(self.encoder(self.db_type(self.key[0])))
        if decode is None or any(len(key) >= self.key_size for key in keys):
            return None
        return list(map(decode, keys))

    # --- entries ---

    def entries_of(self, row: Any) -> list[tuple[Index, bytes, bool]]:
        """Return (index, payload, whether it is unique) of all entries of a row."""
        plain, others = self.split_indexes
        found = [(index, encode(get(row)), False) for index, get, encode in plain]
        for index in others:
            found += [(index, *each) for each in index.payloads(row)]
        return found

    @cached_property
    def split_indexes(self) -> tuple[list[tuple[Index, Any, Any]], list[Index]]:
        """The indexes that are plain, with their encoders, and the others."""
        plain = [(each, *each.encoders[0]) for each in self.indexes if each.is_plain]
        return plain, [each for each in self.indexes if not each.is_plain]

    def entry_key(
        self, entry: tuple[Index, bytes, bool], row_key: bytes
    ) -> tuple[bytes, list[Index]]:
        """Return the key of an entry, of a payload and the key of its row.

        Return also the indexes that are to be marked as truncated, because a part of
        the key is shortened. No other row may have the key of a unique entry.
        """
        index, payload, unique = entry
        marked = []
        if len(payload) > self.payload_size:
            payload = shortened(payload, self.payload_size)
            if not index.truncated:
                marked.append(index)
        return payload if unique else payload + row_key, marked

    # --- errors ---

    def duplicate(self, index: Index) -> IntegrityError:
        """Return the error for a value that is taken, worded like SQLite's."""
        if None in index.columns:
            return IntegrityError(f"UNIQUE constraint failed: index '{index.name}'")
        columns = ", ".join(f"{self.name}.{column}" for column in index.columns)
        return IntegrityError(f"UNIQUE constraint failed: {columns}")

    def missing(self) -> DatabaseError:
        """Return the error for an index entry whose row does not exist."""
        return DatabaseError(
            f"The store is damaged: an index of {self.name} has an entry without a "
            "row. Run `manage.py nonrel_check --fix` to repair the indexes."
        )
