"""Random documents on Django's own SQLite, and on stores that refuse parts of queries.

The conformance suite has them on backends. FUZZ_DOCUMENTS sets how many queries are
tried, FUZZ_SEED where they begin.
"""

import os

from django.db import connection

from nonrel_backend.testing.refusing import at_random, refusing

COUNT = int(os.environ.get("FUZZ_DOCUMENTS") or 300)
SEED = int(os.environ.get("FUZZ_SEED") or 1)


def test_random_documents_on_sqlite(documents):
    from nonrel_backend.testing.documents.trials import trials

    for text, found, wanted in trials("oracle", COUNT, SEED, plain=True):
        assert found == wanted, text


def test_random_documents_whatever_is_refused(documents):
    from nonrel_backend.testing.documents.trials import trials

    with refusing(connection, at_random(SEED)):
        for text, found, wanted in trials("default", COUNT, SEED):
            assert found == wanted, text
