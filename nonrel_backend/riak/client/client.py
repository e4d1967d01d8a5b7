"""The client: a method for each request; replies are the messages of messages.proto.

Options are the fields of the request's message: `type` (the bucket type), quorums such
as `r` and `w`, `timeout` in milliseconds, and so on.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import messages
from .connection import Connection, framed
from .errors import ConnectionLost, NotReady, RiakError, Transient
from .pool import Losses, Pool

Text = str | bytes
# RpbIndexReq.IndexQueryType
EQUAL, RANGE = 0, 1
GET = messages.CODES["RpbGetReq"]
# The errors after which a request is sent again that may be carried out twice, and
# those after which any is.
FAILURES = (ConnectionLost, Transient)
NOTHING_DONE = (NotReady,)


class Client:
    """A client that several threads may use at once."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        # Those of the operation that runs, None between operations.
        self.losses: Losses | None = None

    def close(self) -> None:
        self.pool.close()

    def operation(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Return `work(*arguments)`.

        All its requests wait for nodes no longer than one may.
        """
        outer = self.losses
        self.losses = outer or Losses()
        try:
            return work(*arguments)
        finally:
            self.losses = outer

    # --- any request ---

    def tried(
        self,
        work: Callable[[Connection, Any], Any],
        requests: Any,
        errors: tuple[type[RiakError], ...],
    ) -> Any:
        return self.pool.tried(work, requests, errors, self.losses or Losses())

    def ask(self, message: Any) -> Any:
        """Return the reply to a request that may be repeated."""
        return self.tried(Connection.request, message, FAILURES)

    def tell(self, message: Any) -> Any:
        """Return the reply to a request that must not be carried out twice."""
        return self.tried(Connection.request, message, NOTHING_DONE)

    def ask_many(self, requests: list[Any]) -> list[Any]:
        """Return the replies to pipelined requests, which may be repeated.

        A refused request has a Refused among the replies.
        """
        return self.many(list(requests), FAILURES)

    def tell_many(self, requests: Iterable[Any]) -> list[Any]:
        """Return the same for requests that must not be carried out twice."""
        return self.many(list(requests), NOTHING_DONE)

    def many(
        self, requests: list[Any], errors: tuple[type[RiakError], ...]
    ) -> list[Any]:
        """Return the replies; send those again that are refused with `errors`."""
        if not requests:
            return []
        replies: list[Any] = self.tried(Connection.pipeline, requests, errors)
        for _ in range(1, self.pool.attempts):
            again = [n for n, reply in enumerate(replies) if isinstance(reply, errors)]
            if not again:
                break
            late = self.tried(
                Connection.pipeline, [requests[number] for number in again], errors
            )
            for number, reply in zip(again, late, strict=True):
                replies[number] = reply
        return replies

    def stream(self, message: Any) -> Iterator[Any]:
        """Yield the replies to one request, as they arrive."""
        with self.pool.connection() as connection:
            yield from connection.stream(message)

    # --- the server ---

    def ping(self) -> None:
        self.ask(messages.RpbPingReq())

    def server_info(self) -> Any:
        return self.ask(messages.RpbGetServerInfoReq())

    # --- objects ---

    def get(self, bucket: Text, key: Text, **options: Any) -> Any:
        return self.ask(get_request(bucket, key, **options))

    def get_many(self, bucket: Text, keys: Iterable[Text], **options: Any) -> list[Any]:
        return self.ask_many(get_frames(bucket, keys, **options))

    def put(self, bucket: Text, key: Text | None, content: Any, **options: Any) -> Any:
        return self.tell(put_request(bucket, key, content, **options))

    def delete(self, bucket: Text, key: Text, **options: Any) -> None:
        self.tell(delete_request(bucket, key, **options))

    # --- many objects ---

    def index_page(self, bucket: Text, index: Text, **options: Any) -> Any:
        """Return the keys, or terms and keys, of one term or of a range.

        A term is the option `key`, a range `range_min` and `range_max`. The option
        `continuation` is that of the page before.
        """
        return self.ask(index_request(bucket, index, **options))

    def index_pages(
        self, bucket: Text, index: Text, page: int, **options: Any
    ) -> Iterator[Any]:
        """Yield the pages of an index query, sorted by term and key."""
        continuation = None
        while True:
            reply = self.index_page(
                bucket, index, max_results=page, continuation=continuation, **options
            )
            yield reply
            continuation = reply.continuation
            if not continuation:
                return

    def index_stream(self, bucket: Text, index: Text, **options: Any) -> Iterator[Any]:
        return self.stream(index_request(bucket, index, stream=True, **options))

    def fold_page(self, bucket: Text, **options: Any) -> list[Any]:
        """Return the frames of a fold over whole objects, sorted by key.

        It is from `start_key`, inclusive, to `end_key`, exclusive.
        """
        options = {"start_key": b"", **options}
        message = messages.RpbCSBucketReq(bucket=raw(bucket), **options)
        return self.tried(Connection.frames, message, FAILURES)

    def fold(self, bucket: Text, page: int, **options: Any) -> Iterator[Any]:
        """Yield all objects of a fold, each with `key` and `object`, page by page."""
        continuation = None
        while True:
            frames = self.fold_page(
                bucket, max_results=page, continuation=continuation, **options
            )
            continuation = None
            for frame in frames:
                yield from frame.objects
                continuation = frame.continuation or continuation
            if not continuation:
                return

    def keys(self, bucket: Text, **options: Any) -> Iterator[bytes]:
        """Yield all keys, in no order. This is slow: the server reads all its data."""
        message = messages.RpbListKeysReq(bucket=raw(bucket), **options)
        for reply in self.stream(message):
            yield from reply.keys

    def buckets(self, **options: Any) -> list[bytes]:
        """Return the names of all buckets of a type. This is as slow as keys()."""
        return list(self.ask(messages.RpbListBucketsReq(**options)).buckets)

    # --- properties ---

    def properties(self, bucket: Text, **options: Any) -> Any:
        return self.ask(messages.RpbGetBucketReq(bucket=raw(bucket), **options)).props

    def set_properties(
        self, bucket: Text, props: dict[str, Any], **options: Any
    ) -> None:
        props = messages.RpbBucketProps(**props)
        self.ask(messages.RpbSetBucketReq(bucket=raw(bucket), props=props, **options))

    def reset_properties(self, bucket: Text, **options: Any) -> None:
        self.ask(messages.RpbResetBucketReq(bucket=raw(bucket), **options))

    def type_properties(self, type: Text) -> Any:
        return self.ask(messages.RpbGetBucketTypeReq(type=raw(type))).props

    # --- data types: counters, sets, maps ---

    def fetch(self, bucket: Text, key: Text, type: Text, **options: Any) -> Any:
        """Return a data type's `value`, if any, with the `context` for removals."""
        message = messages.DtFetchReq(
            bucket=raw(bucket), key=raw(key), type=raw(type), **options
        )
        return self.ask(message)

    def update(
        self, bucket: Text, key: Text | None, type: Text, operation: Any, **options: Any
    ) -> Any:
        message = messages.DtUpdateReq(
            bucket=raw(bucket),
            key=None if key is None else raw(key),
            type=raw(type),
            op=operation,
            **options,
        )
        return self.tell(message)

    def add_to_counter(
        self, bucket: Text, key: Text, type: Text, amount: int, **options: Any
    ) -> int | None:
        """Add to a counter; return its new value if `return_body` is set."""
        operation = messages.DtOp(counter_op=messages.CounterOp(increment=amount))
        reply = self.update(bucket, key, type, operation, **options)
        return reply.counter_value if reply.HasField("counter_value") else None

    def change_set(
        self,
        bucket: Text,
        key: Text,
        type: Text,
        adds: Iterable[Text] = (),
        removes: Iterable[Text] = (),
        **options: Any,
    ) -> list[bytes]:
        """Change a set; return its members if `return_body` is set.

        Removals need the `context` of a fetch().
        """
        change = messages.SetOp(adds=map(raw, adds), removes=map(raw, removes))
        operation = messages.DtOp(set_op=change)
        return list(self.update(bucket, key, type, operation, **options).set_value)


def raw(text: Text) -> bytes:
    return text.encode() if isinstance(text, str) else text


def get_request(bucket: Text, key: Text, **options: Any) -> Any:
    return messages.RpbGetReq(bucket=raw(bucket), key=raw(key), **options)


def get_frames(bucket: Text, keys: Iterable[Text], **options: Any) -> list[bytes]:
    """Return the frames of many gets that differ only in their keys."""
    start = messages.RpbGetReq(bucket=raw(bucket), **options).SerializePartialToString()
    return [
        framed(GET, start + messages.RpbGetReq(key=raw(key)).SerializePartialToString())
        for key in keys
    ]


def put_request(bucket: Text, key: Text | None, content: Any, **options: Any) -> Any:
    return messages.RpbPutReq(
        bucket=raw(bucket),
        key=None if key is None else raw(key),
        content=content,
        **options,
    )


def delete_request(bucket: Text, key: Text, **options: Any) -> Any:
    return messages.RpbDelReq(bucket=raw(bucket), key=raw(key), **options)


def index_request(bucket: Text, index: Text, **options: Any) -> Any:
    kind = RANGE if "range_min" in options or "range_max" in options else EQUAL
    return messages.RpbIndexReq(
        bucket=raw(bucket), index=raw(index), qtype=kind, **options
    )


def content(
    value: bytes,
    indexes: Iterable[tuple[Text, Text]] = (),
    content_type: Text = b"application/json",
    **options: Any,
) -> Any:
    """Return an object to put; `indexes` are (name with _int or _bin, term)."""
    return messages.RpbContent(
        value=value,
        content_type=raw(content_type),
        indexes=[
            messages.RpbPair(key=raw(name), value=raw(term)) for name, term in indexes
        ],
        **options,
    )
