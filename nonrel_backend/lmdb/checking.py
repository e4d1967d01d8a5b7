"""Is LMDB's file whole? Its pages are verified before LMDB reads them."""

import os
from collections.abc import Iterator

from .access import Txn

# What is said of one file: after so much, the rest says no more.
MOST_PROBLEMS = 200


def damage_of_file(path: str) -> list[str]:
    """Return a sentence for each damaged page of the store in a folder.

    Nobody may write to it meanwhile. LMDB does not see the file: a damaged page could
    crash the process.
    """
    # Needed by this command only.
    from lmdb.verify import VerifyError, verify

    data = os.path.join(path, "data.mdb")
    if not os.path.exists(data):
        return []
    try:
        found = verify(data)
    except VerifyError as error:
        found = [str(error)]
    return [f"The file is damaged: {each}" for each in found]


def damage_of_tree(txn: Txn) -> Iterator[str]:
    """Yield a sentence for each key that is not in its place: searches miss it."""
    before = b""
    count = 0
    for key, value in txn.cursor():
        if key <= before or txn.get(key) != value:
            yield f"The file is damaged: the key {key!r} is not in its place"
            count += 1
            if count == MOST_PROBLEMS:
                return
        before = key
