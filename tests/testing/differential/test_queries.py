"""Random queries and writes, done by the backend and by SQLite, must agree.

FUZZ_QUERIES says how many (2,000 when unset), FUZZ_SEED with which seed. Hypothesis
shrinks what fails to the smallest text that still does.
"""

import os

from django.db import connection

from nonrel_backend.testing.differential.compare import compare_queries, compare_writes

ALIASES = ("default", "oracle")
QUERIES = int(os.environ.get("FUZZ_QUERIES") or 2000)
SEED = int(os.environ.get("FUZZ_SEED") or 20261120)


def test_random_queries_agree_with_sqlite(library):
    print("\n" + compare_queries(library, ALIASES, QUERIES, SEED))


def test_random_writes_agree_with_sqlite(library):
    features = connection.features
    endings = ["rolled back"] * features.supports_transactions + ["committed"]
    endings += ["savepoint"] * features.uses_savepoints
    print("\n" + compare_writes(library, ALIASES, QUERIES // 4, SEED, endings))
