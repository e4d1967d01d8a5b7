"""Random queries and writes give the same on the backend and on SQLite.

FUZZ_QUERIES is their number (2,000), FUZZ_SEED their seed. Hypothesis shrinks a failure
to the smallest text that fails.
"""

import os
from typing import Any

from django.db import connection

from nonrel_backend.testing.differential.compare import compare_queries, compare_writes

ALIASES = ("default", "oracle")
QUERIES = int(os.environ.get("FUZZ_QUERIES") or 2000)
SEED = int(os.environ.get("FUZZ_SEED") or 20261120)


def test_random_queries_agree_with_sqlite(library: Any) -> None:
    print("\n" + compare_queries(library, ALIASES, QUERIES, SEED))


def test_random_writes_agree_with_sqlite(library: Any) -> None:
    features = connection.features
    endings = ["rolled back"] * features.supports_transactions + ["committed"]
    endings += ["savepoint"] * features.uses_savepoints
    print("\n" + compare_writes(library, ALIASES, QUERIES // 4, SEED, endings))
