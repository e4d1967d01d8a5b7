"""The page of the author's interface, and how the interface may change.

`python -m tests.docs.test_author_interface` records the signatures of a new version.
"""

import inspect
import re
from collections.abc import Iterator
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import nonrel_backend
from nonrel_backend.creation import NonrelDatabaseCreation

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "author-interface.md").read_text()
# The signatures, then a line for each version: its number, and a hash of those it had.
RECORD = Path(__file__).with_name("author_interface.txt")
SECTION = re.compile(r"^## `([\w.]+)`\n(.*?)(?=^## |\Z)", re.M | re.S)
ROW = re.compile(r"^\| `([\w.]+)` \|(.*)\|$", re.M)


def found(path: str) -> Any:
    """Return the module or class with a dotted path."""
    try:
        return import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(found(module), name)


def signature(owner: Any, name: str) -> str:
    """Return the parameters of a function, "" for what is none."""
    value = inspect.getattr_static(owner, name, None)
    value = getattr(value, "__func__", value)
    if not inspect.isfunction(value):
        return ""
    parameters = inspect.signature(value).parameters.values()
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
    return str(inspect.Signature(plain))


def annotations(owner: Any) -> dict[str, Any]:
    found: dict[str, Any] = vars(owner).get("__annotations__", {})
    return found


def signatures() -> Iterator[str]:
    for path, text in SECTION.findall(PAGE):
        owner = found(path)
        bases = getattr(owner, "__mro__", [owner])
        known = {each for base in bases for each in (*vars(base), *annotations(base))}
        for name, _ in ROW.findall(text):
            assert name in known, f"There is no {path}.{name}."
            yield f"{path}.{name}{signature(owner, name)}"


def digest(lines: list[str]) -> str:
    return sha256("\n".join(lines).encode()).hexdigest()[:12]


def recorded() -> tuple[list[str], list[list[str]]]:
    """Return the signatures and the versions, [number, hash], of the record."""
    text, _, versions = RECORD.read_text().partition("\n\n")
    return text.splitlines(), [line.split() for line in versions.splitlines()]


def test_a_change_of_the_interface_has_a_new_version_and_a_line_in_the_changelog():
    now = list(signatures())
    lines, versions = recorded()
    assert now == lines, (
        "The author's interface has changed: raise INTERFACE_VERSION, add a line with "
        "its number to CHANGELOG.md, and run python -m tests.docs.test_author_interface"
    )
    numbers = [int(number) for number, _ in versions]
    assert numbers == [*range(1, nonrel_backend.INTERFACE_VERSION + 1)]
    assert versions[-1][1] == digest(now), "A version is recorded once: raise it."
    changelog = (ROOT / "CHANGELOG.md").read_text()
    for number in numbers:
        assert f"`INTERFACE_VERSION` {number}" in changelog


def test_every_name_is_in_one_section():
    names = [line.partition("(")[0] for line in signatures()]
    assert len(names) == len(set(names)) > 100


def test_the_page_has_every_method_of_a_query_that_is_public():
    from nonrel_backend.query import NonrelQuery

    own = {
        name
        for name, value in vars(NonrelQuery).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    helpers = {"converters", "refusal", "with_key"}
    (text,) = (text for path, text in SECTION.findall(PAGE) if "NonrelQuery" in path)
    assert own - helpers <= {name for name, _ in ROW.findall(text)}


# --- the table of values ---


def type_name(kind: type) -> str:
    module = "nonrel_backend.query" if kind.__name__ == "Json" else kind.__module__
    return kind.__name__ if module == "builtins" else f"{module}.{kind.__name__}"


def table() -> dict[str, list[str]]:
    """Return {db_type: [types of writes, filters and of what is read]}."""
    (text,) = re.findall(r"^## Values\n(.*?)(?=^## )", PAGE, re.M | re.S)
    return {
        name: [cell.strip().strip("`") for cell in cells.split("|")]
        for name, cells in ROW.findall(text)
    }


def test_the_table_has_every_db_type():
    assert set(table()) == set(NonrelDatabaseCreation.data_types.values())


def test_values_have_the_types_of_the_table(library, databases, monkeypatch):
    connection = databases["default"]
    if connection.vendor != "backend_template":
        pytest.skip("Other backends convert values by functions of their own.")
    from nonrel_backend.testing.conformance.specimens import VALUES

    compiler = connection.ops.compiler("SQLCompiler")
    query = compiler.query_class
    convert, read = compiler.convert_value_for_db, compiler.convert_value_from_db
    take = query.add_filter
    types: dict[str, list[set[str]]] = {name: [set(), set(), set()] for name in table()}
    lists, filtering = [], []

    def for_db(self, db_type, value):
        if not filtering:
            types[db_type][0].add(type_name(type(value)))
        return convert(self, db_type, value)

    def from_db(self, db_type, value):
        found = read(self, db_type, value)
        types[db_type][2].add(type_name(type(found)))
        return found

    def add_filter(self, column, lookup_type, negated, db_type, value):
        if lookup_type in ("in", "range"):
            lists.append((lookup_type, db_type, value))
        elif lookup_type != "isnull":
            types[db_type][1].add(type_name(type(value)))
        filtering.append(column)
        try:
            return take(self, column, lookup_type, negated, db_type, value)
        finally:
            filtering.pop()

    monkeypatch.setattr(compiler, "convert_value_for_db", for_db)
    monkeypatch.setattr(compiler, "convert_value_from_db", from_db)
    monkeypatch.setattr(query, "add_filter", add_filter)
    rows = library.Specimen.objects
    rows.all().delete()
    for name, values in VALUES.items():
        value = values[0]
        row = rows.create(**{name: value})
        assert getattr(rows.get(pk=row.pk), name) is not None
        assert rows.filter(**{name: value}).exists()
        if name not in ("json", "boolean"):
            assert rows.filter(**{f"{name}__in": [value, value]}).exists()
            assert rows.filter(**{f"{name}__range": (value, value)}).exists()
    for db_type, (writes, filters, reads) in types.items():
        written, filtered, found = table()[db_type]
        assert writes == {written}, db_type
        assert filters <= {filtered}, db_type
        assert filters, db_type
        assert found == "the JSON value" or reads == {found}, db_type
    for lookup_type, db_type, value in lists:
        assert type(value) is list, db_type
        assert len(value) == (2 if lookup_type == "range" else 1), value
    assert {lookup_type for lookup_type, *_ in lists} == {"in", "range"}
    rows.all().delete()


if __name__ == "__main__":
    now = list(signatures())
    known = recorded()[1] if RECORD.exists() else []
    number = str(nonrel_backend.INTERFACE_VERSION)
    if number in dict(known):
        raise SystemExit(f"{number} is recorded already: raise INTERFACE_VERSION.")
    versions = [" ".join(each) for each in [*known, [number, digest(now)]]]
    RECORD.write_text("\n".join([*now, "", *versions]) + "\n")
