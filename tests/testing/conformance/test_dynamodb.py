"""DynamoDB passes the conformance suite: the one at DYNAMODB_URL, or a new one."""

import os
from dataclasses import replace
from typing import Any

from nonrel_backend.testing import BackendConformance


class DynamoDBTests(BackendConformance):
    DATABASES = {
        "default": {
            "ENGINE": "nonrel_backend.dynamodb",
            "NAME": f"conformance_{os.getpid()}",
            # Its keys are compared with SQLite's, which are sequences.
            "OPTIONS": {"region": "us-east-1", "keys": "sequence", "schema_wait": 0},
        }
    }

    @classmethod
    def setUpClass(cls) -> None:
        options = cls.DATABASES["default"]["OPTIONS"]
        options["endpoint_url"] = os.environ["DYNAMODB_URL"]  # type: ignore[index]
        super().setUpClass()

    def break_connection(self, connection: Any) -> None:
        client = connection.db_connection
        # Nothing listens at port 1.
        client.settings = replace(client.settings, endpoint_url="http://127.0.0.1:1")
        client.deadline = 0.5
