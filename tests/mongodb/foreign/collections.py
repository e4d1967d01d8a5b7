"""A database as other programs write it: {collection: what makes it}.

Each is written by pymongo, past the backend: by a shell, by other ODMs, by services.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from bson import (
    Binary,
    Code,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.binary import OLD_UUID_SUBTYPE, UUID_SUBTYPE
from gridfs import GridFS
from pymongo import ASCENDING, GEOSPHERE, HASHED, TEXT
from pymongo.database import Database

DAY = datetime(2024, 5, 17, 12, 30, 15, 250000)
NOON = datetime(2024, 5, 18, 12)
ANN, BOB, EVE = (ObjectId(f"65f0000000000000000000a{digit}") for digit in "123")
ONE, TWO = UUID(int=2**100 + 1), UUID(int=2**101 + 2)
MEGABYTE = 1024 * 1024


def uuid4_of(value: UUID) -> Binary:
    return Binary(value.bytes, UUID_SUBTYPE)


def legacy_uuid(value: UUID) -> Binary:
    return Binary(value.bytes, OLD_UUID_SUBTYPE)


# --- documents only ---

DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    # Sub-documents in sub-documents and in lists; keys that not all of them have.
    "customers": [
        {
            "_id": ANN,
            "name": "Ann",
            "address": {
                "street": "Elm 1",
                "city": "Kyoto",
                "zip": "600",
                "geo": {"lat": 35.0, "lon": 135.75},
            },
            "contacts": [
                {"kind": "mail", "value": "ann@x", "seen": {"at": DAY, "by": BOB}},
                {"kind": "fax", "value": "7", "old": True},
            ],
            "tags": ["a", "b"],
        },
        {
            "_id": BOB,
            "name": None,
            "address": {"street": "Oak 2", "city": "Oslo", "zip": None},
            "contacts": [],
            "tags": [],
        },
    ],
    # null or a number, int or double, Decimal128 with trailing zeros.
    "products": [
        {"_id": 1, "price": 3, "stock": None, "cost": Decimal128("1.2300")},
        {"_id": 2, "price": 2.5, "stock": 4, "cost": Decimal128("4000.0000")},
        {"_id": 3, "price": 1.0, "stock": Int64(5), "cost": Decimal128("4E+3")},
    ],
    # The mongo shell's numbers.
    "shell": [{"_id": 1.0, "n": 3.0}, {"_id": 2.0, "n": 4.0}],
    "tickets": [{"_id": "T-1", "open": True}, {"_id": "T-2", "open": False}],
    "mixed_keys": [
        {"_id": "ac3", "name": "text"},
        {"_id": ANN, "name": "object"},
        {"_id": 7, "name": "number"},
    ],
    "uuid_keys": [
        {"_id": uuid4_of(ONE), "other": uuid4_of(TWO)},
        {"_id": uuid4_of(TWO), "other": None},
    ],
    "legacy_uuids": [
        {"_id": legacy_uuid(ONE), "other": legacy_uuid(TWO)},
        {"_id": legacy_uuid(TWO), "other": legacy_uuid(ONE)},
    ],
    # A key with keys of its own: of one form in all documents, and of several.
    "daily_totals": [
        {"_id": {"day": DAY, "country": "JP"}, "total": 5},
        {"_id": {"day": DAY, "country": "NO"}, "total": 7},
        {"_id": {"day": NOON, "country": "NO"}, "total": 7.5},
    ],
    "odd_totals": [
        {"_id": {"day": "2024-05-17", "country": "JP"}, "total": 5},
        {"_id": {"country": "NO"}, "total": 7},
    ],
    # MongoEngine's inheritance, old and new.
    "pages": [
        {"_id": ANN, "_cls": "Page.Article", "_types": ["Page", "Page.Article"]},
        {"_id": BOB, "_cls": "Page", "title": "Home"},
    ],
    # Mongoose.
    "posts": [
        {
            "_id": ANN,
            "title": "One",
            "author": BOB,
            "likes": [ANN, BOB],
            "createdAt": DAY,
            "updatedAt": NOON,
            "__v": 0,
        },
        {"_id": BOB, "title": "Two", "likes": [], "createdAt": NOON, "__v": 3},
    ],
    "orders": [
        {
            "_id": 1,
            "customer": DBRef("customers", ANN),
            "lines": [{"sku": "a", "n": 2}],
        },
        {"_id": 2, "customer": DBRef("customers", BOB, "shop"), "lines": []},
    ],
    # ObjectIds and dates in lists and lists of lists; items of several types.
    "events": [
        {
            "_id": 1,
            "days": [DAY, NOON],
            "matrix": [[1, 2], [3.5]],
            "any": [1, "one", ANN, DAY, None, {"deep": [ANN]}],
            "info": {"by": ANN, "at": DAY, "amount": Decimal128("1.50"), "n": 3.0},
        },
        {"_id": 2, "days": [], "matrix": [], "any": [], "info": {}},
    ],
    # Numbers and booleans, texts and numbers, in one column.
    "flags": [
        {"_id": 1, "v": True, "w": "wide", "x": 1},
        {"_id": 2, "v": 1, "w": 2.5, "x": False},
        {"_id": 3, "v": False, "w": 7, "x": [1]},
    ],
    "nulls": [
        {"_id": 1, "a": None, "b": {"c": None, "d": 1}, "l": [None, 1]},
        {"_id": 2, "a": None, "b": None, "l": None},
        {"_id": 3, "b": {"d": 2}},
    ],
    "exotic": [
        {
            "_id": 1,
            "pattern": Regex("^a", "i"),
            "code": Code("return 1"),
            "stamp": Timestamp(1, 2),
            "low": MinKey(),
            "high": MaxKey(),
            "bytes": b"\x00\xff",
            "md5": Binary(b"0" * 16, 5),
        }
    ],
    "far_dates": [
        {"_id": 1, "at": DatetimeMS(253_402_300_800_000)},  # the year 10000
        {"_id": 2, "at": DAY},
    ],
    "dotted": [
        {"_id": 1, "a.b": 5, "$x": 1, "a": {"b": 6}, "m": {"c.d": 1, "e": 2}},
        {"_id": 2, "a.b": 7, "$x": 2, "a": {"b": 8}, "m": {"c.d": 3, "e": 4}},
    ],
    # Keys that are data, and keys that no attribute of a model can have.
    "prices": [
        {"_id": year, "by_day": {f"{year}-{day:03}": day / 2 for day in range(60)}}
        for year in (2023, 2024)
    ],
    "reserved": [
        {
            "_id": 1,
            "id": "x",
            "pk": 1,
            "save": 2,
            "objects": 3,
            "models": 4,
            "class": 5,
            "Name": "A",
            "name": "b",
            "exact": 6,
            "né": 7,
            "日本": 8,
            "½": 9,
            "2nd": 10,
            "a__b": 11,
            "a_": 12,
            "": 13,
            "sub": {"in": 1, "isnull": 2, "Len": 3, "save": 4, "": 5},
        }
    ],
    "big": [
        {"_id": 1, "text": "x" * (10 * MEGABYTE), "n": 1},
        {"_id": 2, "data": b"y" * (10 * MEGABYTE), "n": 2},
    ],
    "2024 Sales-Items": [{"_id": 1, "total": 5}],
    "売上": [{"_id": 1, "total": 5}],
    "none": [{"_id": 1, "total": 5}],
    "Customers": [{"_id": 1, "name": "another case"}],
    "customers_address": [{"_id": 1, "name": "a class of the same name"}],
}


# --- what needs more than documents ---


def empty(database: Database) -> None:
    database.create_collection("empty")


def sparse(database: Database) -> None:
    accounts = database["accounts"]
    accounts.insert_many(
        [{"_id": 1, "mail": "a@x"}, {"_id": 2}, {"_id": 3, "code": "c"}, {"_id": 4}]
    )
    accounts.create_index("mail", unique=True, sparse=True)
    accounts.create_index([("code", ASCENDING), ("mail", ASCENDING)])


def partial(database: Database) -> None:
    coupons = database["coupons"]
    coupons.insert_many(
        [
            {"_id": 1, "code": "A", "active": True},
            {"_id": 2, "code": "A", "active": False},
            {"_id": 3, "code": "A", "active": False},
        ]
    )
    coupons.create_index("code", unique=True, partialFilterExpression={"active": True})


def unique_lists(database: Database) -> None:
    books = database["books"]
    books.insert_many(
        [
            {"_id": 1, "isbn": ["1", "2"], "info": {"code": "a"}, "shelf": 1, "no": 1},
            {"_id": 2, "isbn": ["3"], "info": {"code": "b"}, "shelf": 1, "no": 2},
        ]
    )
    books.create_index("isbn", unique=True)
    books.create_index("info.code", unique=True)
    books.create_index([("shelf", 1), ("no", -1)], unique=True)


def indexes(database: Database) -> None:
    places = database["places"]
    places.insert_many(
        [
            {
                "_id": ANN,
                "name": "Gion",
                "where": {"type": "Point", "coordinates": [135.75, 35]},
            },
            {
                "_id": BOB,
                "name": "Frogner",
                "where": {"type": "Point", "coordinates": [10.75, 59.9]},
            },
        ]
    )
    places.create_index([("where", GEOSPHERE)])
    places.create_index([("name", TEXT)])
    places.create_index([("name", HASHED)])
    places.create_index("$**")


def capped(database: Database) -> None:
    database.create_collection("log", capped=True, size=100_000)
    database["log"].insert_many(
        [{"_id": ANN, "line": "one"}, {"_id": BOB, "line": "two"}]
    )


def clustered(database: Database) -> None:
    for name, index in [("settings", {}), ("options", {"name": "by key"})]:
        clustering = {"key": {"_id": 1}, "unique": True, **index}
        database.create_collection(name, clusteredIndex=clustering)
        database[name].insert_many([{"_id": "a", "v": 1}, {"_id": "b", "v": 2}])


def time_series(database: Database) -> None:
    database.create_collection(
        "weather", timeseries={"timeField": "at", "metaField": "station"}
    )
    database["weather"].insert_many(
        [
            {"_id": ANN, "at": DAY, "station": {"no": 1}, "wind": 2.5},
            {"_id": BOB, "at": NOON, "station": {"no": 2}, "wind": 3.0},
        ]
    )


def views(database: Database) -> None:
    database.create_collection(
        "named", viewOn="customers", pipeline=[{"$match": {"name": {"$ne": None}}}]
    )
    database.create_collection(
        "names", viewOn="customers", pipeline=[{"$project": {"_id": 0, "name": 1}}]
    )
    database.create_collection(
        "stations",
        viewOn="weather",
        pipeline=[{"$group": {"_id": "$station.no", "wind": {"$avg": "$wind"}}}],
    )


def files(database: Database) -> None:
    GridFS(database).put(b"z" * 300_000, filename="z.bin", owner=EVE)


MAKERS: list[Callable[[Database], None]] = [
    empty,
    sparse,
    partial,
    unique_lists,
    indexes,
    capped,
    clustered,
    time_series,
    views,
    files,
]
# All collections and views, and those whose documents cannot be changed by `_id`.
VIEWS = ["named", "names", "stations"]
NAMES = [
    *DOCUMENTS,
    *["empty", "accounts", "coupons", "books", "places", "log", "settings", "options"],
    *["weather", "fs.files", "fs.chunks", *VIEWS],
]
READ_ONLY = [*VIEWS, "weather"]


def make(database: Database) -> None:
    """Write the whole database."""
    for name, documents in DOCUMENTS.items():
        database[name].insert_many(documents)
    for maker in MAKERS:
        maker(database)
