"""Objects over HTTP, for the stand-in: get, put, delete, list keys."""

import base64
import binascii
import re
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.errors import Conflict, Refused, refused

from .http_queries import keys
from .http_replies import HTML, Call, Failed, Headers, Reply, page, text
from .objects import INTEGER, made_name

QUORUMS = ("r", "w", "pr", "pw", "dw", "rw")
SYMBOLS = {"one": 4294967294, "quorum": 4294967293, "all": 4294967292}
SYMBOLS["default"] = 4294967291
TOO_MANY = "Specified w/dw/pw/node_confirms values invalid for bucket n value of {}\n"
NO_QUORUM = (
    "{} query parameter must be an integer or one of the following words: 'one', "
    "'quorum' or 'all'\n"
)
INDEX, META = "x-riak-index-", "x-riak-meta-"
LINK = re.compile(r'</(?:buckets|riak)/([^/>]+)/(?:keys/)?([^>]+)>; *riaktag="([^"]*)"')


def answer(call: Call) -> Reply:
    """Return the reply to a call for an object, or for the keys of a bucket."""
    if not call.rest or call.rest == [b""]:
        return put(call) if call.method in ("POST", "PUT") else keys(call)
    if len(call.rest) > 1:
        return text(400, "This stand-in does not walk links.")
    methods = {"GET": get, "HEAD": get, "DELETE": delete}
    return methods.get(call.method, put)(call)


def asked(call: Call, kind: Any, **fields: Any) -> Any:
    """Return a message of class `kind` for the call's object, with its quorums."""
    quorums = {}
    for name in QUORUMS:
        value = call.query.get(name)
        if value is None or name not in kind.DESCRIPTOR.fields_by_name:
            continue
        if not value.isdecimal() and value not in SYMBOLS:
            raise Failed(text(400, NO_QUORUM.format(name)))
        quorums[name] = int(value) if value.isdecimal() else SYMBOLS[value]
    key = {"key": call.rest[0]} if call.rest and call.rest[0] else {}
    return kind(**call.place, **key, **quorums, **fields)


def carried_out(call: Call, request: Any) -> Any:
    """Return the reply to a message. Raise Failed where the server refuses it."""
    try:
        return call.ask(request)
    except Refused as error:
        if isinstance(refused(str(error)), Conflict):
            raise Failed(page(412)) from error
        number = str(error).removeprefix("{n_val_violation,").removesuffix("}")
        if number == str(error):
            raise
        headers: Headers = {
            "DELETE": list(HTML),
            "PUT": [("Content-Type", call.header("Content-Type") or b"text/plain")],
        }.get(call.method, [])
        raise Failed(text(400, TOO_MANY.format(number), headers)) from error


def stored(call: Call) -> Any:
    """Return the RpbGetResp for the call's object."""
    return carried_out(call, asked(call, messages.RpbGetReq, deletedvclock=True))


# --- reading ---


def get(call: Call) -> Reply:
    """Read an object, or its headers."""
    reply = stored(call)
    if not any(not each.deleted for each in reply.content):
        return missing(reply)
    known = call.header("If-None-Match")
    if len(reply.content) == 1 and known == etag(reply.content[0]):
        return Reply(304, [("ETag", known)])
    return shown(call, reply)


def missing(reply: Any) -> Reply:
    """Return a 404, with the vector clock of a deleted object."""
    found = text(404, "not found\n")
    if reply.vclock:
        found.headers = [
            *found.headers,
            ("X-Riak-Vclock", base64.b64encode(reply.vclock)),
            ("X-Riak-Deleted", b"true"),
        ]
    return found


def etag(content: Any) -> bytes:
    return b'"%s"' % content.vtag


def shown(call: Call, reply: Any) -> Reply:
    """Return a reply with the object of an RpbGetResp or RpbPutResp, or with its
    siblings.
    """
    vclock = ("X-Riak-Vclock", base64.b64encode(reply.vclock))
    accept = call.headers.get("Accept", "*/*")
    vtag = call.query.get("vtag", "").encode()
    one = [each for each in reply.content if each.vtag == vtag] or reply.content
    if len(one) == 1:
        (content,) = one
        kind = content.content_type.decode().partition(";")[0]
        if not {"*/*", kind} & {each.strip() for each in accept.split(",")}:
            return page(406)
        headers = [vclock, ("ETag", etag(content)), *headers_of(call, content)]
        return Reply(200, headers, content.value)
    of_all = b"".join(sorted(each.vtag for each in reply.content))
    known = [vclock, ("ETag", b'"%s"' % of_all)]
    if "multipart/mixed" not in accept:
        vtags = "".join(f"{each.vtag.decode()}\n" for each in reply.content)
        found = text(300, f"Siblings:\n{vtags}")
        found.headers = [*found.headers, *known]
        return found
    boundary = made_name(27)
    body = b""
    for each in reply.content:
        lines = headers_of(call, each)
        lines.insert(2, ("Etag", each.vtag))
        lines += [("X-Riak-Deleted", b"true")] if each.deleted else []
        head = b"".join(b"%s: %s\r\n" % (name.encode(), value) for name, value in lines)
        body += b"\r\n--%s\r\n%s\r\n%s" % (boundary, head, each.value)
    kind = b"multipart/mixed; boundary=" + boundary
    body += b"\r\n--%s--\r\n" % boundary
    return Reply(300, [*known, ("Content-Type", kind)], body)


def headers_of(call: Call, content: Any) -> Headers:
    """Return the headers for one version of an object."""
    kind = content.content_type or b"application/octet-stream"
    if content.charset:
        kind += b"; charset=" + content.charset
    root = "riak" if call.old_url else "buckets"
    links = [
        f"</{root}/{quote(each.bucket)}/keys/{quote(each.key)}>; "
        f'riaktag="{each.tag.decode()}"'
        for each in content.links
    ]
    links.append(f'</{root}/{quote(call.bucket)}>; rel="up"')
    terms: dict[str, list[bytes]] = {}
    for pair in content.indexes:
        terms.setdefault(INDEX + pair.key.decode(), []).append(pair.value)
    return [
        ("Content-Type", kind),
        ("Link", ", ".join(links).encode()),
        ("Last-Modified", formatdate(content.last_mod, usegmt=True).encode()),
        *((name, b", ".join(sorted(values))) for name, values in terms.items()),
        *((each.key.decode(), each.value) for each in content.usermeta),
    ]


# --- writing ---


def put(call: Call) -> Reply:
    """Store an object."""
    if call.header("Content-Type") is None:
        raise Failed(text(400, "Missing Content-Type request header"))
    given = bool(call.rest and call.rest[0])
    returns = call.query.get("returnbody") == "true"
    if given:
        check(call)
    request = asked(
        call,
        messages.RpbPutReq,
        content=content_of(call),
        vclock=vclock_of(call, "X-Riak-Vclock"),
        if_none_match=call.header("If-None-Match") == b"*" or None,
        return_body=returns or None,
    )
    reply = carried_out(call, request)
    kind: Headers = [("Content-Type", call.header("Content-Type") or b"")]
    found = shown(call, reply) if returns else Reply(204, kind)
    if not given:
        path = f"/buckets/{quote(call.bucket)}/keys/{reply.key.decode()}"
        if call.type:
            path = f"/types/{quote(call.type)}{path}"
        found.status = 201
        found.headers = [*found.headers, ("Location", path.encode())]
    return found


def check(call: Call) -> None:
    """Raise Failed if a condition is not met that protocol buffers do not have."""
    match, unmodified = (
        call.header("If-Match"),
        vclock_of(call, "X-Riak-If-Not-Modified"),
    )
    if match is None and unmodified is None:
        return
    reply = stored(call)
    live = [each for each in reply.content if not each.deleted]
    if match is not None and match not in map(etag, live):
        raise Failed(page(412))
    if unmodified is not None and (not live or reply.vclock != unmodified):
        raise Failed(page(409))


def vclock_of(call: Call, name: str) -> bytes | None:
    """Return the vector clock in a header, or None."""
    value = call.header(name)
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise Failed(page(500, "no vclock")) from error


def content_of(call: Call) -> Any:
    """Return the RpbContent of the body and headers."""
    kind, _, charset = (call.header("Content-Type") or b"").partition(b"; charset=")
    content = messages.RpbContent(value=call.body, content_type=kind)
    if charset:
        content.charset = charset
    for header, value in call.headers.items():
        name, data = header.lower(), value.encode("latin-1")
        if name.startswith(INDEX):
            index = name.removeprefix(INDEX)
            for term in data.split(b", "):
                check_term(index, term)
                content.indexes.add(key=index.encode(), value=term)
        elif name.startswith(META):
            content.usermeta.add(key=header.title().encode(), value=data)
        elif name == "link":
            for found in LINK.findall(value):
                bucket, key, tag = map(unquote_to_bytes, found)
                content.links.add(bucket=bucket, key=key, tag=tag)
    return content


def check_term(index: str, term: bytes) -> None:
    """Raise Failed (400) for a term that its index cannot have."""
    if index.endswith("_int"):
        if not INTEGER.fullmatch(term):
            text_of = term.decode("latin-1")
            words = f"Could not parse field '{index}', value '{text_of}'.\n"
            raise Failed(text(400, words))
    elif not index.endswith("_bin"):
        raise Failed(text(400, f"Unknown field type for field: '{index}'.\n"))


def delete(call: Call) -> Reply:
    """Delete an object. Raise Failed (404) if there is none."""
    request = asked(call, messages.RpbDelReq, vclock=vclock_of(call, "X-Riak-Vclock"))
    if not any(not each.deleted for each in stored(call).content):
        raise Failed(text(404, "not found\n"))
    carried_out(call, request)
    return Reply(204, HTML)
