"""LMDB passes the conformance suite."""

from typing import Any
from unittest import SkipTest

from nonrel_backend.testing import BackendConformance


class LMDBTests(BackendConformance):
    DATABASES = {
        "default": {"ENGINE": "nonrel_backend.lmdb", "NAME": ":memory:conformance"}
    }

    def break_connection(self, connection: Any) -> None:
        raise SkipTest("LMDB is in the process: there is no connection to lose")
