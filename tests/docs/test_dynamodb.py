"""Run the examples of docs/dynamodb.md, and measure what it says of costs."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.models import QuerySet

from nonrel_backend.dynamodb import catalog
from nonrel_backend.dynamodb.capacity import measure_capacity
from nonrel_backend.kv import cached_catalog

PAGE = (Path(__file__).parents[2] / "docs" / "dynamodb.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
# (query, what else the cell says, requests, units read, units written)
COSTS = re.findall(
    r"^\| `(.*?)`( .*?)? \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE
)
DAY = date(2020, 1, 1)
# A key as those that are made by the time.
KEY = 915_081_010_268_700_000


# An item as PynamoDB 6.1 has stored it.
ORDER = {
    "customer": {"S": "Ann"},
    "number": {"N": "1"},
    "mail": {"S": "ann@example.com"},
    "placed": {"S": "2026-01-01T08:00:00.000000+0000"},
    "paid": {"BOOL": False},
    "total": {"N": "12.5"},
    "tags": {"SS": ["gift", "new"]},
    "lines": {"L": [{"M": {"sku": {"S": "a"}, "count": {"N": "2"}}}]},
    "address": {"M": {"zip": {"N": "150"}, "city": {"S": "Oslo"}}},
    "note": {"S": '{"b": 1, "a": [1]}'},
    "version": {"N": "1"},
}


@pytest.fixture
def orders(databases: Any) -> Iterator[Callable[[], dict[str, Any]]]:
    """Make a table as PynamoDB makes it; yield a function to its first item."""
    connection = databases["default"]
    name = f"{connection.prefix}orders"
    types = {"customer": "S", "number": "N", "mail": "S"}
    connection.ensure_connection()
    call = connection.connection.call
    call(
        "create_table",
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": each, "AttributeType": tag} for each, tag in types.items()
        ],
        KeySchema=[
            {"AttributeName": "customer", "KeyType": "HASH"},
            {"AttributeName": "number", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-mail",
                "KeySchema": [{"AttributeName": "mail", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for number in (1, 2, 3):
        placed = f"2026-01-0{number}T08:00:00.000000+0000"
        item = ORDER | {"number": {"N": str(number)}, "placed": {"S": placed}}
        call("put_item", TableName=name, Item=item)

    def first() -> dict[str, Any]:
        key = {"customer": {"S": "Ann"}, "number": {"N": "1"}}
        return dict(
            call("get_item", TableName=name, Key=key, ConsistentRead=True)["Item"]
        )

    yield first
    connection.catalog.native.delete(name)


@pytest.fixture
def scope(databases: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Yield what the examples define, with the tables of the models and their rows."""
    found: dict[str, Any] = {"__name__": "tests.docs.dynamodb"}
    exec(EXAMPLES[0], found)
    models = [found[name] for name in ("Author", "Book", "Reading")]
    connection = connections["default"]
    options = {**connection.settings_dict["OPTIONS"], "keys": "time"}
    # The catalog's entries are not read again meanwhile.
    monkeypatch.setattr(cached_catalog, "CACHED_SECONDS", 3600)
    monkeypatch.setattr(catalog, "unmanaged_models", lambda: unmanaged(found))
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    with connection.schema_editor() as editor:
        for model in models:
            editor.create_model(model)
    fill(found)
    yield found
    with connection.schema_editor() as editor:
        for model in reversed(models):
            editor.delete_model(model)


def unmanaged(scope: dict[str, Any]) -> dict[str, Any]:
    """Return the models of the page whose tables migrate does not make."""
    return {"orders": scope["Order"]} if "Order" in scope else {}


def fill(scope: dict[str, Any]) -> None:
    """Make the rows and names that the page speaks of."""
    Author, Book, Reading = (scope[name] for name in ("Author", "Book", "Reading"))
    authors = [Author(pk=KEY + n, name=f"author {n}") for n in range(10)]
    Author.objects.bulk_create(authors)

    def made(number: int, writer: Any, isbn: str, pk: int | None = None) -> Any:
        return Book(
            pk=pk,
            title=f"A title of about as many letters as others, {number}",
            author=writer,
            isbn=isbn,
            price="12.50",
            published=DAY + timedelta(days=number),
        )

    books = [
        made(n, authors[0 if n < 300 else 1 + n % 9], f"978{n:010}", KEY + n)
        for n in range(1000)
    ]
    for first in range(0, 1000, 250):
        Book.objects.bulk_create(books[first : first + 250])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    Reading.objects.bulk_create(
        Reading(device=f"d{n % 3}", at=start + timedelta(minutes=n), value=n)
        for n in range(90)
    )
    scope |= {
        "author": authors[0],
        "second": authors[1],
        "book": books[500],
        "second_book": books[501],
        "keys": [each.pk for each in books[:100]],
        "day": books[-10].published,
        "days": [each.published for each in books[:20]],
        "now": datetime(2026, 2, 1, tzinfo=UTC),
        "values": {
            "title": "Emma",
            "author": authors[1],
            "price": "9.99",
            "published": DAY,
        },
        "new": [made(number, authors[2], f"1{number}") for number in range(10)],
        "more": [made(number, authors[2], f"2{number}") for number in range(100)],
    }


def test_the_examples_work_and_cost_what_the_page_says(
    scope: dict[str, Any], orders: Callable[[], dict[str, Any]]
) -> None:
    for name in ("Author", "Book", "Reading"):  # the catalog is read, and cached
        assert scope[name].check() == []
        scope[name].objects.exists()
    for example in EXAMPLES[1:]:
        exec(example, scope)
    changed = {"paid": {"BOOL": True}, "version": {"N": "2"}}
    assert orders() == ORDER | changed
    wrong = []
    for query, rest, *expected in COSTS:
        with measure_capacity() as consumed:
            found = eval(query.replace(r"\|", "|"), scope)
            if isinstance(found, QuerySet):
                list(found)
        units = [f"{each:g}" for each in (consumed.read, consumed.written)]
        if [str(consumed.requests), *units] != expected:
            cells = " | ".join([f"`{query}`{rest}", str(consumed.requests), *units])
            wrong.append(f"| {cells} |")
    assert len(COSTS) > 30
    assert not wrong, "\n".join(["The page's table should say:", *wrong])
