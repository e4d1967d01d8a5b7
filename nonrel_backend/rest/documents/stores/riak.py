"""RiakStore: documents in a bucket of Riak."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.utils.translation import gettext

from ....kv.retrying import attempts, give_way, turns
from ....riak.changing import delete, put_changed
from ....riak.client import AlreadyThere, Client, RiakError
from ....riak.errors import translate
from ....riak.objects import Objects
from ....riak.resolving import last_write_wins
from ....riak.tables import NO_COLUMNS, RiakTable
from ...exceptions import BadRequest
from .base import Document, ScannedStore, encoded_key

LONGEST_KEY = 65_535


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the store's errors as Django's, which errors.py knows."""
    try:
        yield
    except RiakError as error:
        raise translate(error) or error from error


class Documents(RiakTable):
    """The bucket as a table without indexes. A row is None while it is deleted."""

    def __init__(self, bucket: str) -> None:
        super().__init__(bucket, NO_COLUMNS, bucket.encode())

    def row(self, found: Any) -> Any:
        return json.loads(found.value)


class RiakStore(ScannedStore):
    """Documents, as JSON, in a bucket of a client, as `Client(Pool("riak1,riak2"))`.

    Of several versions of a document that were written at the same moment, one is used.
    `type` is the bucket type. Of several compare-and-set writes at once, one wins: of
    several processes if the bucket type has allow_mult, of the threads of one process
    always.
    """

    def __init__(self, client: Client, bucket: str, type: str = "") -> None:
        table = Documents(bucket)
        self.objects = Objects(client, table, last_write_wins, type.encode())

    def pairs(self) -> Iterator[tuple[str, Document]]:
        with translated_errors():
            for found in self.objects.all():
                if found.row is not None:
                    yield found.key.decode(errors="surrogatepass"), found.row

    @translated_errors()
    def get(self, key: str) -> Document | None:
        encoded = encoded_key(key, LONGEST_KEY)
        if encoded is None:
            return None
        return next((found.row for found in self.objects.by_keys([encoded])), None)

    @translated_errors()
    def insert(self, key: str | None, document: Document) -> str | None:
        key = uuid4().hex if key is None else key
        encoded = encoded_key(key, LONGEST_KEY)
        if encoded is None:
            raise BadRequest(gettext("The key is too long."))
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
    def replace(self, key: str, document: Document, expected: Document | None) -> bool:
        encoded = encoded_key(key, LONGEST_KEY)
        return self.put_in_place(encoded, document, expected)

    @translated_errors()
    def delete(self, key: str, expected: Document | None = None) -> bool:
        # Riak has no conditional deletion: a conditional write of null comes first.
        encoded = encoded_key(key, LONGEST_KEY)
        if encoded is None or not self.put_in_place(encoded, None, expected):
            return False
        found = self.objects.by_keys([encoded])
        delete(self.objects, [(each.key, each.vclock) for each in found])
        return True

    def put_in_place(
        self, key: bytes | None, document: Any, expected: Document | None
    ) -> bool:
        """Replace a document, only if it equals `expected` if that is given, by compare
        and set. Return whether it was replaced.
        """
        if key is None:
            return False
        with turns(self.objects.table.name, [key]):
            for attempt in attempts(self.objects.table.name):
                found = next(self.objects.by_keys([key]), None)
                if found is None or found.row is None:
                    return False
                if expected is not None and found.row != expected:
                    return False
                if not put_changed(self.objects, [found], [document]):
                    return True
                give_way(attempt)
        return False

    def transaction(self) -> None:
        return None
