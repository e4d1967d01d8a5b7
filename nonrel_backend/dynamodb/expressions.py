"""The expressions of requests: conditions of writes, and what they change.

A row is changed on its version, `_v`, and an item without one on all the columns that
are known. `_i` is the intent of a large commit, a map:

    t        the id of the commit
    set      the attributes that the item will have, of those that change
    remove   the names of attributes that it will not have
    delete   there: the item will be deleted
    new      there: there is no item yet, only the intent
"""

from collections.abc import Set as AbstractSet
from typing import Any

from ..kv.buffer import size_of_value
from ..kv.conditional import Expected, Intent, Predicates, Stored, Write
from ..kv.encoding import LAST, following
from ..kv.forms import JSON_NULL
from ..kv.optimistic_query import Increment
from ..query import MISSING
from ..values.storing import INT64
from .filters import (
    INTENT,
    LONGEST_EXPRESSION,
    VERSION,
    Expressions,
    exactly,
    is_testable,
    tested,
)
from .items import (
    LARGEST_ITEM,
    LONGEST_RANGE,
    ORDER,
    Item,
    Row,
    check_size,
    item_size,
    number,
)
from .tables import Bounds, DynamoTable

# The attributes of an entry: where it is, its key, and that of its row.
PARTITION, ENTRY, OWNER = "h", "r", "k"
# About the bytes of a write that are not its item's.
OVERHEAD = 100


# --- reading ---


def returning(found: Expressions, attributes: list[str] | None) -> dict[str, Any]:
    """Return the parameters by which only some attributes of items are returned.

    Without attributes the items are counted, those with an intent as read only.
    """
    if attributes is None:
        return {"Select": "COUNT", "FilterExpression": found.absent(INTENT)}
    return {"ProjectionExpression": ", ".join(map(found.name, attributes))}


def reading(
    table: DynamoTable, columns: AbstractSet[str] | None, filters: Predicates = ()
) -> dict[str, Any]:
    """Return the parameters by which only some columns of some items are returned.

    An item without a version is compared as a whole: of these all is read.
    """
    found = Expressions()
    parameters: dict[str, Any] = {}
    tests = [tested(table, each, found) for each in filters if is_testable(table, each)]
    if tests:
        has_intent = f"attribute_exists({found.name(INTENT)})"
        expression = f"{has_intent} OR {' AND '.join(tests)}"
        if len(expression) > LONGEST_EXPRESSION:
            return reading(table, columns)
        parameters["FilterExpression"] = expression
    if columns is not None and table.has_versions:
        names = dict.fromkeys([*columns, *table.key, *table.attributes])
        order = [] if table.ordered.isdisjoint(columns) else [ORDER]
        parameters |= returning(found, [*names, *order, VERSION, INTENT])
    return found.parameters(**parameters)


def entries_between(partition: str, low: bytes, high: bytes, found: Expressions) -> str:
    """Return the condition of the entries from `low` to before `high`."""
    begin = found.equal(PARTITION, {"S": partition})
    key = found.name(ENTRY)
    if low and high in (low + LAST, following(low)):
        return f"{begin} AND begins_with({key}, {found.value({'B': low})})"
    if not low:
        return f"{begin} AND {key} < {found.value({'B': high})}"
    if high == LAST:
        return f"{begin} AND {key} >= {found.value({'B': low})}"
    first, last = found.value({"B": low}), found.value({"B": before(high)})
    return f"{begin} AND {key} BETWEEN {first} AND {last}"


def before(high: bytes) -> bytes:
    """Return the last of all keys of entries that sort before one: both ends of
    DynamoDB's ranges are in them.
    """
    if high[-1] == 0:
        return high[:-1]
    return (high[:-1] + bytes([high[-1] - 1])).ljust(LONGEST_RANGE, LAST)


def native_between(bounds: Bounds, found: Expressions) -> str:
    """Return the condition of the items within bounds of a native index."""
    begin = found.equal(*bounds.hash)
    low, high = bounds.low, bounds.high
    if bounds.range is None or (low is None and high is None):
        return begin
    name = found.name(bounds.range)
    if low is None or high is None:
        sign, end = ("<=", high) if low is None else (">=", low)
        assert end is not None
        return f"{begin} AND {name} {sign} {found.value(end)}"
    return f"{begin} AND {name} BETWEEN {found.value(low)} AND {found.value(high)}"


# --- items as they were read ---


def row_stored(table: DynamoTable, item: Item) -> Stored:
    """Return a row of its item."""
    row = table.row_of(item)
    key = table.key_of_item(item, row)
    found = Stored(key, row, version_of(table, item))
    intent = item.get(INTENT)
    if intent is not None:
        will_be = after(item, intent["M"])
        value = None if will_be is None else table.row_of(will_be)
        found.intent = Intent(intent["M"]["t"]["S"], value)
        if is_only_intent(item, table.attributes):
            found.value = None
    return found


def version_of(table: DynamoTable, item: Item) -> Any:
    """Return the version of an item: all that is known of it if it has none."""
    found = item.get(VERSION)
    if found is not None:
        return found["S"]
    return {name: item.get(name) for name in table.columns}


def entry_stored(item: Item) -> Stored:
    """Return an entry of its item."""
    owner, intent = item.get(OWNER), item.get(INTENT)
    found = Stored(item[ENTRY]["B"], owner and owner["B"])
    if intent is not None:
        will_be = after(item, intent["M"])
        value = None if will_be is None else will_be[OWNER]["B"]
        found.intent = Intent(intent["M"]["t"]["S"], value)
    return found


def after(item: Item, intent: Item) -> Item | None:
    """Return an item as its intent will make it, None if it will be deleted."""
    if "delete" in intent:
        return None
    removed = {each["S"] for each in intent["remove"]["L"]}
    found = {name: each for name, each in item.items() if name not in removed}
    return {**found, **intent["set"]["M"]}


def is_only_intent(item: Item, key: list[str]) -> bool:
    return "new" in item[INTENT]["M"] and item.keys() <= {*key, INTENT}


# --- writing ---


def condition(write: Write, found: Expressions) -> str:
    """Return the condition of a write: that of any has no intent in its way either."""
    table: Any = write.table
    if write.expected is Expected.NOTHING:
        return found.absent(table.hash if write.is_row else PARTITION)
    no_intent = found.absent(INTENT)
    if write.expected is Expected.ANYTHING:
        return no_intent
    assert write.before is not None
    if not write.is_row:
        return f"{found.equal(OWNER, {'B': write.before.value})} AND {no_intent}"
    version = write.before.version
    if isinstance(version, str):
        return f"{found.equal(VERSION, {'S': version})} AND {no_intent}"
    parts = [no_intent, f"attribute_exists({found.name(table.hash)})"]
    if table.has_versions:
        parts.append(found.absent(VERSION))
    for name, value in version.items():
        if name not in table.attributes:
            parts.append(found.equal(name, value) if value else found.absent(name))
    return " AND ".join(parts)


def changes_of(write: Write, version: str) -> tuple[Item, list[str]]:
    """Return (the attributes that a write sets, the names of those that it removes).

    Raise DataError if the item is too large.
    """
    if not write.is_row:
        return {OWNER: {"B": write.value}}, []
    table: Any = write.table
    row: Row = write.value
    item = table.item_of(row)
    check_size(table.name, table.shown(write.key), item)
    columns = table.columns if write.columns is None else write.columns
    if not table.ordered.isdisjoint(columns):
        columns = {*columns, ORDER}
    if write.expected is Expected.NOTHING:
        columns = item.keys()
    changed = {
        name: item[name]
        for name in columns
        if name in item and name not in table.attributes
    }
    if table.has_versions:
        changed[VERSION] = {"S": version}
    return changed, [name for name in columns if name not in item]


def request(write: Write, place: dict[str, Any], version: str) -> tuple[str, Any]:
    """Return (kind of a write in a transaction, its parameters).

    `place` has the names of the table and the key of the item.
    """
    found = Expressions()
    wanted = condition(write, found)
    if not write.changes:
        return "ConditionCheck", {
            **place,
            **found.parameters(ConditionExpression=wanted),
        }
    if write.value is None:
        return "Delete", {**place, **found.parameters(ConditionExpression=wanted)}
    attributes, removed = changes_of(write, version)
    if write.expected is Expected.NOTHING or not write.is_row:
        item = {**place["Key"], **attributes}
        parameters = found.parameters(ConditionExpression=wanted)
        return "Put", {"TableName": place["TableName"], "Item": item, **parameters}
    update = found.assignments(attributes, removed)
    return "Update", {
        **place,
        **found.parameters(UpdateExpression=update, ConditionExpression=wanted),
    }


def writable(table: DynamoTable, required: Predicates, found: Expressions) -> list[str]:
    """Return conditions: a row is there, without an intent, and satisfies predicates.

    Raise NotSupportedError if there are none for just these.
    """
    return [
        f"attribute_exists({found.name(table.hash)})",
        found.absent(INTENT),
        *(exactly(table, each, found) for each in required),
    ]


def delete_of(table: DynamoTable, required: Predicates) -> dict[str, Any]:
    """Return the parameters of a deletion: see ConditionalStore.delete_row()."""
    found = Expressions()
    wanted = " AND ".join(writable(table, required, found))
    return found.parameters(ConditionExpression=wanted)


def update_of(
    table: DynamoTable,
    values: dict[str, Any],
    version: str,
    required: Predicates = (),
) -> dict[str, Any]:
    """Return the parameters of an update of a row: see ConditionalStore.update_row().

    Raise NotSupportedError if there are none.
    """
    found = Expressions()
    conditions = writable(table, required, found)
    changed: Row = {}
    sums, removed = [], []
    for name, value in values.items():
        if isinstance(value, Increment):
            column, amount = found.name(name), value.amount
            sums.append(f"{column} = {column} + {found.value(number(amount))}")
            # The sum has 64 bits.
            ends = (INT64[0] - min(amount, 0), INT64[-1] - max(amount, 0))
            low, high = (found.value(number(end)) for end in ends)
            conditions.append(f"{column} BETWEEN {low} AND {high}")
        elif value is MISSING:
            removed.append(name)
        else:
            changed[name] = None if value is JSON_NULL else value
    attributes = table.write_item(changed)
    if table.has_versions:
        attributes[VERSION] = {"S": version}
    return found.parameters(
        UpdateExpression=found.assignments(attributes, removed, sums),
        ConditionExpression=" AND ".join(conditions),
    )


def intent_request(write: Write, place: dict[str, Any], commit: str) -> Any:
    """Return the parameters of an update that puts the intent of a write.

    It may be there already: the request may be repeated. The id of the commit is the
    new version of the rows.
    """
    intent: Item = {"t": {"S": commit}}
    if write.before is None or not write.is_row:
        intent["new"] = {"BOOL": True}
    attributes: Item = {}
    removed: list[str] = []
    if write.changes and write.value is None:
        intent["delete"] = {"BOOL": True}
    elif write.changes:
        attributes, removed = changes_of(write, commit)
    intent["set"] = {"M": attributes}
    intent["remove"] = {"L": [{"S": each} for each in removed]}
    found = Expressions()
    wanted = f"{condition(write, found)} OR {found.of_commit(commit)}"
    update = found.assignments({INTENT: {"M": intent}}, [])
    return {
        **place,
        **found.parameters(UpdateExpression=update, ConditionExpression=wanted),
    }


def finishing(write: Write, place: dict[str, Any], commit: str) -> dict[str, Any]:
    """Return the item of a transaction that moves the intent of a write into place."""
    found = Expressions()
    wanted = found.of_commit(commit)
    if write.changes and write.value is None:
        parameters = found.parameters(ConditionExpression=wanted)
        return {"Delete": {**place, **parameters}}
    attributes, removed = changes_of(write, commit) if write.changes else ({}, [])
    if write.changes and (write.before is None or not write.is_row):
        item = {**place["Key"], **attributes}
        parameters = found.parameters(ConditionExpression=wanted)
        return {"Put": {"TableName": place["TableName"], "Item": item, **parameters}}
    update = found.assignments(attributes, [INTENT, *removed])
    parameters = found.parameters(UpdateExpression=update, ConditionExpression=wanted)
    return {"Update": {**place, **parameters}}


def settling(
    item: Item, key: list[str], place: dict[str, Any], commit: str, is_committed: bool
) -> tuple[str, dict[str, Any]]:
    """Return the operation that moves the intent of an item into place, or removes it,
    with its parameters.
    """
    found = Expressions()
    wanted = found.of_commit(commit)
    intent = item[INTENT]["M"]
    if "delete" in intent if is_committed else is_only_intent(item, key):
        parameters = found.parameters(ConditionExpression=wanted)
        return "delete_item", {**place, **parameters}
    attributes: Item = {}
    removed = [INTENT]
    if is_committed:
        attributes = intent["set"]["M"]
        removed += [each["S"] for each in intent["remove"]["L"]]
    update = found.assignments(attributes, removed)
    parameters = found.parameters(UpdateExpression=update, ConditionExpression=wanted)
    return "update_item", {**place, **parameters}


def has_room(write: Write) -> bool:
    """Return whether an item can have the intent of a write beside its old value."""
    # A character has 4 bytes at most.
    if not write.is_row or write_size(write) < LARGEST_ITEM // 4:
        return True
    table: Any = write.table
    size = OVERHEAD
    if write.changes and write.value is not None:
        attributes, removed = changes_of(write, "")
        size += item_size(attributes) + OVERHEAD * (1 + len(attributes) + len(removed))
    try:
        old = write.before and write.before.value
        return size + item_size(table.write_item(old or {})) <= LARGEST_ITEM
    except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError):
        return False  # its columns may have been of other types


def write_size(write: Write) -> int:
    """Return about the bytes of a write's item, before it and after it."""
    table: Any = write.table
    size = OVERHEAD + len(write.key)
    if write.is_row:
        if write.value is not None:
            size += item_size(table.write_item(write.value))
        if write.before is not None and write.before.value is not None:
            # Its columns may have been of other types: see kv/conditional_schema.py.
            size += sum(map(size_of_value, write.before.value.values()))
    return size
