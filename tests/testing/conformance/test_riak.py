"""Riak passes the conformance suite: the Riak at RIAK_HOST, or the stand-in."""

import os
from typing import Any

from nonrel_backend.riak.client import Pool
from nonrel_backend.testing import BackendConformance


class RiakTests(BackendConformance):
    DATABASES = {
        "default": {
            "ENGINE": "nonrel_backend.riak",
            "NAME": f"conformance_{os.getpid()}",
            # Its keys are compared with SQLite's, which are sequences.
            "OPTIONS": {
                "keys": "sequence",
                "transactions": "none",
                "schema_wait": 0,
                "bucket_type": "mult",
                "unique_type": "mult1",
            },
        }
    }

    @classmethod
    def setUpClass(cls) -> None:
        cls.DATABASES["default"]["HOST"] = os.environ["RIAK_HOST"]
        super().setUpClass()

    def break_connection(self, connection: Any) -> None:
        session = connection.db_connection
        # Nothing listens at port 1.
        session.pool = Pool("127.0.0.1", 1)
        session.close()
