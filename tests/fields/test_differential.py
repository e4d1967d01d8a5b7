"""Random documents on Django's own SQLite. The conformance suite has them on backends.

FUZZ_DOCUMENTS sets how many queries are tried, FUZZ_SEED where they begin.
"""

import os


def test_random_documents_on_sqlite(documents):
    from nonrel_backend.testing.documents.trials import trials

    count = int(os.environ.get("FUZZ_DOCUMENTS") or 300)
    seed = int(os.environ.get("FUZZ_SEED") or 1)
    for text, found, wanted in trials("oracle", count, seed, plain=True):
        assert found == wanted, text
