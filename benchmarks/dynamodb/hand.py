"""The operations by hand, with boto3's client: what a good programmer would write.

`Hand` gives the guarantee of our backend: an index is entries in a table of its own,
written in the same transaction as the row and read consistently, so that no query
misses a row just written. `HandGlobal` has DynamoDB's own global indexes, which follow
some time later, and hold copies of the rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import boto3
from botocore.config import Config

from . import rows

Item = dict[str, Any]
Row = dict[str, Any]
# What one request takes.
BATCH_WRITES, BATCH_READS, TRANSACTION = 25, 100, 100
KEY = [{"AttributeName": "id", "KeyType": "HASH"}]


def portions(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (values[at : at + size] for at in range(0, len(values), size))


def number(value: Any) -> Item:
    return {"N": str(value)}


def text(value: Any) -> Item:
    return {"S": str(value)}


# {column: (its form in an item, the value of that form)}
FORMS: dict[str, tuple[Callable[[Any], Item], Callable[[Item], Any]]] = {
    **dict.fromkeys(
        ("id", "author_id", "shelf", "pages", "stock"),
        (number, lambda form: int(form["N"])),
    ),
    "price": (number, lambda form: Decimal(form["N"])),
    "published": (text, lambda form: date.fromisoformat(form["S"])),
    **dict.fromkeys(("title", "name", "country"), (text, lambda form: form["S"])),
}


def as_item(row: Row) -> Item:
    return {name: FORMS[name][0](value) for name, value in row.items()}


def as_row(item: Item) -> Row:
    return {name: FORMS[name][1](form) for name, form in item.items()}


class Hand:
    """Rows in a table each, and entries of the indexes in a third."""

    tables = ("hand_author", "hand_book", "hand_index")

    def __init__(self, url: str) -> None:
        # Each request is asked for once; what is sent is right.
        config = Config(parameter_validation=False, tcp_keepalive=True)
        self.client = boto3.client("dynamodb", endpoint_url=url, config=config)
        self.clients = [self.client]
        self.author, self.book, *_ = self.tables

    # --- the tables ---

    def load(self) -> None:
        self.create_tables()
        self.put_all(self.author, rows.authors())
        self.put_all(self.book, rows.books())

    def create_tables(self) -> None:
        for name in (self.author, self.book):
            self.create_table(name, KEY, {"id": "N"})
        keys = [
            {"AttributeName": "index", "KeyType": "HASH"},
            {"AttributeName": "entry", "KeyType": "RANGE"},
        ]
        self.create_table("hand_index", keys, {"index": "S", "entry": "S"})

    def create_table(
        self, name: str, keys: list[Item], types: dict[str, str], **more: Any
    ) -> None:
        self.client.create_table(
            TableName=name,
            KeySchema=keys,
            AttributeDefinitions=[
                {"AttributeName": each, "AttributeType": kind}
                for each, kind in types.items()
            ],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )
        self.client.get_waiter("table_exists").wait(TableName=name)

    def put_all(self, table: str, found: Iterable[Row]) -> None:
        """Put rows with their entries, without a transaction."""
        puts = [
            (name, {"PutRequest": {"Item": item}})
            for row in found
            for name, item in self.items(table, row)
        ]
        self.batch_write(puts)

    def batch_write(self, requests: Sequence[tuple[str, Item]]) -> None:
        for portion in portions(requests, BATCH_WRITES):
            asked: dict[str, list[Item]] = {}
            for name, request in portion:
                asked.setdefault(name, []).append(request)
            while asked:
                reply = self.client.batch_write_item(RequestItems=asked)
                asked = reply["UnprocessedItems"]

    # --- rows and their entries ---

    def items(self, table: str, row: Row) -> list[tuple[str, Item]]:
        """Return (table, item) of a row and its entries."""
        entries = [("hand_index", item) for item in self.entries(table, row)]
        return [(table, as_item(row)), *entries]

    def entries(self, table: str, row: Row) -> list[Item]:
        if table == self.author:
            places = [(f"author.country#{row['country']}", f"{row['id']:012d}")]
        else:
            places = [
                (f"book.author#{row['author_id']}", f"{row['id']:012d}"),
                (f"book.shelf#{row['shelf']}", f"{row['published']}#{row['id']:012d}"),
            ]
        key = number(row["id"])
        return [
            {"index": text(index), "entry": text(entry), "id": key}
            for index, entry in places
        ]

    def query(self, index: str, limit: int = 0, **more: Any) -> list[Item]:
        """Return the items of a Query, all its pages."""
        asked: Item = {
            "TableName": "hand_index",
            "KeyConditionExpression": "#i = :i",
            "ExpressionAttributeNames": {"#i": "index"},
            "ExpressionAttributeValues": {":i": text(index)},
            "ConsistentRead": True,
            **more,
        }
        if limit:
            asked["Limit"] = limit
        found: list[Item] = []
        while True:
            reply = self.client.query(**asked)
            found += reply["Items"]
            last = reply.get("LastEvaluatedKey")
            if last is None or (limit and len(found) >= limit):
                return found
            asked["ExclusiveStartKey"] = last

    def by_keys(self, table: str, keys: Sequence[Item]) -> list[Row]:
        """Return the rows with these keys, in their order."""
        found: dict[str, Row] = {}
        for portion in portions(keys, BATCH_READS):
            asked = {table: {"Keys": [{"id": key} for key in portion]}}
            asked[table]["ConsistentRead"] = True
            while asked:
                reply = self.client.batch_get_item(RequestItems=asked)
                for item in reply["Responses"].get(table, ()):
                    found[item["id"]["N"]] = as_row(item)
                asked = reply["UnprocessedKeys"]
        return [found[key["N"]] for key in keys if key["N"] in found]

    def ids(self, entries: Iterable[Item]) -> list[Item]:
        return [entry["id"] for entry in entries]

    def shelf(self, shelf: int, limit: int = 0) -> list[Row]:
        """Return the books of a shelf, the oldest first."""
        entries = self.query(f"book.shelf#{shelf}", limit)
        return self.by_keys(self.book, self.ids(entries))

    # --- the operations ---

    def get(self, turn: int) -> Any:
        reply = self.client.get_item(
            TableName=self.book,
            Key={"id": number(rows.book_number(turn))},
            ConsistentRead=True,
        )
        return as_row(reply["Item"])

    def query_300(self, turn: int) -> Any:
        return self.shelf(rows.shelf_of(turn))

    def first_20(self, turn: int) -> Any:
        return self.shelf(rows.shelf_of(turn), rows.PAGE)

    def count(self, turn: int) -> Any:
        reply = self.client.query(
            TableName="hand_index",
            KeyConditionExpression="#i = :i",
            ExpressionAttributeNames={"#i": "index"},
            ExpressionAttributeValues={":i": text(f"book.shelf#{rows.shelf_of(turn)}")},
            ConsistentRead=True,
            Select="COUNT",
        )
        assert "LastEvaluatedKey" not in reply
        return reply["Count"]

    def join(self, turn: int) -> Any:
        entries = self.query(f"author.country#{rows.country(turn)}")
        names = {
            row["id"]: row["name"]
            for row in self.by_keys(self.author, self.ids(entries))
        }
        keys = [
            key
            for author in names
            for key in self.ids(self.query(f"book.author#{author}"))
        ]
        books = self.by_keys(self.book, keys)
        return [(book["title"], names[book["author_id"]]) for book in books]

    def select_related(self, turn: int) -> Any:
        books = self.shelf(rows.shelf_of(turn), rows.PAGE)
        keys = {book["author_id"]: None for book in books}
        authors = self.by_keys(self.author, [number(key) for key in keys])
        names = {author["id"]: author["name"] for author in authors}
        return [(book["title"], names[book["author_id"]]) for book in books]

    def create(self, turn: int) -> Any:
        row = rows.passing_row(rows.CREATED + turn)
        self.create_rows([row])
        return row

    def create_rows(self, found: Sequence[Row]) -> None:
        """Write rows with their entries in one transaction."""
        actions = []
        for row in found:
            (table, item), *entries = self.items(self.book, row)
            new = {"ConditionExpression": "attribute_not_exists(id)"}
            actions.append({"Put": {"TableName": table, "Item": item, **new}})
            actions += [
                {"Put": {"TableName": name, "Item": entry}} for name, entry in entries
            ]
        self.client.transact_write_items(TransactItems=actions)

    def bulk_create_1000(self, turn: int) -> Any:
        """Create as many rows at a time as a transaction takes: no row without its
        entries, but not all or nothing.
        """
        for portion in portions(rows.many_rows(turn), TRANSACTION // 3):
            self.create_rows(portion)

    bulk_batches_1000 = bulk_create_1000

    def update_add(self, turn: int) -> Any:
        self.client.update_item(
            TableName=self.book,
            Key={"id": number(rows.book_number(turn))},
            UpdateExpression="ADD stock :one",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues={":one": number(1)},
        )

    def delete(self, turn: int) -> Any:
        """Delete a book by its key: its row says which entries it has."""
        key = number(rows.DELETED + turn)
        reply = self.client.get_item(
            TableName=self.book, Key={"id": key}, ConsistentRead=True
        )
        row = as_row(reply["Item"])
        same = ("author_id", "shelf", "published")
        actions: list[Item] = [
            {
                "Delete": {
                    "TableName": self.book,
                    "Key": {"id": key},
                    "ConditionExpression": " AND ".join(
                        f"{name} = :{name}" for name in same
                    ),
                    "ExpressionAttributeValues": {
                        f":{name}": reply["Item"][name] for name in same
                    },
                }
            }
        ]
        for entry in self.entries(self.book, row):
            place = {name: entry[name] for name in ("index", "entry")}
            actions.append({"Delete": {"TableName": "hand_index", "Key": place}})
        self.client.transact_write_items(TransactItems=actions)

    # --- before and after the operations ---

    def put(self, found: Sequence[Row]) -> None:
        self.put_all(self.book, found)

    def remove(self, found: Sequence[Row]) -> None:
        deletes = []
        for row in found:
            deletes.append((self.book, {"DeleteRequest": {"Key": as_key(row)}}))
            for entry in self.entries(self.book, row):
                place = {name: entry[name] for name in ("index", "entry")}
                deletes.append(("hand_index", {"DeleteRequest": {"Key": place}}))
        self.batch_write(deletes)


def as_key(row: Row) -> Item:
    return {"id": number(row["id"])}


class HandGlobal(Hand):
    """Rows in a table each, with global indexes that hold all columns."""

    tables = ("global_author", "global_book")

    def create_tables(self) -> None:
        self.create_table(
            self.author,
            KEY,
            {"id": "N", "country": "S"},
            GlobalSecondaryIndexes=[global_index("by_country", "country")],
        )
        self.create_table(
            self.book,
            KEY,
            {"id": "N", "author_id": "N", "shelf": "N", "published": "S"},
            GlobalSecondaryIndexes=[
                global_index("by_author", "author_id"),
                global_index("by_shelf", "shelf", "published"),
            ],
        )

    def entries(self, table: str, row: Row) -> list[Item]:
        return []

    def by_value(
        self, table: str, column: str, value: Item, index: str, limit: int = 0
    ) -> list[Row]:
        items = self.query(
            "",
            limit,
            TableName=table,
            IndexName=index,
            ExpressionAttributeNames={"#i": column},
            ExpressionAttributeValues={":i": value},
            ConsistentRead=False,
        )
        return [as_row(item) for item in items]

    def shelf(self, shelf: int, limit: int = 0) -> list[Row]:
        return self.by_value(self.book, "shelf", number(shelf), "by_shelf", limit)

    def count(self, turn: int) -> Any:
        reply = self.client.query(
            TableName=self.book,
            IndexName="by_shelf",
            KeyConditionExpression="shelf = :s",
            ExpressionAttributeValues={":s": number(rows.shelf_of(turn))},
            Select="COUNT",
        )
        assert "LastEvaluatedKey" not in reply
        return reply["Count"]

    def join(self, turn: int) -> Any:
        where = text(rows.country(turn))
        authors = self.by_value(self.author, "country", where, "by_country")
        return [
            (book["title"], author["name"])
            for author in authors
            for book in self.by_value(
                self.book, "author_id", number(author["id"]), "by_author"
            )
        ]

    def create(self, turn: int) -> Any:
        row = rows.passing_row(rows.CREATED + turn)
        self.client.put_item(
            TableName=self.book,
            Item=as_item(row),
            ConditionExpression="attribute_not_exists(id)",
        )
        return row

    def bulk_create_1000(self, turn: int) -> Any:
        self.put_all(self.book, rows.many_rows(turn))

    bulk_batches_1000 = bulk_create_1000

    def delete(self, turn: int) -> Any:
        key = {"id": number(rows.DELETED + turn)}
        self.client.delete_item(TableName=self.book, Key=key)


def global_index(name: str, hashed: str, ranged: str | None = None) -> Item:
    keys = [{"AttributeName": hashed, "KeyType": "HASH"}]
    if ranged is not None:
        keys.append({"AttributeName": ranged, "KeyType": "RANGE"})
    return {
        "IndexName": name,
        "KeySchema": keys,
        "Projection": {"ProjectionType": "ALL"},
    }
