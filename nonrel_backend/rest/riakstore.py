"""A DocumentStore in a bucket of Riak."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import uniform
from typing import Any
from uuid import uuid4

from django.db import OperationalError

from ..riak.client import AlreadyThere, Client, Conflict, RiakError
from ..riak.client.client import content
from ..riak.errors import translate
from ..riak.resolving import time_of
from .exceptions import BadRequest
from .stores import Document, ScannedStore, encoded_key

PAGE = 500
LONGEST_KEY = 65_535
# How often a write is tried again that another one was faster than.
ATTEMPTS = 40
LONGEST_PAUSE = 0.1


@contextmanager
def translated_errors() -> Iterator[None]:
    """The store's errors as Django's, so that they have an answer."""
    try:
        yield
    except RiakError as error:
        raise translate(error) or error from error


class RiakStore(ScannedStore):
    """Documents in a bucket, as JSON; `Client(Pool("riak1,riak2"))` leads to it.

    Of several versions of one the last is taken. `type` is the bucket type.
    """

    def __init__(self, client: Client, bucket: str, type: str = ""):
        self.client = client
        self.bucket = bucket
        self.options = {"type": type.encode()} if type else {}

    def content(self, document: Document | None) -> Any:
        return content(json.dumps(document).encode())

    def document(self, reply: Any) -> Document | None:
        """The document of a reply. One that is being deleted is null."""
        live = [each for each in reply.content if not each.deleted]
        return json.loads(max(live, key=time_of).value) if live else None

    def pairs(self):
        with translated_errors():
            for each in self.client.fold(self.bucket, PAGE, **self.options):
                document = self.document(each.object)
                if document is not None:
                    yield each.key.decode(errors="surrogatepass"), document

    @translated_errors()
    def get(self, key):
        encoded = encoded_key(key, LONGEST_KEY)
        if encoded is None:
            return None
        return self.document(self.client.get(self.bucket, encoded, **self.options))

    @translated_errors()
    def insert(self, key, document):
        key = uuid4().hex if key is None else key
        encoded = encoded_key(key, LONGEST_KEY)
        if encoded is None:
            raise BadRequest("The key is too long.")
        try:
            self.put(encoded, document, if_none_match=True)
        except AlreadyThere:
            return None
        return key

    @translated_errors()
    def replace(self, key, document, expected):
        return (
            self.put_in_place(encoded_key(key, LONGEST_KEY), document, expected)
            is not None
        )

    @translated_errors()
    def delete(self, key, expected=None):
        # Riak deletes without a condition: null is put under one before.
        encoded = encoded_key(key, LONGEST_KEY)
        vclock = self.put_in_place(encoded, None, expected)
        if vclock is None:
            return False
        self.client.delete(self.bucket, encoded, vclock=vclock, **self.options)
        return True

    def put(self, key: bytes, document: Document | None, **options) -> Any:
        return self.client.put(
            self.bucket, key, self.content(document), **options, **self.options
        )

    def put_in_place(
        self, key: bytes | None, document: Document | None, expected: Document | None
    ) -> bytes | None:
        """Put a document in the place of one, or of that very one, under compare and
        set; the causal context that it has then, None where there was none such.
        """
        for attempt in range(ATTEMPTS):
            if key is None:
                return None
            reply = self.client.get(self.bucket, key, **self.options)
            found = self.document(reply)
            if found is None or (expected is not None and found != expected):
                return None
            condition = {"vclock": reply.vclock, "if_not_modified": True}
            try:
                return self.put(key, document, return_head=True, **condition).vclock
            except Conflict:
                time.sleep(uniform(0, min(LONGEST_PAUSE, 0.002 * 2**attempt)))
        raise OperationalError(f"{key!r} was changed by others {ATTEMPTS} times.")

    def transaction(self):
        return None
