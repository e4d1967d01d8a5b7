"""A DocumentStore in a bucket of Riak."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from ....riak import rows as writing
from ....riak.changing import ATTEMPTS, put_changed
from ....riak.client import AlreadyThere, Client, RiakError
from ....riak.errors import translate
from ....riak.objects import Objects
from ....riak.resolving import last_write_wins
from ....riak.table import Table
from ....riak.versions import give_way
from ...exceptions import BadRequest
from .base import ScannedStore, encoded_key

LONGEST_KEY = 65_535


@contextmanager
def translated_errors() -> Iterator[None]:
    """The store's errors as Django's, so that they have an answer."""
    try:
        yield
    except RiakError as error:
        raise translate(error) or error from error


class Documents(Table):
    """Documents as rows without indexes; one that is being deleted is null."""

    def __init__(self, bucket: str):
        super().__init__(bucket, bucket.encode(), [], {}, set(), set())

    def row(self, found):
        return json.loads(found.value)


class RiakStore(ScannedStore):
    """Documents in a bucket, as JSON; `Client(Pool("riak1,riak2"))` leads to it.

    Of several versions of one that was written at the same moment one is taken. `type`
    is the bucket type: of compare and set by several processes one wins where it has
    allow_mult, by the threads of one process anywhere.
    """

    def __init__(self, client: Client, bucket: str, type: str = ""):
        table = Documents(bucket)
        self.objects = Objects(client, table, last_write_wins, type.encode())

    def pairs(self):
        with translated_errors():
            for found in self.objects.all():
                if found.row is not None:
                    yield found.key.decode(errors="surrogatepass"), found.row

    @translated_errors()
    def get(self, key):
        encoded = encoded_key(key, LONGEST_KEY)
        if encoded is None:
            return None
        return next((found.row for found in self.objects.by_keys([encoded])), None)

    @translated_errors()
    def insert(self, key, document):
        key = uuid4().hex if key is None else key
        encoded = encoded_key(key, LONGEST_KEY)
        if encoded is None:
            raise BadRequest("The key is too long.")
        try:
            self.objects.client.put(
                self.objects.table.bucket,
                encoded,
                self.objects.table.content(document),
                if_none_match=True,
                **self.objects.options,
            )
        except AlreadyThere:
            return None
        return key

    @translated_errors()
    def replace(self, key, document, expected):
        encoded = encoded_key(key, LONGEST_KEY)
        return self.put_in_place(encoded, document, expected)

    @translated_errors()
    def delete(self, key, expected=None):
        # Riak deletes without a condition: null is put under one before.
        encoded = encoded_key(key, LONGEST_KEY)
        if not self.put_in_place(encoded, None, expected):
            return False
        writing.delete(self.objects, self.objects.by_keys([encoded]))
        return True

    def put_in_place(self, key: bytes | None, document, expected) -> bool:
        """Put a document in the place of one, or of that very one, under compare and
        set; whether there was one such.
        """
        if key is None:
            return False
        with writing.turns(self.objects, [key]):
            for attempt in range(ATTEMPTS):
                found = next(self.objects.by_keys([key]), None)
                if found is None or found.row is None:
                    return False
                if expected is not None and found.row != expected:
                    return False
                if not put_changed(self.objects, [found], [document]):
                    return True
                give_way(attempt)
        raise writing.lost_race(self.objects.table.name)

    def transaction(self):
        return None
