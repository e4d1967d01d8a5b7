"""Random INSERT, UPDATE and DELETE statements of SQL, as texts of raw() calls."""

from hypothesis import strategies as st

from .columns import COLUMNS, NUMBERS, SORTED, one_of, value, writable
from .writes import EMAILS, GENRE_NAMES, KEYS, WRITTEN

# {model: its unique column besides the key}
UNIQUE = {"Author": "email", "Copy": "seen", "Genre": "name"}
RELATIONS = ("author", "editor", "mentor", "book")
COMPARISONS = ["=", "<>", "<", "<=", ">", ">="]
# A text and its parameters, as texts of Python expressions.
Part = tuple[str, list[str]]


def column(model: str, name: str) -> str:
    """Return the column of a field."""
    if name == "pk":
        return "token" if model == "Copy" else "id"
    return f"{name}_id" if name in RELATIONS else name


def columns(model: str) -> dict[str, str]:
    """Return {field: kind}, each column once."""
    return {"pk": COLUMNS[model]["pk"], **writable(model)}


@st.composite
def parameter(draw: st.DrawFn, model: str, name: str, kind: str) -> str:
    """Draw a value of a column that a row may have."""
    if name == "email":
        return draw(one_of(EMAILS))
    if (model, name) == ("Genre", "name"):
        return draw(one_of(GENRE_NAMES))
    found = draw(value(kind))
    return f"json.dumps({found})" if kind == "json" else found


@st.composite
def where(draw: st.DrawFn, model: str, depth: int = 2) -> Part:
    """Draw a condition on the columns of the table."""
    if depth and draw(st.integers(0, 2)) == 2:
        left, more = draw(where(model, depth - 1))
        right, others = draw(where(model, depth - 1))
        joined = draw(one_of(["({} AND {})", "({} OR {})", "NOT ({} AND {})"]))
        return joined.format(left, right), more + others
    name, kind = draw(one_of(sorted(columns(model).items())))
    own = column(model, name)
    choices = ["compare", "compare", "in", "null"]
    if kind in SORTED:
        choices += ["between", "columns"]
    if kind == "key":
        choices += ["subquery"]
    choice = draw(one_of(choices))
    if choice == "null":
        return f"{own} IS {draw(one_of(['', 'NOT ']))}NULL", []
    if choice == "subquery":
        other = draw(one_of([each for each in ("Book", "Author") if each != model]))
        return f"{own} IN (SELECT id FROM {{{other}}})", []
    if choice == "columns":
        same = [each for each, other in columns(model).items() if other == kind]
        return f"{own} <= {column(model, draw(one_of(same)))}", []
    if choice == "compare":
        operators = COMPARISONS if kind in SORTED | {"key"} else COMPARISONS[:2]
        count, text = 1, f"{own} {draw(one_of(operators))} %s"
    elif choice == "between":
        count, text = 2, f"{own} BETWEEN %s AND %s"
    else:
        count = draw(st.integers(1, 3))
        text = f"{own} IN ({', '.join(['%s'] * count)})"
    return text, [draw(parameter(model, name, kind)) for _ in range(count)]


@st.composite
def assigned(draw: st.DrawFn, model: str, name: str, kind: str) -> Part:
    """Draw what an UPDATE sets a column to."""
    own, given = column(model, name), draw(parameter(model, name, kind))
    choices: list[Part] = [("%s", [given])] * 3 + [("NULL", []), (own, [])]
    choices += [(f"coalesce({own}, %s)", [given])]
    if kind in NUMBERS:
        choices += [(f"{own} + %s", [repr(draw(st.integers(-9, 9)))])]
    if kind == "text":
        choices += [(f"{own} || %s", [given])]
    test, tested = draw(where(model, 1))
    choices += [(f"CASE WHEN {test} THEN %s ELSE {own} END", [*tested, given])]
    return draw(one_of(choices))


@st.composite
def assignments(draw: st.DrawFn, model: str) -> tuple[list[str], Part]:
    """Draw (the fields, what an UPDATE sets them to)."""
    kinds = writable(model)
    names = draw(st.lists(one_of(sorted(kinds)), min_size=1, max_size=3, unique=True))
    parts = [draw(assigned(model, name, kinds[name])) for name in names]
    text = ", ".join(
        f"{column(model, name)} = {part}"
        for name, (part, _) in zip(names, parts, strict=True)
    )
    return names, (text, [each for _, found in parts for each in found])


@st.composite
def insert(draw: st.DrawFn, model: str) -> Part:
    """Draw an INSERT of some rows, which may resolve conflicts."""
    kinds = columns(model)
    count = draw(st.integers(1, 3))
    rows = [
        draw(one_of(KEYS[model]))
        if name == "pk"
        else draw(st.one_of(parameter(model, name, kind), st.just("None")))
        if draw(st.integers(0, 9)) == 9 or name in UNIQUE.values()
        else repr(draw(st.integers(1, 8)))
        if kind == "key"
        else draw(parameter(model, name, kind))
        for _ in range(count)
        for name, kind in kinds.items()
    ]
    names = [column(model, name) for name in kinds]
    marks = f"({', '.join(['%s'] * len(names))})"
    verb = draw(one_of(["INSERT", "INSERT", "INSERT OR IGNORE", "REPLACE"]))
    text = f"{verb} INTO {{{model}}} ({', '.join(names)}) VALUES "
    text += ", ".join([marks] * count)
    if verb == "INSERT" and draw(st.booleans()):
        target = column(model, draw(one_of(["pk", UNIQUE.get(model, "pk")])))
        changed = draw(one_of(names[1:]))
        text += draw(
            one_of(
                [" ON CONFLICT DO NOTHING", f" ON CONFLICT ({target}) DO NOTHING"]
                + [
                    f" ON CONFLICT ({target}) DO UPDATE SET {changed} = {new}"
                    for new in (
                        f"excluded.{changed}",
                        f"coalesce({{{model}}}.{changed}, excluded.{changed})",
                    )
                ]
            )
        )
    return text, rows


@st.composite
def raw_write(draw: st.DrawFn) -> tuple[str, str]:
    """Draw (how its transaction ends, the statement)."""
    model = draw(one_of(WRITTEN))
    verb = draw(one_of(["insert", "update", "update", "delete"]))
    returning = draw(st.integers(0, 3)) == 3
    if verb == "insert":
        text, params = draw(insert(model))
        returning = False
    else:
        test, tested = draw(where(model))
        if verb == "update":
            names, (text, params) = draw(assignments(model))
            text = f"UPDATE {{{model}}} SET {text} WHERE {test}"
            # Rows whose unique values move are counted: see compare.moves().
            returning = returning and UNIQUE.get(model) not in names
        else:
            text, params = f"DELETE FROM {{{model}}} WHERE {test}", []
        params = params + tested
    if returning:
        # Of floats SQLite returns some whole ones as integers.
        kinds = columns(model).items()
        names = [column(model, name) for name, kind in kinds if kind != "float"]
        text += f" RETURNING {', '.join(names)}"
    ending = draw(one_of(["rolled back", "savepoint", "committed"]))
    return ending, f"raw(db, {text!r}.format_map(tables), [{', '.join(params)}])"
