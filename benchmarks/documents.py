"""The operations on the embedded document stores TinyDB, mongita and montydb.

They store JSON-like values, so datetimes and prices are texts, in the form in which
answers are compared. Operations that a store does not have are left out.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import Any

from . import data
from .answers import Bag, decimal, moment

Row = dict[str, Any]
# A filter as MongoDB has it: {column: value} or {column: {"$gte": value}}.
Filter = dict[str, Any]
INDEXES = ("title", "author_id", "published", "created", "rating", "shelf")


def stored(value: Any) -> Any:
    """Return a value as it is stored."""
    if isinstance(value, Decimal):
        return decimal(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return moment(datetime(value.year, value.month, value.day))
    return value


def document(row: Row) -> Row:
    """Return a row as it is stored."""
    return {name: stored(value) for name, value in row.items()}


class TinyTable:
    """A table of TinyDB with its defaults: one JSON file, always read and written
    as a whole.
    """

    def __init__(self, folder: str, name: str) -> None:
        from tinydb import TinyDB

        self.table = TinyDB(f"{folder}.{name}.json").table(name)

    def index(self, *columns: str) -> None:
        """Do nothing: TinyDB has no indexes."""

    def insert(self, rows: Iterable[Row]) -> int:
        from tinydb.table import Document

        keyed = [Document(row, row.pop("_id")) if "_id" in row else row for row in rows]
        return len(self.table.insert_multiple(keyed))

    def found(self, found: Iterable[Any]) -> list[Row]:
        return [{"_id": each.doc_id, **each} for each in found]

    def get(self, key: int) -> Row:
        return self.found([self.table.get(doc_id=key)])[0]

    def find(self, wanted: Filter, sort: str = "", limit: int = 0) -> list[Row]:
        rows = self.found(self.table.search(condition(wanted)))
        if sort:
            rows.sort(key=lambda row: row[sort])
        return rows[: limit or None]

    def count(self, wanted: Filter) -> int:
        return self.table.count(condition(wanted)) if wanted else len(self.table)

    def update(self, wanted: Filter, changes: Row) -> int:
        return len(self.table.update(changes, condition(wanted)))

    def increment(self, wanted: Filter, column: str) -> int:
        from tinydb.operations import increment

        return len(self.table.update(increment(column), condition(wanted)))

    def replace(self, key: int, row: Row) -> None:
        self.table.update(row, doc_ids=[key])

    def delete(self, wanted: Filter) -> int:
        return len(self.table.remove(condition(wanted)))

    def delete_key(self, key: int) -> None:
        self.table.remove(doc_ids=[key])


def condition(wanted: Filter) -> Any:
    """Return a filter as a query of TinyDB."""
    from tinydb import Query

    tests = {
        "$gt": "__gt__",
        "$gte": "__ge__",
        "$lt": "__lt__",
        "$ne": "__ne__",
        "$in": "one_of",
        "$regex": "search",
    }
    parts = [Query().noop()]
    for column, value in wanted.items():
        field = reduce(lambda query, name: query[name], column.split("."), Query())
        if not isinstance(value, dict):
            value = {"$eq": value}
        for operator, operand in value.items():
            parts.append(getattr(field, tests.get(operator, "__eq__"))(operand))
    return reduce(and_, parts)


class MongoLikeTable:
    """A collection of mongita or montydb, which have the methods of pymongo."""

    def __init__(self, collection: Any) -> None:
        self.collection = collection

    def index(self, *columns: str) -> None:
        """Do nothing: montydb has no indexes."""

    def key(self, key: int) -> Any:
        return key

    def number(self, key: Any) -> Any:
        return key

    def insert(self, rows: Iterable[Row]) -> int:
        keyed = [
            {**row, "_id": self.key(row["_id"])} if "_id" in row else row
            for row in rows
        ]
        return len(self.collection.insert_many(keyed).inserted_ids)

    def get(self, key: int) -> Row:
        row = self.collection.find_one({"_id": self.key(key)})
        return {**row, "_id": key}

    def find(self, wanted: Filter, sort: str = "", limit: int = 0) -> list[Row]:
        found = self.collection.find(wanted)
        if sort:
            found = found.sort(sort, 1)
        if limit:
            found = found.limit(limit)
        return [{**row, "_id": self.number(row["_id"])} for row in found]

    def count(self, wanted: Filter) -> int:
        return self.collection.count_documents(wanted)

    def update(self, wanted: Filter, changes: Row) -> int:
        return self.collection.update_many(wanted, {"$set": changes}).matched_count

    def increment(self, wanted: Filter, column: str) -> int:
        return self.collection.update_many(wanted, {"$inc": {column: 1}}).matched_count

    def replace(self, key: int, row: Row) -> None:
        key = self.key(key)
        self.collection.replace_one({"_id": key}, {**row, "_id": key})

    def delete(self, wanted: Filter) -> int:
        return self.collection.delete_many(wanted).deleted_count

    def delete_key(self, key: int) -> None:
        self.collection.delete_one({"_id": self.key(key)})


class MongitaTable(MongoLikeTable):
    """A collection of mongita on disk, whose keys are texts."""

    def __init__(self, folder: str, name: str) -> None:
        from mongita import MongitaClientDisk

        super().__init__(MongitaClientDisk(host=folder)["shop"][name])

    def index(self, *columns: str) -> None:
        for column in columns:
            self.collection.create_index(column)

    def key(self, key: int) -> str:
        return f"{key:012d}"

    def number(self, key: Any) -> Any:
        return int(key) if isinstance(key, str) else key


class MontyTable(MongoLikeTable):
    """A collection of montydb on SQLite, its storage for many rows."""

    def __init__(self, folder: str, name: str) -> None:
        from montydb import MontyClient, set_storage

        set_storage(folder, storage="sqlite")
        super().__init__(MontyClient(folder)["shop"][name])


TABLES: dict[str, Any] = {
    "tinydb": TinyTable,
    "mongita": MongitaTable,
    "montydb": MontyTable,
}


class DocumentShop:
    """The operations, a method each; see `OrmShop`."""

    def __init__(self, scale: data.Scale, backend: str, name: str) -> None:
        self.scale = scale
        self.authors = TABLES[backend](name, "author")
        self.books = TABLES[backend](name, "book")

    def some(self, turn: int, of: int) -> int:
        return 1 + turn * 7919 % of

    def book_number(self, turn: int) -> int:
        return self.some(turn, self.scale.books)

    def author_number(self, turn: int) -> int:
        return self.some(turn, self.scale.authors)

    def load(self) -> None:
        for table, rows in (
            (self.authors, data.authors(self.scale)),
            (self.books, data.books(self.scale)),
        ):
            table.insert({"_id": number, **document(row)} for number, row in rows)
        self.authors.index("name", "email", "country")
        self.books.index(*INDEXES)

    def passing_books(self, count: int, first: int = 0) -> list[Row]:
        first = first or self.scale.books + 1
        return [
            {"_id": number, **document(data.book_row(number, 1, data.PASSING_SHELF))}
            for number in range(first, first + count)
        ]

    # --- writing ---

    def create(self, turn: int) -> Any:
        self.books.insert(self.passing_books(1, self.scale.books + 1 + turn))

    def after_create(self) -> None:
        self.books.delete({"shelf": data.PASSING_SHELF})

    def bulk_create_10k(self, turn: int) -> Any:
        first = self.scale.authors + 1
        return self.authors.insert(
            {"_id": number, **data.author_row(number)}
            for number in range(first, first + self.scale.fifth)
        )

    def after_bulk_create_10k(self) -> None:
        last = data.author_row(self.scale.authors)["name"]
        self.authors.delete({"name": {"$gt": last}})

    def update_5k(self, turn: int) -> Any:
        return self.books.update({"shelf": 3}, {"stock": turn + 1})

    def update_F_5k(self, turn: int) -> Any:  # noqa: N802 (the operation's name)
        return self.books.increment({"shelf": 4}, "stock")

    def before_save(self) -> None:
        self.held = self.books.get(7)
        del self.held["_id"]

    def save(self, turn: int) -> Any:
        self.books.replace(7, {**self.held, "stock": turn + 1})

    def before_delete_x100(self) -> None:
        self.held_books = self.passing_books(self.scale.books // 500)
        self.keys = [book["_id"] for book in self.held_books]
        self.books.insert(self.held_books)

    def delete_x100(self, turn: int) -> Any:
        for key in self.keys:
            self.books.delete_key(key)
        return len(self.keys)

    def before_delete_qs_5k(self) -> None:
        self.books.insert(self.passing_books(self.scale.tenth))

    def delete_qs_5k(self, turn: int) -> Any:
        return self.books.delete({"shelf": data.PASSING_SHELF})

    # --- one row, few rows ---

    def get_pk(self, turn: int) -> Any:
        return self.books.get(self.book_number(turn))

    def get_indexed_unique(self, turn: int) -> Any:
        email = data.author_row(self.author_number(turn))["email"]
        return self.authors.find({"email": email}, limit=1)[0]

    def range_order_50(self, turn: int) -> Any:
        number = self.book_number(turn)
        first, last = (stored(data.moment(number + each)) for each in (0, 100))
        return self.books.find({"created": {"$gte": first, "$lt": last}}, "created", 50)

    def first(self, turn: int) -> Any:
        return self.books.find({}, "title", 1)[0]

    def exists(self, turn: int) -> Any:
        wanted = {"title": data.title(self.book_number(turn))}
        return bool(self.books.find(wanted, limit=1))

    def startswith(self, turn: int) -> Any:
        start = data.title(self.book_number(turn))[:11]
        return Bag(self.books.find({"title": {"$regex": f"^{start}"}}))

    def exclude(self, turn: int) -> Any:
        return self.books.find({"rating": {"$ne": 1 + turn % 5}}, "_id", 20)

    def year_lookup(self, turn: int) -> Any:
        year = data.FIRST_YEAR + self.some(turn, data.YEARS) - 1
        first, last = (stored(date(each, 1, 1)) for each in (year, year + 1))
        return Bag(self.books.find({"published": {"$gte": first, "$lt": last}}))

    def json_contains_first(self, turn: int) -> Any:
        code = self.scale.books // 2 + turn
        return self.books.find({"data.code": code}, limit=1)[0]

    # --- many rows ---

    def iterate_10k(self, turn: int) -> Any:
        return self.books.find({}, "_id", self.scale.fifth)

    # --- relations ---

    def fk_filter_by_id(self, turn: int) -> Any:
        return Bag(self.books.find({"author_id": self.author_number(turn)}))

    # --- counts ---

    def count_filtered(self, turn: int) -> Any:
        return self.books.count({"rating": 1 + turn % 5})

    def count_all(self, turn: int) -> Any:
        return self.books.count({})

    def isnull_count(self, turn: int) -> Any:
        return self.books.count({"subtitle": None})
