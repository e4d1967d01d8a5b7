"""MongoServer and MongoReplicaSet start and stop servers."""

from typing import Any

import pytest
from pymongo import MongoClient

from nonrel_backend.testing.services import mongodb as servers
from nonrel_backend.testing.services.mongodb import (
    MongoReplicaSet,
    MongoServer,
    ServerError,
)


def test_a_server_takes_transactions_and_leaves_nothing_behind() -> None:
    with MongoServer() as server:
        folder = server.folder
        with MongoClient[Any](server.uri) as client, client.start_session() as session:
            session.with_transaction(
                lambda session: client.shop.items.insert_one({}, session=session)
            )
            assert client.shop.items.count_documents({}) == 1
    assert folder is not None
    assert not folder.exists()


def test_a_killed_server_comes_back_with_its_data() -> None:
    with MongoServer() as server:
        with MongoClient[Any](server.uri) as client:
            client.shop.items.insert_one({"_id": 1})
            server.kill()
            server.start()
            assert client.shop.items.find_one() == {"_id": 1}


def test_a_standalone_server_has_no_replica_set() -> None:
    with MongoServer(replset=None) as server, MongoClient[Any](server.uri) as client:
        assert "setName" not in client.admin.command("hello")


def test_a_replica_set_elects_another_primary_when_its_own_steps_down() -> None:
    with MongoReplicaSet() as cluster:
        old = cluster.step_down()
        assert cluster.wait_for_primary() is not old


def test_the_error_without_a_mongod_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(servers, "WHEEL_BINARY", servers.Path("nowhere"))
    with pytest.raises(ServerError, match="MONGODB_URI"):
        servers.mongod_binary()
