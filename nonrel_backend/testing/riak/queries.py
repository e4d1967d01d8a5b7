"""The stand-in's index queries and folds."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.errors import Refused

from .objects import INTEGER, Bucket, erlang
from .terms import continuation, place

# The number of keys or objects in a frame of a stream.
FRAME = 100
CLOSES = "Error processing incoming message: error:function_clause:"


def index_query(bucket: Bucket, request: Any) -> Iterator[Any]:
    """Yield the replies to an RpbIndexReq."""
    name = request.index.lower()
    low, high = bounds(name, request)
    found = entries(bucket, name, low, high)
    if request.HasField("term_regex"):
        matches = expression(name, request.term_regex).search
        found = [each for each in found if matches(each[0])]
    reply = messages.RpbIndexResp()
    if request.HasField("max_results"):
        found, reply.continuation = page(found, name, request)
        if not reply.continuation:
            reply.ClearField("continuation")
    elif not request.pagination_sort:
        # Without sorting, the partitions of the ring answer in no order.
        found = sorted(found, key=lambda each: crc32(each[1]))
    with_terms = (
        request.return_terms and request.qtype == 1 and not name.startswith(b"$")
    )
    if not request.stream:
        yield filled(reply, found, with_terms)
        return
    for at in range(0, len(found), FRAME):
        yield filled(messages.RpbIndexResp(), found[at : at + FRAME], with_terms)
    reply.done = True
    yield reply


def filled(reply: Any, found: list[tuple[Any, bytes]], with_terms: bool) -> Any:
    """Return an RpbIndexResp with the entries, or with their keys alone."""
    if with_terms:
        for term, key in found:
            reply.results.add(key=as_bytes(term), value=key)
    else:
        reply.keys.extend(key for _, key in found)
    return reply


def as_bytes(term: Any) -> bytes:
    return str(term).encode() if isinstance(term, int) else term


def bounds(name: bytes, request: Any) -> tuple[Any, ...]:
    """Return the lowest and the highest term that a request asks for. Raise Refused if
    the request is invalid.
    """
    is_int = name.endswith(b"_int")
    if not (is_int or name.endswith(b"_bin") or name in (b"$key", b"$bucket")):
        raise Refused(CLOSES)
    if request.qtype == 0:
        if not request.HasField("key"):
            raise Refused("Invalid equality query undefined")
        terms = [request.key, request.key]
    else:
        ends = ("range_min", "range_max")
        if not all(map(request.HasField, ends)):
            given = [
                erlang(getattr(request, end)) if request.HasField(end) else "undefined"
                for end in ends
            ]
            raise Refused(f"Invalid range query: {' -> '.join(given)}")
        terms = [request.range_min, request.range_max]
    if not is_int:
        return tuple(terms)
    if not all(map(INTEGER.fullmatch, terms)):
        raise Refused(CLOSES)
    return tuple(map(int, terms))


def entries(
    bucket: Bucket, name: bytes, low: Any, high: Any
) -> list[tuple[Any, bytes]]:
    """Return the index entries [(term, key), ...] in order. In an index of keys a key
    is its own term.
    """
    if name == b"$bucket":
        return [(key, key) for key in bucket.keys]
    if name == b"$key":
        keys = bucket.keys
        found = keys[bisect_left(keys, low) : bisect_right(keys, high)]
        return [(key, key) for key in found]
    known = bucket.indexes.get(name, [])
    start = bisect_left(known, (low,))
    return known[start : bisect_right(known, high, key=lambda each: each[0])]


def expression(name: bytes, text: bytes) -> re.Pattern[bytes]:
    """Return a regular expression for terms. Raise Refused if it is invalid."""
    if name.endswith(b"_int"):
        raise Refused("Can not use term regular expression in integer query")
    try:
        return re.compile(text)
    except re.error as error:
        why = f'{{"{error.msg.partition(",")[0]}",{len(text)}}}'
        raise Refused(
            f"Invalid term regular expression {erlang(text)} : {why}"
        ) from error


def page(
    found: list[tuple[Any, bytes]], name: bytes, request: Any
) -> tuple[list[tuple[Any, bytes]], bytes]:
    """Return the entries of the page that a request asks for, and a continuation."""
    size = request.max_results
    of_keys = request.qtype == 0 or name.startswith(b"$")
    if request.continuation:
        try:
            term, key = place(request.continuation)
        except ValueError as error:
            raise Refused(CLOSES) from error
        if term is None:
            found = [each for each in found if each[1] > key]
        else:
            found = found[bisect_right(found, (term, key)) :]
    found = found[:size]
    if not size or len(found) < size:
        return found, b""
    term, key = found[-1]
    return found, continuation(None if of_keys else term, key)


def fold(bucket: Bucket, request: Any) -> Iterator[Any]:
    """Yield the replies to an RpbCSBucketReq."""
    keys = bucket.keys
    start, inclusive = request.start_key, True
    if request.HasField("start_incl"):
        inclusive = request.start_incl
    if request.continuation:
        start, inclusive = place(request.continuation)[1], False
    first = (bisect_left if inclusive else bisect_right)(keys, start)
    last = len(keys)
    if request.HasField("end_key"):
        last = (bisect_right if request.end_incl else bisect_left)(
            keys, request.end_key
        )
    found = keys[first:last]
    done = messages.RpbCSBucketResp(done=True)
    if request.HasField("max_results"):
        found = found[: request.max_results]
        if found and len(found) == request.max_results:
            done.continuation = continuation(None, found[-1])
    for at in range(0, len(found), FRAME):
        reply = messages.RpbCSBucketResp()
        for key in found[at : at + FRAME]:
            added = reply.objects.add(key=key)
            added.object.CopyFrom(bucket.objects[key].get())
        yield reply
    yield done
