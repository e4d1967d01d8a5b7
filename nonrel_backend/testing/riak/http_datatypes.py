"""Data types and bucket properties over HTTP, for the stand-in."""

import base64
import json
from typing import Any
from urllib.parse import quote

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.errors import Refused

from . import datatypes
from .http_queries import dumped
from .http_replies import JSON, NOT_FOUND, TEXT, Call, Failed, Reply, page, text

FIELDS = {
    "counter": datatypes.FIELD_COUNTER,
    "set": datatypes.FIELD_SET,
    "register": datatypes.FIELD_REGISTER,
    "flag": datatypes.FIELD_FLAG,
    "map": datatypes.FIELD_MAP,
}
SUFFIXES = {kind: name for name, kind in FIELDS.items()}
NAMES = {kind: name.decode() for name, kind in datatypes.TYPES.items()}


# --- counters, sets, maps ---


def datatype(call: Call) -> Reply:
    """Read or update a counter, set or map."""
    props = call.answers.properties.of(call.type, call.bucket)
    if props.get("datatype") not in datatypes.TYPES:
        return text(403, "Bucket datatype 'undefined' is not a supported type.\n")
    kind = datatypes.datatype(props)
    if call.method == "POST":
        return updated(call, kind)
    reply = call.ask(messages.DtFetchReq(**call.place, key=call.rest[0]))
    if not reply.HasField("value"):
        found = {"type": NAMES[kind], "error": "notfound"}
        return Reply(404, JSON, dumped(found))
    return shown(call, kind, reply.value, reply.context)


def shown(call: Call, kind: int, value: Any, context: bytes) -> Reply:
    """Return a reply with a value of a data type."""
    found = {"type": NAMES[kind], "value": plain(kind, value)}
    if context and call.query.get("include_context") != "false":
        found["context"] = base64.b64encode(context).decode()
    return Reply(200, JSON, dumped(found))


def plain(kind: int, value: Any) -> Any:
    """Return the value of a DtValue, DtUpdateResp or MapEntry as JSON has it."""
    if kind == datatypes.COUNTER:
        return value.counter_value
    if kind == datatypes.SET:
        return sorted(each.decode() for each in value.set_value)
    return map_of(value.map_value)


def map_of(entries: Any) -> dict[str, Any]:
    """Return a map of MapEntries as JSON has it."""
    found = {}
    for entry in entries:
        kind = entry.field.type
        if kind == datatypes.FIELD_REGISTER:
            value: Any = entry.register_value.decode()
        elif kind == datatypes.FIELD_FLAG:
            value = entry.flag_value
        elif kind == datatypes.FIELD_MAP:
            value = map_of(entry.map_value)
        else:
            value = plain(kind, entry)
        found[f"{entry.field.name.decode()}_{SUFFIXES[kind]}"] = value
    return dict(sorted(found.items()))


def updated(call: Call, kind: int) -> Reply:
    """Update a data type as the body says."""
    try:
        given = json.loads(call.body)
    except ValueError as error:
        words = f'Couldn\'t decode JSON: {{case_clause,<<"{call.body.decode()}">>}}\n'
        raise Failed(text(400, words)) from error
    context = given.get("context", "") if isinstance(given, dict) else ""
    request = messages.DtUpdateReq(
        **call.place,
        op=operation(call, kind, given),
        context=base64.b64decode(context) or None,
        return_body=call.query.get("returnbody") == "true",
    )
    if call.rest:
        request.key = call.rest[0]
    try:
        reply = call.ask(request)
    except Refused as error:
        raise Failed(text(500, f"Error:\n{error}\n")) from error
    if not call.rest:
        path = f"/types/{quote(call.type)}/buckets/{quote(call.bucket)}/keys/"
        return Reply(201, [*JSON, ("Location", path.encode() + reply.key)])
    if not request.return_body:
        return Reply(204, JSON)
    return shown(call, kind, reply, reply.context)


def operation(call: Call, kind: int, given: Any) -> Any:
    """Return the DtOp of a JSON body. Raise Failed (400) if it is none."""
    try:
        if kind == datatypes.COUNTER:
            return messages.DtOp(counter_op=counter_operation(given))
        if kind == datatypes.SET:
            return messages.DtOp(set_op=set_operation(given))
        return messages.DtOp(map_op=map_operation(given))
    except (KeyError, TypeError) as error:
        words = f"Invalid operation on datatype '{NAMES[kind]}': {call.body.decode()}\n"
        raise Failed(text(400, words)) from error


def counter_operation(given: Any) -> Any:
    """Return the CounterOp of a JSON value."""
    if isinstance(given, dict):
        sign = -1 if "decrement" in given else 1
        given = sign * given["decrement" if sign < 0 else "increment"]
    return messages.CounterOp(increment=given)


def set_operation(given: dict[str, Any]) -> Any:
    """Return the SetOp of a JSON object."""
    found: dict[str, list[bytes]] = {"adds": [], "removes": []}
    for name, values in given.items():
        if name != "context":
            target = {"add": "adds", "remove": "removes"}[name.removesuffix("_all")]
            values = values if name.endswith("_all") else [values]
            found[target] += [each.encode() for each in values]
    return messages.SetOp(**found)


def map_operation(given: dict[str, Any]) -> Any:
    """Return the MapOp of a JSON object."""
    found = messages.MapOp()
    removed = given.get("remove", [])
    for name in [removed] if isinstance(removed, str) else removed:
        found.removes.append(map_field(name))
    for name, value in given.get("update", {}).items():
        update = found.updates.add(field=map_field(name))
        kind = update.field.type
        if kind == datatypes.FIELD_COUNTER:
            update.counter_op.CopyFrom(counter_operation(value))
        elif kind == datatypes.FIELD_SET:
            update.set_op.CopyFrom(set_operation(value))
        elif kind == datatypes.FIELD_REGISTER:
            update.register_op = value.encode()
        elif kind == datatypes.FIELD_FLAG:
            update.flag_op = 1 if value == "enable" else 2
        else:
            update.map_op.CopyFrom(map_operation(value))
    return found


def map_field(name: str) -> Any:
    """Return the MapField of a name with its type as suffix."""
    field, _, kind = name.rpartition("_")
    if kind not in FIELDS:
        raise Failed(text(400, f"Invalid map field name '{name}'\n"))
    return messages.MapField(name=field.encode(), type=FIELDS[kind])


def old_counter(call: Call) -> Reply:
    """Read or update a counter of Riak 1.4."""
    place = {"bucket": call.bucket, "key": call.rest[0]}
    if call.method == "GET":
        reply = call.ask(messages.RpbCounterGetReq(**place))
        if not reply.HasField("value"):
            return text(404, "not found\n")
        return text(200, str(reply.value))
    try:
        reply = call.ask(
            messages.RpbCounterUpdateReq(
                **place,
                amount=int(call.body),
                returnvalue=call.query.get("returnvalue") == "true",
            )
        )
    except Refused as error:
        raise Failed(text(409, str(error).strip('"'))) from error
    if not reply.HasField("value"):
        return Reply(204, TEXT)
    return text(200, str(reply.value))


# --- properties ---

QUORUMS = {4294967294: "one", 4294967293: "quorum", 4294967292: "all"}
QUORUMS[4294967291] = "default"
# Properties that HTTP does not show, or not by these names.
HIDDEN = {"has_precommit", "has_postcommit", "repl"}
FORM = (
    'bucket PUT must be a JSON object of the form:\n{"props":{...bucket properties...}}'
)
NO_INTEGER = {"n_val": "not_integer"}


def type_properties(call: Call) -> Reply:
    """Read the properties of a bucket type."""
    props = call.answers.properties.types.get(call.type)
    return NOT_FOUND if props is None else Reply(200, JSON, as_json(props))


def properties(call: Call) -> Reply:
    """Read, set or reset the properties of a bucket."""
    known = call.answers.properties
    if call.method == "DELETE":
        known.reset(call.type, call.bucket)
        return Reply(204, JSON)
    if call.method == "GET":
        return Reply(200, JSON, as_json(known.of(call.type, call.bucket)))
    try:
        props = json.loads(call.body)["props"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failed(text(400, FORM)) from error
    if not isinstance(props.get("n_val", 1), int) or props.get("n_val", 1) < 1:
        return Reply(400, JSON, dumped(NO_INTEGER))
    if "consistent" in props:
        words = list(b"cannot update consistent property")
        return Reply(400, JSON, dumped({"consistent": words}))
    numbers = {name: number for number, name in QUORUMS.items()}
    given = {
        name: numbers.get(value, value) if isinstance(value, str) else value
        for name, value in props.items()
    }
    try:
        message = messages.RpbBucketProps(**given)
    except (ValueError, TypeError) as error:
        return page(500, f"<pre>{error}</pre>")
    known.set(call.type, call.bucket, message)
    return Reply(204, JSON)


def as_json(props: dict[str, Any]) -> bytes:
    """Return properties as JSON."""
    found = {n: shown_as(value) for n, value in props.items() if n not in HIDDEN}
    return dumped({"props": found})


def shown_as(value: Any) -> Any:
    """Return the value of a property as JSON has it."""
    if isinstance(value, dict):
        return {"mod": value["module"].decode(), "fun": value["function"].decode()}
    if isinstance(value, bytes):
        return value.decode()
    return QUORUMS.get(value, value)
