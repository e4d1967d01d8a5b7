"""Tables that other programs have made, with items of theirs."""

import pytest

ITEMS = [
    {
        "Artist": {"S": "Can"},
        "Title": {"S": f"song {number}"},
        "year": {"N": str(1970 + number % 3)},
        "rating": {"N": str(number)},
        "plays": {"N": "0"},
        "tags": {"SS": ["kraut", "rock"]},
        "label": {"M": {"name": {"S": "Spoon"}, "since": {"N": "1979"}}},
        "owner": {"S": "another program's"},
    }
    for number in range(12)
]


APP = [
    ({"S": "USER#1"}, {"S": "PROFILE"}, {"name": {"S": "Ada"}, "level": {"N": "3"}}),
    ({"S": "USER#1"}, {"S": "INVOICE#1"}, {"total": {"N": "10"}}),
    ({"S": "USER#1"}, {"S": "INVOICE#2"}, {"total": {"N": "20"}}),
    ({"S": "USER#2"}, {"S": "PROFILE"}, {"name": {"S": "Bob"}}),
    ({"S": "STATS"}, {"S": "PROFILE"}, {"name": {"N": "7"}}),
]


@pytest.fixture
def store(databases, monkeypatch):
    """Return the connection to the database that has the tables."""
    from nonrel_backend.dynamodb import catalog

    from .models import Band, Invoice, Song, User

    connection = databases["default"]
    known = {model._meta.db_table: model for model in (Band, Invoice, Song, User)}
    monkeypatch.setattr(catalog, "unmanaged_models", lambda: known)
    create(connection, "App", {"PK": "S", "SK": "S"})
    for item in APP:
        put(
            connection, "App", dict(zip(("PK", "SK"), item[:2], strict=True), **item[2])
        )
    create(connection, "bands", {"name": "S"})
    create(
        connection,
        "Songs",
        {"Artist": "S", "Title": "S"},
        {"by-year": ("year", "rating"), "by-rating": ("rating",)},
    )
    for item in ITEMS:
        put(connection, "Songs", item)
    put(connection, "bands", {"name": {"S": "Can"}, "country": {"S": "Germany"}})
    yield connection
    for name in ("bands", "Songs", "App"):
        connection.catalog.native.delete(connection.prefix + name)
    for name in known:
        connection.catalog.cache.forget(name)


@pytest.fixture
def music(store):
    """Return the module of the models of the tables."""
    from . import models

    return models


def create(connection, name, key, indexes=None):
    indexed = {
        column: "N" for columns in (indexes or {}).values() for column in columns
    }
    more = {}
    if indexes:
        more["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index,
                "KeySchema": key_schema(columns),
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, columns in indexes.items()
        ]
    connection.catalog.native.delete(connection.prefix + name)
    connection.db_connection.call(
        "create_table",
        TableName=connection.prefix + name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": each, "AttributeType": tag}
            for each, tag in {**key, **indexed}.items()
        ],
        KeySchema=key_schema(key),
        StreamSpecification={
            "StreamEnabled": True,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        **more,
    )


def key_schema(columns):
    return [
        {"AttributeName": each, "KeyType": kind}
        for each, kind in zip(columns, ("HASH", "RANGE"), strict=False)
    ]


def put(connection, table, item):
    connection.db_connection.call(
        "put_item", TableName=connection.prefix + table, Item=item
    )


@pytest.fixture
def item(store):
    """Return a function to the item of a song, as it is stored."""

    def found(title):
        reply = store.db_connection.call(
            "get_item",
            TableName=store.prefix + "Songs",
            Key={"Artist": {"S": "Can"}, "Title": {"S": title}},
            ConsistentRead=True,
        )
        return reply.get("Item")

    return found
