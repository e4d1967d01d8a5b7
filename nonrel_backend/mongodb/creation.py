"""Column types, and the creation of test databases on MongoDB."""

import sys
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from ..creation import NonrelDatabaseCreation
from .rewriting import indexes_of, options_of


class DatabaseCreation(NonrelDatabaseCreation):
    data_types = {
        **NonrelDatabaseCreation.data_types,
        "DocumentField": "document",
        "ObjectIdAutoField": "objectId",
        "ObjectIdField": "objectId",
    }

    def _create_test_db(
        self, verbosity: int, autoclobber: bool, keepdb: bool = False
    ) -> str:
        name = self._get_test_db_name()
        client = self.client()
        if name in client.list_database_names() and not keepdb:
            if not autoclobber:
                answer = input(
                    f"Type 'yes' to delete the test database '{name}', or 'no' to "
                    "cancel: "
                )
                if answer != "yes":
                    self.log("Tests cancelled.")
                    sys.exit(1)
            client.drop_database(name)
        return name

    def setup_worker_connection(self, _worker_id: Any) -> None:
        super().setup_worker_connection(_worker_id)
        self.learn_about_transactions()

    def set_as_test_mirror(self, primary_settings_dict: dict[str, Any]) -> None:
        super().set_as_test_mirror(primary_settings_dict)
        self.learn_about_transactions()

    def learn_about_transactions(self) -> None:
        """Ask the server: a TestCase must not rely on them before it connects."""
        _ = self.connection.has_transactions

    def client(self) -> MongoClient:
        self.connection.ensure_connection()
        return self.connection.connection

    def _clone_test_db(self, suffix: Any, verbosity: int, keepdb: bool = False) -> None:
        source = self.connection.settings_dict["NAME"]
        target = self.get_test_db_clone_settings(suffix)["NAME"]
        client = self.client()
        if keepdb and target in client.list_database_names():
            return
        client.drop_database(target)
        for name in client[source].list_collection_names():
            copy_collection(client[source][name], client[target][name])

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        client = self.client()
        # The server would wait for an open transaction before it drops the database.
        self.connection.transaction.end()
        client.drop_database(test_database_name)
        self.connection.close()


def copy_collection(source: Collection, target: Collection) -> None:
    """Copy a collection with its indexes."""
    target.database.create_collection(target.name, **source.options())
    for name, index in indexes_of(source).items():
        keys = list(index["key"].items())
        target.create_index(keys, name=name, **options_of(index))
    documents = list(source.find())
    if documents:
        target.insert_many(documents)
