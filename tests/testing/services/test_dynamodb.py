"""DynamoServer starts dynoxide, or ministack where there is none."""

import os

import pytest

from nonrel_backend.dynamodb.client import Client
from nonrel_backend.testing.services import dynamodb as servers
from nonrel_backend.testing.services.addresses import app_server, server
from nonrel_backend.testing.services.dynamodb import DynamoServer
from nonrel_backend.testing.services.processes import ServerError


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.delenv("DYNAMODB_URL", raising=False)
    for name, text in servers.CREDENTIALS.items():
        monkeypatch.setenv(name, text)


def make_table(url):
    Client("us-east-1", url).call(
        "create_table",
        TableName="books",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def tables(url):
    return Client("us-east-1", url).call("list_tables")["TableNames"]


needs_dynoxide = pytest.mark.skipif(
    servers.dynoxide_binary() is None, reason="there is no dynoxide"
)


@needs_dynoxide
def test_a_killed_server_comes_back_with_its_data_if_that_is_in_a_file(tmp_path):
    with DynamoServer(tmp_path / "data.db") as started:
        make_table(started.url)
        started.kill()
        started.start()
        assert tables(started.url) == ["books"]


def test_without_dynoxide_it_is_ministack(monkeypatch):
    monkeypatch.setattr(servers, "dynoxide_binary", lambda: None)
    assert servers.server_name() == "ministack"
    with DynamoServer() as started:
        make_table(started.url)
        assert tables(started.url) == ["books"]


def test_the_error_without_a_server_says_what_to_do(monkeypatch):
    monkeypatch.setattr(servers, "dynoxide_binary", lambda: None)
    monkeypatch.setattr(servers, "find_spec", lambda name: None)
    with pytest.raises(ServerError, match="Set DYNAMODB_URL, install dynoxide"):
        DynamoServer().start()


def test_a_block_has_an_address_and_credentials(monkeypatch, capsys):
    for name in servers.CREDENTIALS:
        monkeypatch.delenv(name)
    with server("dynamodb"):
        url = os.environ["DYNAMODB_URL"]
        assert tables(url) == []
    assert f"The server is {servers.server_name()} at {url}." in capsys.readouterr().out
    assert not {"DYNAMODB_URL", *servers.CREDENTIALS} & os.environ.keys()


def test_credentials_in_the_environment_stay(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    with server("dynamodb"):
        assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"


def test_a_server_that_is_named_is_used(monkeypatch):
    monkeypatch.setenv("DYNAMODB_URL", "http://here")
    with server("dynamodb"):
        assert os.environ["DYNAMODB_URL"] == "http://here"


def test_each_app_of_djangos_suite_has_its_own():
    with app_server("dynamodb") as first, app_server("dynamodb") as second:
        assert first["DYNAMODB_URL"] != second["DYNAMODB_URL"]
