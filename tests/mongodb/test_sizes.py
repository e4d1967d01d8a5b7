"""What is larger or deeper than MongoDB's documents and commands."""

import pytest
from django.db import DataError, OperationalError, connection, transaction

from nonrel_backend.mongodb import long_lists, query, uniques
from nonrel_backend.mongodb.long_lists import batches_of, size_of


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value

