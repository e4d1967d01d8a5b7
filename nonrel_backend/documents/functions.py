"""The SQL functions with which SQLite reads and changes documents."""

import copy
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db import NotSupportedError
from django.db.models.expressions import Func, OrderBy, Ref

from ..conditions import Step
from ..values.storing import INT64
from .changing import REMOVED, changed
from .codec import dumped, loaded
from .matching import DOCUMENT_LOOKUPS, raw_matches

NOTHING: Any = object()


# --- paths as text ---


def path_text(steps: Iterable[Any]) -> str:
    """Return a path as the functions take it: JSON that keeps each step's kind."""
    return json.dumps(
        [[step.value] if isinstance(step, Step) else step for step in steps]
    )


def path_steps(text: str) -> list[Any]:
    """Return the steps of a path's text."""
    return [Step(step[0]) if type(step) is list else step for step in loaded(text)]


# --- what a path leads to ---


def at_path(document: Any, steps: Sequence[Any]) -> Iterator[Any]:
    """Yield the values that a path leads to in a document, without NULLs."""
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


def one_step(document: Any, step: Any) -> Any:
    """Return what a key, a position or a length leads to, None for nothing."""
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
    """Return a leaf as SQLite's columns hold it, any other value as its JSON text."""
    if kind in ("document", "raw"):
        return dumped(value)
    if kind == "binary":
        return bytes.fromhex(value)
    if type(value) is int and value not in INT64:
        return float(value)
    return value


def doc(text: str | None, path: str, kind: str) -> Any:
    """Return the value at a path. For a path to many, return the JSON list of all."""
    if text is None:
        return None
    steps = path_steps(path)
    found = at_path(loaded(text), steps)
    if Step.EACH in steps:
        return dumped(list(found))
    value = next(found, None)
    return None if value is None else sql_value(kind, value)


def items(text: str | None, path: str, kind: str) -> str:
    """Return the values at a path as a JSON array, for json_each()."""
    if text is None:
        return "[]"
    found = list(at_path(loaded(text), path_steps(path)))
    if kind in ("document", "raw"):
        found = [dumped(value) for value in found]
    return "[{}]".format(",".join(map(item_text, found)))


def item_text(value: Any) -> str:
    """Return the JSON of a value; infinities as numbers that SQLite reads as such."""
    if isinstance(value, float):
        if value != value:
            return "null"
        if value in (float("inf"), float("-inf")):
            return "9e999" if value > 0 else "-9e999"
    return json.dumps(value)


def match(text: str | None, lookup_name: str, value: str) -> bool | None:
    """Return the result of a lookup on a whole collection, NULL for NULL."""
    if text is None:
        return None
    return DOCUMENT_LOOKUPS[lookup_name](loaded(text), loaded(value))


def raw(text: str | None, lookup_name: str, value: str) -> bool:
    """Return the result of a lookup on a JSON value of any type."""
    return text is not None and raw_matches(lookup_name, loaded(text), loaded(value))


def update(text: str | None, changes: str, *values: Any) -> str | None:
    """Return the document after changes, which use `values` that SQL has computed."""
    document = None if text is None else copy.deepcopy(loaded(text))
    computed = iter(values)
    steps = []
    for name, path, value in json.loads(changes):
        steps.append((name, path, GIVEN[value[0]](value[1:], computed)))
    found = changed(document, steps)
    return None if found is None else dumped(found)


def computed_value(kind: str, value: Any) -> Any:
    """Return a value that SQL has computed as JSON documents hold it."""
    if value is None:
        return None
    if kind in ("document", "raw"):
        return json.loads(value)
    if kind == "boolean":
        return bool(value)
    return value.hex() if isinstance(value, bytes) else value


# The value of a change: in the change, NULL in an embedded model, or SQL's.
GIVEN: dict[str, Callable[[list[Any], Iterator[Any]], Any]] = {
    "given": lambda rest, computed: rest[0],
    "removed": lambda rest, computed: REMOVED,
    "computed": lambda rest, computed: computed_value(rest[0], next(computed)),
}


def unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "NONREL_DOC": (doc, 3),
    "NONREL_ITEMS": (items, 3),
    "NONREL_MATCH": (match, 3),
    "NONREL_RAW": (raw, 3),
    "NONREL_UNHEX": (unhex, 1),
    "NONREL_UPDATE": (update, -1),
}


def register(
    connection: sqlite3.Connection, wrap: Callable[..., Any] | None = None
) -> None:
    """Register the functions in a connection.

    The one that searches by regular expressions may raise: it is `wrap`ped.
    """
    for name, (function, arguments) in FUNCTIONS.items():
        if wrap is not None and name == "NONREL_MATCH":
            function = wrap(function)
        connection.create_function(name, arguments, function, deterministic=True)


def check_paths(expression: Any) -> None:
    """Raise NotSupportedError for a function or an ordering of a path to many values.

    Django calls it for every expression that it compiles for SQLite.
    """
    if not isinstance(expression, (Func, OrderBy)):
        return
    for source in expression.get_source_expressions():
        source = source.source if isinstance(source, Ref) else source
        if getattr(source, "is_many", False):
            kind = "order" if isinstance(expression, OrderBy) else "function"
            raise NotSupportedError(
                f"{source} leads to many values, which support no {kind}. Name one of "
                "them by its position, or count the items with __len."
            )
