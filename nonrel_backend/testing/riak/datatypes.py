"""The stand-in's counters, sets and maps: one copy of each, so nothing is merged."""

from typing import Any

from nonrel_backend.riak.client import messages
from nonrel_backend.riak.client.errors import Refused

from .objects import erlang

COUNTER, SET, MAP = 1, 2, 3
TYPES = {b"counter": COUNTER, b"set": SET, b"map": MAP}
# The types of a map's fields.
FIELD_COUNTER, FIELD_SET, FIELD_REGISTER, FIELD_FLAG, FIELD_MAP = 1, 2, 3, 4, 5
EMPTY: dict[int, Any] = {
    FIELD_COUNTER: int,
    FIELD_SET: set,
    FIELD_REGISTER: bytes,
    FIELD_FLAG: bool,
    FIELD_MAP: dict,
}
NEW: dict[int, Any] = {COUNTER: int, SET: set, MAP: dict}
OPERATIONS = {"counter_op": b"counter", "set_op": b"set", "map_op": b"map"}


def datatype(props: dict[str, Any]) -> int:
    """Return the data type of a bucket's properties. Raise Refused if it has none."""
    name = props.get("datatype")
    if name is None:
        raise Refused("`undefined` is not a supported type")
    return TYPES[name]


def updated(kind: int, value: Any, request: Any) -> Any:
    """Return the value after an update; `value` is None if there is none yet."""
    operation = request.op
    for field, name in OPERATIONS.items():
        if operation.HasField(field) and TYPES[name] != kind:
            wanted = next(name for name, each in TYPES.items() if each == kind)
            raise Refused(
                f"Operation type is `{name.decode()}` but  bucket type is "
                f"`{wanted.decode()}`."
            )
    value = NEW[kind]() if value is None else value
    if kind == COUNTER:
        return value + amount(operation.counter_op)
    if kind == SET:
        return changed_set(value, operation.set_op, bool(request.context))
    return changed_map(value, operation.map_op, bool(request.context))


def amount(operation: Any) -> int:
    """Return what a CounterOp adds."""
    return operation.increment if operation.HasField("increment") else 1


def changed_set(value: set[bytes], operation: Any, has_context: bool) -> set[bytes]:
    """Return a set after a SetOp. Raise Refused if a member to remove is missing."""
    if not has_context:
        for member in operation.removes:
            if member not in value:
                raise Refused(f"{{precondition,{{not_present,{erlang(member)}}}}}")
    return (value - set(operation.removes)) | set(operation.adds)


def changed_map(
    value: dict[Any, Any], operation: Any, has_context: bool
) -> dict[Any, Any]:
    """Return a map after a MapOp."""
    value = dict(value)
    for field in operation.removes:
        value.pop((field.name, field.type), None)
    for update in operation.updates:
        name = update.field.name, update.field.type
        before = value.get(name, EMPTY[update.field.type]())
        value[name] = changed_field(before, update, has_context)
    return value


def changed_field(before: Any, update: Any, has_context: bool) -> Any:
    """Return the value of a map's field after a MapUpdate."""
    kind = update.field.type
    if kind == FIELD_COUNTER:
        return before + amount(update.counter_op)
    if kind == FIELD_SET:
        return changed_set(before, update.set_op, has_context)
    if kind == FIELD_REGISTER:
        return update.register_op
    if kind == FIELD_FLAG:
        return update.flag_op == 1
    return changed_map(before, update.map_op, has_context)


def fill(message: Any, kind: int, value: Any) -> None:
    """Put a value into a DtValue or a DtUpdateResp."""
    if kind == COUNTER:
        message.counter_value = value
    elif kind == SET:
        message.set_value.extend(sorted(value))
    else:
        for name in sorted(value):
            message.map_value.append(map_entry(name, value[name]))


def map_entry(name: tuple[bytes, int], value: Any) -> Any:
    """Return the MapEntry of a map's field."""
    entry = messages.MapEntry(field=messages.MapField(name=name[0], type=name[1]))
    kind = name[1]
    if kind == FIELD_COUNTER:
        entry.counter_value = value
    elif kind == FIELD_SET:
        entry.set_value.extend(sorted(value))
    elif kind == FIELD_REGISTER:
        entry.register_value = value
    elif kind == FIELD_FLAG:
        entry.flag_value = value
    else:
        for inner in sorted(value):
            entry.map_value.append(map_entry(inner, value[inner]))
    return entry
