"""MongoDB passes the conformance suite."""

import os
from typing import Any

from pymongo import MongoClient

from nonrel_backend.testing import BackendConformance


class MongoDBTests(BackendConformance):
    DATABASES = {
        "default": {
            "ENGINE": "nonrel_backend.mongodb",
            "NAME": f"conformance_{os.getpid()}",
        }
    }

    @classmethod
    def setUpClass(cls) -> None:
        cls.DATABASES["default"]["HOST"] = os.environ["MONGODB_URI"]
        super().setUpClass()

    def break_connection(self, connection: Any) -> None:
        # Nothing listens at port 1.
        connection.connection = MongoClient(port=1, serverSelectionTimeoutMS=50)
