"""Index queries and lists over HTTP, for the stand-in."""

import json
from typing import Any

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.errors import Refused

from .http_replies import JSON, Call, Failed, Reply, page, text
from .objects import INTEGER, made_name

# The number of keys in a chunk of a stream.
CHUNK = 4


def dumped(value: Any) -> bytes:
    """Return a value as JSON, in the form that Riak writes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def index(call: Call) -> Reply:
    """Query an index for one term or for a range of terms."""
    name, *terms = call.rest
    if not terms or terms == [b""]:
        return Reply(200, JSON, dumped({"keys": []}))
    reply = asked(call, name, terms)
    if reply.results:
        found = [{pair.key.decode(): pair.value.decode()} for pair in reply.results]
        parts: dict[str, Any] = {"results": found}
    else:
        parts = {"keys": [key.decode() for key in reply.keys]}
    more = {}
    if reply.continuation:
        more = {"continuation": reply.continuation.decode()}
    if call.query.get("stream") == "true":
        return streamed([parts] * bool(next(iter(parts.values()))), more)
    return Reply(200, JSON, dumped({**parts, **more}))


def streamed(parts: list[dict[str, Any]], more: dict[str, str]) -> Reply:
    """Return a multipart reply."""
    boundary = made_name(27)
    head = b"\r\n--%s\r\nContent-Type: application/json\r\n\r\n" % boundary
    chunks = [head + dumped(each) for each in (*parts, *([more] if more else []))]
    kind = b"multipart/mixed;boundary=" + boundary
    return Reply(200, [("Content-Type", kind)], [*chunks, b"\r\n--%s--\r\n" % boundary])


def asked(call: Call, name: bytes, terms: list[bytes]) -> Any:
    """Return the RpbIndexResp for a call. Raise Failed if the query is invalid."""
    query, lower = call.query, name.lower()
    if lower.endswith(b"_int"):
        for term in terms:
            if not INTEGER.fullmatch(term):
                raise invalid("field_parsing_failed", (lower, term))
    elif not lower.endswith(b"_bin") and lower not in (b"$key", b"$bucket"):
        raise invalid("unknown_field_type", (lower,))
    options: dict[str, Any] = {}
    if "max_results" in query:
        given = query["max_results"]
        if not given.isdecimal() or not int(given):
            shown = given if given.isdecimal() else f'"{given}"'
            words = f'Invalid "max_results". {shown} is not a positive integer'
            raise Failed(text(400, words))
        options["max_results"] = int(given)
    for option in ("continuation", "term_regex"):
        if option in query:
            options[option] = query[option].encode()
    if len(terms) == 1:
        options |= {"qtype": 0, "key": terms[0]}
    else:
        options |= {"qtype": 1, "range_min": terms[0], "range_max": terms[1]}
    request = messages.RpbIndexReq(
        **call.place,
        index=name,
        return_terms=query.get("return_terms") == "true",
        pagination_sort=query.get("pagination_sort") == "true",
        **options,
    )
    try:
        return call.ask(request)
    except Refused as error:
        words = str(error).replace('<<"', '"').replace('">>', '"')
        if "regular expression" not in words:
            raise Failed(page(500, words)) from error
        if "integer" in words:
            words = "Can not use term regular expressions on integer queries"
        raise Failed(text(400, words)) from error


def invalid(why: str, names: tuple[bytes, ...]) -> Failed:
    """Return a 400 in the form of an Erlang term."""
    shown = ",".join(f'<<"{each.decode()}">>' for each in names)
    shown = f"{{{shown}}}" if len(names) > 1 else shown
    return Failed(text(400, f"Invalid query: {{{why},{shown}}}\n"))


# --- lists ---


def keys(call: Call) -> Reply:
    """List the keys of a bucket."""
    bucket = call.answers.objects.bucket(call.type, call.bucket)
    return listed(call, "keys", bucket.keys, b"{}")


def buckets(call: Call) -> Reply:
    """List the buckets of a type."""
    if "buckets" not in call.query:
        return page(500, "no query")
    request = messages.RpbListBucketsReq(**({"type": call.type} if call.type else {}))
    return listed(call, "buckets", call.ask(request).buckets, b"{}")


def listed(call: Call, what: str, names: list[bytes], otherwise: bytes) -> Reply:
    """Return a list, whole or streamed; `otherwise` if the query asks for neither."""
    asked = call.query.get(what)
    found = [each.decode() for each in names] if asked else []
    if asked == "true":
        return Reply(200, JSON, dumped({what: found}))
    if asked != "stream":
        return Reply(200, JSON, otherwise)
    chunks = [found[at : at + CHUNK] for at in range(0, len(found), CHUNK)]
    return Reply(200, JSON, [dumped({what: each}) for each in (*chunks, [])])
