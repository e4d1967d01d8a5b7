"""What a client can ask of Riak; replies are the messages of messages.proto.

Options are the fields of the request's message: `type` (the bucket type), quorums as
`r` and `w`, `timeout` in milliseconds, and so on.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from . import messages
from .connection import Connection, framed
from .pool import Pool

Text = str | bytes
EQUAL, RANGE = 0, 1
GET = messages.CODES["RpbGetReq"]


class Client:
    """May be used by several threads at once."""

    def __init__(self, pool: Pool):
        self.pool = pool

    def close(self) -> None:
        self.pool.close()

    # --- any request ---

    def ask(self, message: Any) -> Any:
        """The reply to a request that may be sent twice."""
        return self.pool.repeat(Connection.request, message)

    def tell(self, message: Any) -> Any:
        """The reply to a request that must not be sent twice."""
        return self.pool.once(Connection.request, message)

    def ask_many(self, requests: list[Any]) -> list[Any]:
        """The replies to requests under way at the same time; a Refused is returned."""
        return self.pool.repeat(Connection.pipeline, requests)

    def tell_many(self, requests: Iterable[Any]) -> list[Any]:
        """The same for requests that must not be sent twice."""
        return self.pool.once(Connection.pipeline, requests)

    def stream(self, message: Any) -> Iterator[Any]:
        """The replies to one request, as they come."""
        with self.pool.connection() as connection:
            yield from connection.stream(message)

    # --- the server ---

    def ping(self) -> None:
        self.ask(messages.RpbPingReq())

    def server_info(self) -> Any:
        return self.ask(messages.RpbGetServerInfoReq())

    # --- objects ---

    def get(self, bucket: Text, key: Text, **options) -> Any:
        return self.ask(get_request(bucket, key, **options))

    def get_many(self, bucket: Text, keys: Iterable[Text], **options) -> list[Any]:
        return self.ask_many(get_frames(bucket, keys, **options))

    def put(self, bucket: Text, key: Text | None, content: Any, **options) -> Any:
        return self.tell(put_request(bucket, key, content, **options))

    def delete(self, bucket: Text, key: Text, **options) -> None:
        self.tell(delete_request(bucket, key, **options))

    # --- many objects ---

    def index_page(self, bucket: Text, index: Text, **options) -> Any:
        """Keys, or terms and keys, of one term (`key`) or of a range (`range_min`,
        `range_max`); the next page has the `continuation` of this one.
        """
        return self.ask(index_request(bucket, index, **options))

    def index_pages(
        self, bucket: Text, index: Text, page: int, **options
    ) -> Iterator[Any]:
        """The pages of an index query, sorted by term and key."""
        continuation = None
        while True:
            reply = self.index_page(
                bucket, index, max_results=page, continuation=continuation, **options
            )
            yield reply
            continuation = reply.continuation
            if not continuation:
                return

    def index_stream(self, bucket: Text, index: Text, **options) -> Iterator[Any]:
        return self.stream(index_request(bucket, index, stream=True, **options))

    def fold_page(self, bucket: Text, **options) -> list[Any]:
        """The frames of a fold over whole objects, sorted by key, from `start_key`
        (which belongs to it) to `end_key` (which does not).
        """
        options = {"start_key": b"", **options}
        message = messages.RpbCSBucketReq(bucket=raw(bucket), **options)
        return self.pool.repeat(Connection.frames, message)

    def fold(self, bucket: Text, page: int, **options) -> Iterator[Any]:
        """All objects of a fold, each with `key` and `object`, read page by page."""
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

    def keys(self, bucket: Text, **options) -> Iterator[bytes]:
        """All keys, in no order: the server reads all that it holds for that."""
        message = messages.RpbListKeysReq(bucket=raw(bucket), **options)
        for reply in self.stream(message):
            yield from reply.keys

    def buckets(self, **options) -> list[bytes]:
        """The names of all buckets of a type: as dear as `keys`."""
        return list(self.ask(messages.RpbListBucketsReq(**options)).buckets)

    # --- properties ---

    def properties(self, bucket: Text, **options) -> Any:
        return self.ask(messages.RpbGetBucketReq(bucket=raw(bucket), **options)).props

    def set_properties(self, bucket: Text, props: dict[str, Any], **options) -> None:
        props = messages.RpbBucketProps(**props)
        self.ask(messages.RpbSetBucketReq(bucket=raw(bucket), props=props, **options))

    def reset_properties(self, bucket: Text, **options) -> None:
        self.ask(messages.RpbResetBucketReq(bucket=raw(bucket), **options))

    def type_properties(self, type: Text) -> Any:
        return self.ask(messages.RpbGetBucketTypeReq(type=raw(type))).props

    # --- data types: counters, sets, maps ---

    def fetch(self, bucket: Text, key: Text, type: Text, **options) -> Any:
        """A data type's `value` with the `context` for removals; no value: none."""
        message = messages.DtFetchReq(
            bucket=raw(bucket), key=raw(key), type=raw(type), **options
        )
        return self.ask(message)

    def update(
        self, bucket: Text, key: Text | None, type: Text, operation: Any, **options
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
        self, bucket: Text, key: Text, type: Text, amount: int, **options
    ) -> int | None:
        """The counter's new value, when asked for by `return_body`."""
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
        **options,
    ) -> list[bytes]:
        """The members, when asked for; removals need the `context` of a fetch()."""
        change = messages.SetOp(adds=map(raw, adds), removes=map(raw, removes))
        operation = messages.DtOp(set_op=change)
        return list(self.update(bucket, key, type, operation, **options).set_value)


def raw(text: Text) -> bytes:
    return text.encode() if isinstance(text, str) else text


def get_request(bucket: Text, key: Text, **options) -> Any:
    return messages.RpbGetReq(bucket=raw(bucket), key=raw(key), **options)


def get_frames(bucket: Text, keys: Iterable[Text], **options) -> list[bytes]:
    """The frames of many gets, which differ in their keys only."""
    start = messages.RpbGetReq(bucket=raw(bucket), **options).SerializePartialToString()
    return [
        framed(GET, start + messages.RpbGetReq(key=raw(key)).SerializePartialToString())
        for key in keys
    ]


def put_request(bucket: Text, key: Text | None, content: Any, **options) -> Any:
    return messages.RpbPutReq(
        bucket=raw(bucket),
        key=None if key is None else raw(key),
        content=content,
        **options,
    )


def delete_request(bucket: Text, key: Text, **options) -> Any:
    return messages.RpbDelReq(bucket=raw(bucket), key=raw(key), **options)


def index_request(bucket: Text, index: Text, **options) -> Any:
    kind = RANGE if "range_min" in options or "range_max" in options else EQUAL
    return messages.RpbIndexReq(
        bucket=raw(bucket), index=raw(index), qtype=kind, **options
    )


def content(
    value: bytes,
    indexes: Iterable[tuple[Text, Text]] = (),
    content_type: Text = b"application/json",
    **options,
) -> Any:
    """An object to be put; `indexes` are names, with _int or _bin, and terms."""
    return messages.RpbContent(
        value=value,
        content_type=raw(content_type),
        indexes=[
            messages.RpbPair(key=raw(name), value=raw(term)) for name, term in indexes
        ],
        **options,
    )
