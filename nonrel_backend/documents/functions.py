"""SQL functions by which SQLite looks into documents."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from django.db import NotSupportedError
from django.db.models.expressions import Func, OrderBy, Ref

from ..conditions import Step
from .changing import REMOVED, changed
from .codec import dumped, loaded
from .matching import DOCUMENT_LOOKUPS, raw_matches

NOTHING: Any = object()
INT64 = range(-(2**63), 2**63)


# --- paths as text ---


def path_text(steps) -> str:
    """A path as the functions take it: each step with its kind."""
    return json.dumps(
        [[step.value] if isinstance(step, Step) else step for step in steps]
    )


def path_steps(text: str) -> list:
    return [Step(step[0]) if type(step) is list else step for step in loaded(text)]


# --- what a path leads to ---


def at_path(document: Any, steps) -> Iterator[Any]:
    """All that a path leads to in a document, NULLs left out."""
    for number, step in enumerate(steps):
        if document is None:
            return
        if step is Step.EACH:
            if isinstance(document, list):
                for item in document:
                    yield from at_path(item, steps[number + 1 :])
            return
        document = one_step(document, step)
    if document is not None:
        yield document


def one_step(document: Any, step) -> Any:
    if step is Step.LENGTH:
        return len(document) if isinstance(document, (list, dict)) else None
    if isinstance(document, dict):
        return document.get(str(step))
    if isinstance(document, list):
        if isinstance(step, str):
            step = int(step) if step.isdecimal() else len(document)
        return document[step] if step < len(document) else None
    return None


def sql_value(kind: str, value: Any) -> Any:
    """A leaf as SQLite's columns hold it; a document or raw value as its text."""
    if kind in ("document", "raw"):
        return dumped(value)
    if kind == "binary":
        return bytes.fromhex(value)
    if type(value) is int and value not in INT64:
        return float(value)
    return value


def doc(text: str | None, path: str, kind: str) -> Any:
    """The value at a path; of a path to many, the text of the list of all."""
    if text is None:
        return None
    steps = path_steps(path)
    found = at_path(loaded(text), steps)
    if Step.EACH in steps:
        return dumped(list(found))
    value = next(found, None)
    return None if value is None else sql_value(kind, value)


def items(text: str | None, path: str, kind: str) -> str:
    """The values at a path as a JSON array of what lookups compare."""
    if text is None:
        return "[]"
    found = list(at_path(loaded(text), path_steps(path)))
    if kind in ("document", "raw"):
        found = [dumped(value) for value in found]
    return "[{}]".format(",".join(map(item_text, found)))


def item_text(value: Any) -> str:
    if isinstance(value, float):
        if value != value:
            return "null"
        if value in (float("inf"), float("-inf")):
            return "9e999" if value > 0 else "-9e999"
    return json.dumps(value)


def match(text: str | None, lookup_name: str, value: str) -> bool | None:
    """A lookup on a whole collection."""
    if text is None:
        return None
    return DOCUMENT_LOOKUPS[lookup_name](loaded(text), loaded(value))


def raw(text: str | None, lookup_name: str, value: str) -> bool:
    """A lookup on any JSON value."""
    return text is not None and raw_matches(lookup_name, loaded(text), loaded(value))


def update(text: str | None, changes: str, *values: Any) -> str | None:
    """A document changed; `values` stand for those that SQL has computed."""
    document = None if text is None else copy.deepcopy(loaded(text))
    computed = iter(values)
    steps = []
    for name, path, value in json.loads(changes):
        steps.append((name, path, GIVEN[value[0]](value[1:], computed)))
    found = changed(document, steps)
    return None if found is None else dumped(found)


def computed_value(kind: str, value: Any) -> Any:
    """What SQL has computed, as documents of text hold it."""
    if value is None:
        return None
    if kind in ("document", "raw"):
        return json.loads(value)
    if kind == "boolean":
        return bool(value)
    return value.hex() if isinstance(value, bytes) else value


# The value of a change: written with it, NULL in an embedded model, or SQL's.
GIVEN = {
    "given": lambda rest, computed: rest[0],
    "removed": lambda rest, computed: REMOVED,
    "computed": lambda rest, computed: computed_value(rest[0], next(computed)),
}


def unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


FUNCTIONS = {
    "NONREL_DOC": (doc, 3),
    "NONREL_ITEMS": (items, 3),
    "NONREL_MATCH": (match, 3),
    "NONREL_RAW": (raw, 3),
    "NONREL_UNHEX": (unhex, 1),
    "NONREL_UPDATE": (update, -1),
}


def register(connection) -> None:
    """Give the functions to a connection of the sqlite3 module."""
    for name, (function, arguments) in FUNCTIONS.items():
        connection.create_function(name, arguments, function, deterministic=True)


def check_paths(expression) -> None:
    """Refuse what takes one value, given a path to many; called of every function and
    ordering that is to be SQL.
    """
    if not isinstance(expression, (Func, OrderBy)):
        return
    for source in expression.get_source_expressions():
        source = source.source if isinstance(source, Ref) else source
        if getattr(source, "is_many", False):
            kind = "order" if isinstance(expression, OrderBy) else "function"
            raise NotSupportedError(
                f"{source} leads to many values, of which there is no {kind}: name one "
                "by its position, or ask how many items there are with __len."
            )
