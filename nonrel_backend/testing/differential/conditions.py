"""Random conditions: trees of Qs, lookups, EXISTS."""

from collections.abc import Callable

from hypothesis import strategies as st

from .columns import (
    COLUMNS,
    MODELS,
    NUMBERS,
    SORTED,
    one_of,
    path,
    value,
    values_in,
)
from .data import VALUES

COMPARISONS = ["", "__gt", "__gte", "__lt", "__lte"]
# Text without letters of two cases: SQLite's LIKE folds ASCII letters, Django's
# case-sensitive lookups on other databases do not.
CASELESS = ["", "$", "日", "%", "_", ".", "\\", "'", "😀", "\n", "0", " "]
REGULAR = ["^a", "b$", ".", "^$", "[ab]", "a|日", r"\.", "^.b", "^a{2,}$"]
# Their cost has no bound, or grows so that MongoDB gives the search up; Python does not
# on the texts here.
COSTLY = ["(a+)+$", r"(.)\1", "^(?:a|ab)*$", "a*a*a*a*b", "^a+[^b]*a$", "(a|b)+?%"]
# Kinds that a text in a constant of its own may be compared with.
AS_TEXT = ("int", "text", "bool", "date", "uuid")
PARTS = ["year", "month", "day", "week_day", "iso_week_day", "quarter", "week"]
PARTS += ["iso_year"]
CLOCK = ["hour", "minute", "second"]
# {model: its column of datetimes}
DATED = {"Book": "published", "Copy": "seen"}


@st.composite
def leaf(draw: st.DrawFn, model: str, depth: int = 1) -> str:
    """Draw a Q with one lookup, which may hold a subquery if `depth` is not 0."""
    name, kind = draw(path(model))
    choices = ["exact", "exact", "in", "isnull"]
    if kind in SORTED or kind in ("key", "uuid"):
        choices += ["compare", "compare"]
    if kind in SORTED:
        choices += ["range"]
    if kind == "text":
        choices += ["pattern", "caseless", "regex"]
    if kind in ("date", "datetime"):
        choices += ["part", "part"]
    if kind == "datetime":
        choices += ["day", "clock"]
    if kind == "json":
        choices = ["isnull", "exact", "json", "json", "json"]
    if kind in ("int", "text", "key", "float", "decimal", "datetime"):
        choices += ["column"]
    if kind in AS_TEXT:
        choices += ["constant"]
    if depth and kind in ("key", "int", "text", "datetime"):
        choices += ["subquery"]
    if depth:
        choices += ["exists"]
    choice = draw(one_of(choices))
    if choice == "exists":
        return f"Q({draw(exists(model))})"
    found = draw(LOOKUPS[choice](model, name, kind))
    return f"Q({name}{found})"


@st.composite
def json_lookup(draw: st.DrawFn, model: str, name: str, kind: str) -> str:
    """Draw a lookup on a key of a JSON column."""
    key = draw(one_of(["__k", "__j", "__0", "__k__j", "__k__0", "__日", "__k__j__1"]))
    choice = draw(one_of(["", "", "isnull", "compare", "in", "has", "text"]))
    scalar = one_of(["1", "None", "'v'", "True", "1.5", "'a'", "2", "'1'", "False"])
    if choice == "isnull":
        return f"{key}__isnull={draw(st.booleans())}"
    if choice == "compare":
        return f"{key}{draw(one_of(COMPARISONS[1:]))}={draw(one_of('012'))}"
    if choice == "in":
        return f"{key}__in=[{draw(scalar)}, {draw(scalar)}]"
    if choice == "has":
        return draw(
            one_of(
                ["__has_key='k'", "__has_key='0'", "__has_keys=['k', '日']"]
                + ["__has_any_keys=['j', '日']", "__k__has_key='j'"]
            )
        )
    if choice == "text":
        return f"{key}__{draw(one_of(['icontains', 'startswith', 'regex']))}='1'"
    return f"{key}={draw(st.one_of(scalar, value('json')))}"


@st.composite
def column_lookup(draw: st.DrawFn, model: str, name: str, kind: str) -> str:
    """Draw a comparison with another column."""
    kinds = {kind} if kind in ("text", "datetime") else NUMBERS | {"key"}
    other, found = draw(path(model, kinds))
    if kind == "datetime":
        other = other if found == kind else name
        plus = draw(one_of(["", f" + {draw(value('delta'))}"]))
    else:
        plus = draw(one_of(["", "", " + 1"])) if kind != "text" else ""
    return f"{draw(one_of(COMPARISONS))}=F({other!r}){plus}"


@st.composite
def subquery_lookup(draw: st.DrawFn, model: str, name: str, kind: str) -> str:
    """Draw an `__in` with a subquery."""
    inner = draw(one_of(sorted(DATED) if kind == "datetime" else MODELS))
    if kind == "datetime":
        column = DATED[inner]
    else:
        column, _ = draw(path(inner, {kind}, many=False))
    rows = f"{inner}.objects.filter({draw(condition(inner, 1, 0))})"
    return f"__in={rows}.values({column!r})"


# {choice of `leaf`: a strategy for what follows the column, given model, column, kind}
LOOKUPS: dict[str, Callable[[str, str, str], st.SearchStrategy[str]]] = {
    "exact": lambda model, name, kind: st.builds("={}".format, value(kind)),
    "compare": lambda model, name, kind: st.builds(
        "{}={}".format, one_of(COMPARISONS), value(kind)
    ),
    "in": lambda model, name, kind: st.builds("__in={}".format, values_in(kind)),
    "range": lambda model, name, kind: st.builds(
        "__range=({}, {})".format, value(kind), value(kind)
    ),
    "isnull": lambda model, name, kind: st.builds("__isnull={}".format, st.booleans()),
    "pattern": lambda model, name, kind: st.builds(
        "__{}={!r}".format,
        one_of(["contains", "startswith", "endswith"]),
        one_of(CASELESS),
    ),
    "caseless": lambda model, name, kind: st.builds(
        "__{}={!r}".format,
        one_of(["iexact", "icontains", "istartswith", "iendswith"]),
        one_of(["a", "AB", "abc", "x.Y", "B%", "_"]),
    ),
    "regex": lambda model, name, kind: st.builds(
        "__{}={!r}".format,
        one_of(["regex", "iregex"]),
        one_of(REGULAR + COSTLY),
    ),
    "part": lambda model, name, kind: st.builds(
        "__{}{}={}".format,
        one_of(PARTS),
        one_of(COMPARISONS),
        one_of([2020, 2019, 1, 2, 12, 53, 1999]),
    ),
    "clock": lambda model, name, kind: st.builds(
        "__{}{}={}".format,
        one_of(CLOCK),
        one_of(COMPARISONS),
        one_of([0, 12, 20, 30, 59]),
    ),
    "day": lambda model, name, kind: st.builds(
        "__date{}={}".format, one_of(COMPARISONS), value("date")
    ),
    "constant": lambda model, name, kind: st.builds(
        "=Value({!r})".format, one_of(VALUES[kind]).map(str)
    ),
    "json": json_lookup,
    "column": column_lookup,
    "subquery": subquery_lookup,
}


@st.composite
def exists(draw: st.DrawFn, model: str) -> str:
    """Draw an EXISTS or NOT EXISTS that refers to a column of the model."""
    inner = draw(one_of(MODELS))
    if model in DATED and inner in DATED and draw(st.booleans()):
        theirs, ours = DATED[inner], DATED[model]
    else:
        theirs, kind = draw(path(inner, {"key", "int", "text"}, many=False))
        ours, _ = draw(path(model, {kind}, many=False))
    rows = f"{inner}.objects.filter({theirs}=OuterRef({ours!r}))"
    if draw(st.booleans()):
        rows += f".filter({draw(condition(inner, 1, 0))})"
    return draw(one_of(["", "", "~"])) + f"Exists({rows})"


@st.composite
def condition(draw: st.DrawFn, model: str, depth: int = 2, nested: int = 1) -> str:
    """Draw a tree of Qs, at most `depth` connectors high.

    It may hold subqueries if `nested` is not 0.
    """
    if not depth or draw(st.integers(0, 2)) < 2:
        return draw(leaf(model, nested))
    left = draw(condition(model, depth - 1, nested))
    if draw(st.integers(0, 4)) == 4:
        return f"~({left})"
    connector = draw(one_of(["&", "|", "^"]))
    return f"({left} {connector} {draw(condition(model, depth - 1, nested))})"


@st.composite
def own_condition(draw: st.DrawFn, model: str) -> str:
    """Draw a Q with one lookup on a column of the model itself, but on no JSON."""
    columns = {name: kind for name, kind in COLUMNS[model].items() if kind != "json"}
    name, kind = draw(one_of(sorted(columns.items())))
    choice = draw(one_of(["exact", "compare", "isnull", "in"]))
    if choice == "compare" and kind in ("bool", "binary"):
        choice = "exact"
    found = f"Q({name}{draw(LOOKUPS[choice](model, name, kind))})"
    return draw(one_of(["", "", "~"])) + found
