"""Fixtures: a DynamoDB, its clients, and a clock that only waiting moves."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from nonrel_backend.dynamodb import client as clients
from nonrel_backend.dynamodb.client import Client
from nonrel_backend.testing.services.dynamodb import dynamodb_url

from .stub import Stub


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[str]:
    """Yield the URL of a DynamoDB; there are credentials in the environment."""
    with dynamodb_url() as url:
        yield url


@pytest.fixture
def client(dynamodb: str) -> Client:
    return Client("us-east-1", dynamodb)


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    """Yield the name of an empty table, whose key is `h`, a text."""
    name = f"client_{uuid4().hex[:8]}"
    client.call(
        "create_table",
        TableName=name,
        KeySchema=[{"AttributeName": "h", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "h", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    while client.call("describe_table", TableName=name)["Table"]["TableStatus"] != (
        "ACTIVE"
    ):
        pass
    yield name
    client.call("delete_table", TableName=name)


class Clock:
    """A clock that stands still but for sleep(), for the client's module `time`."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock of the client, which stands still."""
    found = Clock()
    module = SimpleNamespace(monotonic=found.monotonic, sleep=found.sleep)
    monkeypatch.setattr(clients, "time", module)
    monkeypatch.setattr(clients, "random", SimpleNamespace(random=lambda: 1.0))
    return found


@pytest.fixture
def answering(dynamodb: str) -> Iterator[Callable[..., tuple[Client, Stub]]]:
    """Return a function that makes a client of an endpoint with these replies."""
    with ExitStack() as stack:

        def made(*replies: Any, **options: Any) -> tuple[Client, Stub]:
            stub = Stub(*replies)
            stack.callback(stub.close)
            return Client("us-east-1", stub.url, **options), stub

        yield made


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Return the list of (operation, parameters) of the client's calls."""
    made, call = [], Client.call

    def recorded(self: Client, operation: str, **parameters: Any) -> Any:
        made.append((operation, parameters))
        return call(self, operation, **parameters)

    monkeypatch.setattr(Client, "call", recorded)
    return made
