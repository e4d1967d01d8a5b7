"""Test databases on MongoDB."""

import sys

from pymongo.errors import PyMongoError

from ..creation import NonrelDatabaseCreation

# How long a TestCase may keep its transaction open.
TEST_TRANSACTION_SECONDS = 3600


class DatabaseCreation(NonrelDatabaseCreation):
    data_types = {
        **NonrelDatabaseCreation.data_types,
        "DocumentField": "document",
        "ObjectIdAutoField": "objectId",
        "ObjectIdField": "objectId",
    }

    def _create_test_db(self, verbosity, autoclobber, keepdb=False):
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
        try:
            client.admin.command(
                "setParameter",
                1,
                transactionLifetimeLimitSeconds=TEST_TRANSACTION_SECONDS,
            )
        except PyMongoError:
            pass  # not allowed to: long TestCases then end with the server's limit
        return name

    def client(self):
        self.connection.ensure_connection()
        return self.connection.connection

    def _clone_test_db(self, suffix, verbosity, keepdb=False):
        source = self.connection.settings_dict["NAME"]
        target = self.get_test_db_clone_settings(suffix)["NAME"]
        client = self.client()
        if keepdb and target in client.list_database_names():
            return
        client.drop_database(target)
        for name in client[source].list_collection_names():
            copy_collection(client[source][name], client[target][name])

    def _destroy_test_db(self, test_database_name, verbosity):
        client = self.client()
        # A transaction left open would have the drop wait for it.
        self.connection.transaction.end()
        client.drop_database(test_database_name)
        self.connection.close()


def copy_collection(source, target) -> None:
    target.database.create_collection(target.name)
    for index in source.list_indexes():
        options = {
            key: value for key, value in index.items() if key not in ("key", "v", "ns")
        }
        if index["name"] != "_id_":
            target.create_index(list(index["key"].items()), **options)
    documents = list(source.find())
    if documents:
        target.insert_many(documents)
