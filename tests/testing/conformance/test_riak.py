"""Riak does what Django does on SQLite: the one at RIAK_HOST, or else the stand-in."""

import os

from nonrel_backend.riak.client import Pool
from nonrel_backend.testing import BackendConformance


class RiakTests(BackendConformance):
    DATABASES = {
        "default": {
            "ENGINE": "nonrel_backend.riak",
            "NAME": f"conformance_{os.getpid()}",
            # As SQLite's keys are, with which they are compared.
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
    def setUpClass(cls):
        cls.DATABASES["default"]["HOST"] = os.environ["RIAK_HOST"]
        super().setUpClass()

    def break_connection(self, connection):
        session = connection.db_connection
        # Nothing listens at port 1.
        session.pool = Pool("127.0.0.1", 1)
        session.close()
