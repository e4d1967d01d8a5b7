"""Random queries and writes, as the text of Python expressions.

A text is evaluated with `db` as each database's alias, and stands in the report of a
failure as what to paste. The first of several alternatives is the simplest: it is what
Hypothesis shrinks to.
"""

from hypothesis import assume
from hypothesis import strategies as st

from .data import VALUES

COLUMNS: dict[str, dict[str, str]] = {
    "Book": {
        "pk": "key",
        "title": "text",
        "pages": "int",
        "rating": "float",
        "price": "decimal",
        "published": "datetime",
        "in_print": "bool",
        "notes": "json",
        "author": "key",
        "editor": "key",
        "author_id": "key",
    },
    "Author": {
        "pk": "key",
        "name": "text",
        "email": "text",
        "born": "date",
        "mentor": "key",
    },
    "Genre": {"pk": "key", "name": "text"},
    "Copy": {
        "pk": "uuid",
        "shelf": "text",
        "bought": "date",
        "opened": "time",
        "lent_for": "duration",
        "worth": "long",
        "cover": "binary",
        "book": "key",
    },
    "Novel": {"pk": "key", "series": "text", "title": "text", "pages": "int"},
}
FORWARD: dict[str, dict[str, str]] = {
    "Book": {"author": "Author", "editor": "Author"},
    "Author": {"mentor": "Author"},
    "Genre": {},
    "Copy": {"book": "Book"},
    "Novel": {"author": "Author", "book_ptr": "Book"},
}
REVERSE: dict[str, dict[str, str]] = {
    "Book": {"genres": "Genre", "copies": "Copy", "novel": "Novel"},
    "Author": {"books": "Book", "edited": "Book", "author": "Author"},
    "Genre": {"book": "Book"},
    "Copy": {},
    "Novel": {"genres": "Genre"},
}
MODELS = ["Book", "Book", "Book", "Author", "Copy", "Genre", "Novel"]
COMPARISONS = ["", "__gt", "__gte", "__lt", "__lte"]
# Fragments that match whatever their case: SQLite's LIKE folds ASCII, ours does not.
CASELESS = ["", "$", "日", "%", "_", ".", "\\", "'", "😀", "\n", "0", " "]
PARTS = ["year", "month", "day", "week_day", "iso_week_day", "quarter", "week"]
PARTS += ["iso_year"]
CLOCK = ["hour", "minute", "second"]
NUMBERS = {"int", "float", "decimal"}
SORTED = NUMBERS | {"text", "long", "date", "datetime", "time", "duration"}
OUTPUT = {
    "int": "IntegerField()",
    "text": "TextField()",
    "float": "FloatField()",
    "date": "DateField()",
    "datetime": "DateTimeField()",
}
one_of = st.sampled_from


@st.composite
def value(draw, kind: str) -> str:
    """A value of the kind: mostly one that some row has."""
    if kind in ("int", "key") and draw(st.integers(0, 4)) == 4:
        return repr(draw(st.integers(-(2**31), 2**31 - 1)))
    if kind == "text" and draw(st.integers(0, 6)) == 6:
        return repr(draw(st.text(st.characters(codec="utf-8"), max_size=3)))
    return repr(draw(one_of(VALUES[kind])))


@st.composite
def path(draw, model: str, kinds=None, many: bool = True, depth: int = 2):
    """(lookup path, kind) of a column of the model or of one it is related to."""
    related = {**FORWARD[model], **(REVERSE[model] if many else {})}
    while depth and related and draw(st.integers(0, 3)) == 3:
        name = draw(one_of(sorted(related)))
        found = draw(path(related[name], None, many, depth - 1))
        if kinds is None or found[1] in kinds:
            return f"{name}__{found[0]}", found[1]
        break
    columns = [
        (name, kind)
        for name, kind in COLUMNS[model].items()
        if kinds is None or kind in kinds
    ]
    if not columns:  # a number there is always
        return ("book", "key") if model == "Copy" else ("pk", "key")
    return draw(one_of(columns))


# --- conditions ---


@st.composite
def leaf(draw, model: str, depth: int = 1) -> str:
    """A Q with one lookup."""
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
    if kind in ("int", "text", "key", "float", "decimal"):
        choices += ["column"]
    if depth and kind in ("key", "int", "text"):
        choices += ["subquery"]
    if depth:
        choices += ["exists"]
    choice = draw(one_of(choices))
    if choice == "exists":
        return f"Q({draw(exists(model))})"
    found = draw(LOOKUPS[choice](model, name, kind))
    return f"Q({name}{found})"


def values_in(kind: str):
    return st.lists(value(kind), max_size=3).map(lambda found: f"[{', '.join(found)}]")


@st.composite
def json_lookup(draw, model: str, name: str, kind: str) -> str:
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
def column_lookup(draw, model: str, name: str, kind: str) -> str:
    kinds = {"text"} if kind == "text" else NUMBERS | {"key"}
    other, _ = draw(path(model, kinds))
    plus = draw(one_of(["", "", " + 1"])) if kind != "text" else ""
    return f"{draw(one_of(COMPARISONS))}=F({other!r}){plus}"


@st.composite
def subquery_lookup(draw, model: str, name: str, kind: str) -> str:
    inner = draw(one_of(MODELS[:4]))
    column, _ = draw(path(inner, {kind}, many=False))
    rows = f"{inner}.objects.filter({draw(condition(inner, 1, 0))})"
    return f"__in={rows}.values({column!r})"


LOOKUPS = {
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
        one_of(["^a", "b$", ".", "^$", "[ab]", "a|日", r"\.", "^.b", "^a{2,}$"]),
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
    "json": json_lookup,
    "column": column_lookup,
    "subquery": subquery_lookup,
}


@st.composite
def exists(draw, model: str) -> str:
    inner = draw(one_of(MODELS[:5]))
    theirs, kind = draw(path(inner, {"key", "int", "text"}, many=False))
    ours, _ = draw(path(model, {kind}, many=False))
    rows = f"{inner}.objects.filter({theirs}=OuterRef({ours!r}))"
    if draw(st.booleans()):
        rows += f".filter({draw(condition(inner, 1, 0))})"
    return draw(one_of(["", "", "~"])) + f"Exists({rows})"


@st.composite
def condition(draw, model: str, depth: int = 2, nested: int = 1) -> str:
    """A tree of Qs, at most `depth` connectors high."""
    if not depth or draw(st.integers(0, 2)) < 2:
        return draw(leaf(model, nested))
    left = draw(condition(model, depth - 1, nested))
    if draw(st.integers(0, 4)) == 4:
        return f"~({left})"
    connector = draw(one_of(["&", "|", "^"]))
    return f"({left} {connector} {draw(condition(model, depth - 1, nested))})"


# --- expressions ---


@st.composite
def number(draw, model: str, depth: int = 2, many: bool = False) -> str:
    """An expression whose value is an integer."""
    choices = ["column", "constant"]
    if depth:
        choices += ["sum", "length", "case", "coalesce", "function", "extract"]
        choices += ["subquery", "greatest", "cast"]
    choice = draw(one_of(choices))
    if choice == "column":
        name, kind = draw(path(model, {"int"}, many))
        return f"F({name!r})" if kind == "int" else "Value(5)"
    if choice == "constant":
        return f"Value({draw(one_of([0, 1, -3, 100]))})"
    if choice == "length":
        return f"Length({draw(text(model, depth - 1, many))})"
    if choice == "extract":
        name, kind = draw(path(model, {"date", "datetime"}, many))
        if kind in ("date", "datetime"):
            part = draw(one_of(["Year", "Month", "Day", "Quarter", "WeekDay"]))
            return f"Extract{part}({name!r})"
        return "Value(6)"
    if choice == "cast":
        kind = draw(one_of(["bool", "float"]))
        name, found = draw(path(model, {kind}, many))
        return f"Cast({name!r}, IntegerField())" if found == kind else "Value(7)"
    first = draw(number(model, depth - 1, many))
    if choice == "function":
        return f"{draw(one_of(['Abs', 'Sign']))}({first})"
    if choice == "case":
        when = draw(condition(model, 1, 0)) if many else draw(own_condition(model))
        default = draw(number(model, depth - 1, many))
        return (
            f"Case(When({when}, then={first}), default={default}, "
            "output_field=IntegerField())"
        )
    if choice == "subquery":
        inner = draw(one_of(["Book", "Author", "Novel"]))
        theirs, _ = draw(path(inner, {"key"}, many=False, depth=0))
        column = "pk" if inner == "Author" else draw(one_of(["pages", "pk"]))
        ours = "pk" if model != "Copy" else "book"
        rows = f"{inner}.objects.filter({theirs}=OuterRef({ours!r})).order_by('pk')"
        return f"Subquery({rows}.values({column!r})[:1])"
    second = draw(number(model, depth - 1, many))
    if choice == "coalesce":
        return f"Coalesce({first}, {second})"
    if choice == "greatest":
        return f"{draw(one_of(['Greatest', 'Least']))}({first}, {second})"
    return f"({first} {draw(one_of(['+', '-', '*', '%', '/']))} {second})"


@st.composite
def text(draw, model: str, depth: int = 2, many: bool = False) -> str:
    """An expression whose value is text."""
    choices = ["column", "constant"]
    if depth:
        choices += ["concat", "substr", "lower", "case", "coalesce", "replace"]
    choice = draw(one_of(choices))
    if choice == "column":
        name, kind = draw(path(model, {"text"}, many))
        return f"F({name!r})" if kind == "text" else "Value('t')"
    if choice == "constant":
        return f"Value({draw(one_of(VALUES['text']))!r})"
    first = draw(text(model, depth - 1, many))
    if choice == "lower":
        return (
            f"{draw(one_of(['Lower', 'Trim', 'LTrim', 'RTrim', 'Reverse']))}({first})"
        )
    if choice == "substr":
        start, length = draw(st.integers(1, 3)), draw(st.integers(0, 3))
        return draw(
            one_of(
                [f"Substr({first}, {start}, {length})", f"Left({first}, {start})"]
                + [f"Right({first}, {start})", f"StrIndex({first}, Value('b'))"][:1]
            )
        )
    if choice == "replace":
        return f"Replace({first}, Value('a'), Value('日'))"
    second = draw(text(model, depth - 1, many))
    if choice == "coalesce":
        return f"Coalesce({first}, {second})"
    if choice == "concat":
        return f"Concat({first}, {second}, output_field=TextField())"
    when = draw(own_condition(model))
    return (
        f"Case(When({when}, then={first}), default={second}, output_field=TextField())"
    )


@st.composite
def own_condition(draw, model: str) -> str:
    """A condition that is on the model's own columns."""
    columns = {
        name: kind for name, kind in COLUMNS[model].items() if kind not in ("json",)
    }
    name, kind = draw(one_of(sorted(columns.items())))
    choice = draw(one_of(["exact", "compare", "isnull", "in"]))
    if choice == "compare" and kind in ("bool", "binary"):
        choice = "exact"
    found = f"Q({name}{draw(LOOKUPS[choice](model, name, kind))})"
    return draw(one_of(["", "", "~"])) + found


@st.composite
def expression(draw, model: str, many: bool = False) -> str:
    choice = draw(one_of(["number", "number", "text", "exists", "condition", "moment"]))
    if choice == "number":
        return draw(number(model, 2, many))
    if choice == "text":
        return draw(text(model, 2, many))
    if choice == "exists":
        return draw(exists(model))
    if choice == "condition":
        found = draw(own_condition(model))
        return f"ExpressionWrapper({found}, output_field=BooleanField())"
    name, kind = draw(path(model, {"datetime", "date"}, many))
    if kind == "datetime":
        part = draw(one_of(["year", "month", "day", "hour", "week", "quarter"]))
        return draw(
            one_of(
                [f"Trunc({name!r}, {part!r})", f"TruncDate({name!r})"]
                + [f"Extract({name!r}, {part!r})"]
                + [
                    f"ExpressionWrapper(F({name!r}) + datetime.timedelta(days=31), "
                    "output_field=DateTimeField())"
                ]
            )
        )
    if kind == "date":
        part = draw(one_of(["year", "month", "week", "quarter"]))
        return draw(one_of([f"Trunc({name!r}, {part!r})", f"Extract({name!r}, 'day')"]))
    return draw(number(model, 1, many))


@st.composite
def aggregate(draw, model: str, many: bool = True) -> str:
    """An aggregate, possibly filtered, over a column or an expression."""
    choice = draw(one_of(["Count", "Count", "Sum", "Min", "Max", "Avg", "Spread"]))
    options = ""
    if choice == "Count":
        name, _ = draw(path(model, set(VALUES) - {"json"}, many))
        found = repr(name)
        if draw(st.booleans()):
            options += ", distinct=True"
        elif draw(st.integers(0, 3)) == 3:
            return "Count('*')"
    elif choice in ("Min", "Max"):
        name, _ = draw(path(model, SORTED - {"long"}, many))
        found = repr(name)
    elif choice == "Spread":
        # SQLite fails at NULLs, and at samples of one row.
        choice = draw(one_of(["StdDev", "Variance"]))
        found = "'pages'" if "pages" in COLUMNS[model] else "'pk'"
        if model == "Copy":
            choice = "Count"
    else:
        name, kind = draw(path(model, NUMBERS, many))
        found = repr(name)
        if kind == "key":
            choice = "Count"
        elif draw(st.integers(0, 2)) == 2:
            found = draw(number(model, 1))
    if draw(st.integers(0, 2)) == 2:
        when = draw(own_condition(model)) if not many else draw(condition(model, 1, 0))
        options += f", filter={when}"
    if choice in ("Sum", "Avg") and draw(st.integers(0, 4)) == 4:
        options += ", distinct=True"
    return f"{choice}({found}{options})"


# --- querysets ---


@st.composite
def rows(draw, model: str, many: bool = True, steps: int = 3) -> str:
    """A queryset of the model, filtered and annotated; `many` if a row may come with
    different annotations, so that no ordering by columns says which is first.
    """
    found = f"{model}.objects.using(db)"
    for number_of_step in range(draw(st.integers(0, steps))):
        step = draw(one_of(["filter", "filter", "exclude", "annotate", "alias"]))
        name = f"x{number_of_step}"
        if step in ("filter", "exclude"):
            found += f".{step}({draw(condition(model))})"
            continue
        if step == "annotate" and draw(st.integers(0, 3)) == 3:
            found += draw(filtered_relation(model, name, many))
            continue
        if draw(st.booleans()):
            found += f".{step}({name}={draw(number(model))})"
            ask = draw(LOOKUPS["compare"](model, name, "int"))
            if draw(st.booleans()):
                found += f".filter({name}{ask})"
        else:
            found += f".{step}({name}={draw(expression(model))})"
    return found


@st.composite
def filtered_relation(draw, model: str, name: str, many: bool) -> str:
    related = {**FORWARD[model], **(REVERSE[model] if many else {})}
    if not related:
        return ""
    relation = draw(one_of(sorted(related)))
    column, kind = draw(one_of(sorted(COLUMNS[related[relation]].items())))
    if kind == "json":
        ask = f"__isnull={draw(st.booleans())}"
    else:
        ask = f"={draw(value(kind))}"
    maybe = draw(one_of(["", "~"]))
    found = (
        f".annotate({name}=FilteredRelation({relation!r}, "
        f"condition={maybe}Q({relation}__{column}{ask})))"
    )
    inner, inner_kind = draw(one_of(sorted(COLUMNS[related[relation]].items())))
    use = draw(one_of(["isnull", "filter", "annotate"]))
    if use == "annotate":
        return found + f".annotate({name}_v=F('{name}__{inner}'))"
    if use == "isnull" or inner_kind == "json":
        return found + f".filter({name}__isnull={draw(st.booleans())})"
    return found + f".filter({name}__{inner}={draw(value(inner_kind))})"


@st.composite
def ordering(draw, model: str) -> str:
    """The arguments of order_by(), the key last, so that the order is one."""
    name, _ = draw(path(model, SORTED | {"bool", "key"}, many=False))
    choice = draw(one_of(["", "-", "nulls_first", "nulls_last", "expression"]))
    if choice in ("", "-"):
        first = repr(choice + name)
    elif choice == "expression":
        first = f"{draw(number(model, 1))}.{draw(one_of(['asc', 'desc']))}()"
    else:
        direction = draw(one_of(["asc", "desc"]))
        first = f"F({name!r}).{direction}({choice}=True)"
    return f"{first}, {draw(one_of(['', '-']))!r} 'pk'".replace("'' ", "").replace(
        "'-' '", "'-"
    )


@st.composite
def ordered(draw, model: str, steps: int = 3) -> str:
    found = draw(rows(model, many=False, steps=steps))
    return f"{found}.order_by({draw(ordering(model))})"


@st.composite
def bounds(draw) -> str:
    low, size = draw(st.integers(0, 6)), draw(st.integers(1, 8))
    return draw(one_of([f"[:{size}]", f"[{low}:{low + size}]", f"[{low}:]"]))


@st.composite
def columns_of(draw, model: str, kinds=None, many: bool = False) -> list[str]:
    found = draw(st.lists(path(model, kinds, many), min_size=1, max_size=3))
    return list(dict.fromkeys(name for name, _ in found))


def quoted(names) -> str:
    return ", ".join(map(repr, names))


@st.composite
def query(draw) -> str:
    """A query and what to compare of its answer."""
    model = draw(one_of(MODELS))
    return draw(draw(one_of(ENDINGS))(model))


@st.composite
def all_rows(draw, model: str) -> str:
    return f"unordered({draw(rows(model))})"


@st.composite
def sliced(draw, model: str) -> str:
    return f"listed({draw(ordered(model))}{draw(bounds())})"


@st.composite
def values(draw, model: str) -> str:
    names = quoted(draw(columns_of(model, many=True)))
    method = draw(one_of(["values_list", "values"]))
    return f"unordered({draw(rows(model))}.{method}({names}))"


@st.composite
def distinct(draw, model: str) -> str:
    names = draw(columns_of(model, set(VALUES) - {"json"}))
    found = f"{draw(rows(model))}.order_by().values_list({quoted(names)}).distinct()"
    if draw(st.booleans()):
        return f"{found}.count()"
    if draw(st.booleans()):
        return f"listed({found}.order_by({quoted(names)}){draw(bounds())})"
    return f"unordered({found})"


@st.composite
def scalar(draw, model: str) -> str:
    found, first = draw(rows(model)), draw(ordered(model))
    return draw(
        one_of(
            [f"{found}.count()", f"{found}.exists()", f"{first}.first()"]
            + [f"{first}.last()", f"{found}.get()", f"{found}.distinct().count()"]
            + [f"{first}{draw(bounds())}.{draw(one_of(['count()', 'exists()']))}"]
            + [f"unordered({found}.in_bulk([{draw(value(COLUMNS[model]['pk']))}]))"]
        )
    )


@st.composite
def aggregated(draw, model: str) -> str:
    few = draw(st.integers(0, 4)) == 4
    found = f"{draw(ordered(model))}{draw(bounds())}" if few else draw(rows(model))
    parts = draw(st.lists(aggregate(model, many=not few), min_size=1, max_size=3))
    arguments = ", ".join(f"a{index}={part}" for index, part in enumerate(parts))
    return f"{found}.aggregate({arguments})"


@st.composite
def grouped(draw, model: str) -> str:
    names = draw(columns_of(model, set(VALUES) - {"json"}))
    found = f"{draw(rows(model, steps=2))}.order_by().values({quoted(names)})"
    for index, part in enumerate(
        draw(st.lists(aggregate(model), min_size=1, max_size=2))
    ):
        found += f".annotate(a{index}={part})"
    if draw(st.booleans()):
        ask = draw(LOOKUPS["compare"](model, "n", "int"))
        found += f".annotate(n=Count('pk')).filter(n{ask})"
    if draw(st.integers(0, 3)) == 3:
        return f"listed({found}.order_by({quoted(names)}){draw(bounds())})"
    return f"unordered({found})"


@st.composite
def counted(draw, model: str) -> str:
    """Rows with aggregates of what is related to them."""
    found = f"{draw(rows(model, steps=2))}.annotate(n={draw(aggregate(model))})"
    if draw(st.booleans()):
        found += f".filter({draw(condition(model, 1, 0))})"
    if draw(st.booleans()):
        found += draw(one_of([".filter(n__gt=0)", ".exclude(n=1)", ".order_by('n')"]))
    return f"unordered({found})"


@st.composite
def combined(draw, model: str) -> str:
    names = quoted(draw(columns_of(model, set(VALUES) - {"json"})))
    other = model if draw(st.booleans()) else "Book"
    parts = [
        f"{draw(rows(each, steps=1))}.values_list({names})" for each in (model, model)
    ]
    if other != model and draw(st.booleans()):
        parts = [
            f"{draw(rows(each, steps=1))}.values_list('pk')" for each in (model, other)
        ]
    method = draw(one_of(["union", "intersection", "difference", "all"]))
    if method == "all":
        found = f"{parts[0]}.union({parts[1]}, all=True)"
    else:
        found = f"{parts[0]}.{method}({parts[1]})"
    return draw(one_of([f"unordered({found})", f"{found}.count()"]))


@st.composite
def related(draw, model: str) -> str:
    """Rows with the rows that they refer to."""
    choices = sorted(FORWARD[model])
    if not choices:
        return draw(all_rows(model))
    name = draw(one_of(choices))
    found = draw(ordered(model, steps=2))
    how = draw(one_of(["select_related", "prefetch_related"]))
    return f"with_related({found}.{how}({name!r}){draw(bounds())}, {name!r})"


@st.composite
def prefetched(draw, model: str) -> str:
    choices = {"Book": ["genres", "copies"], "Author": ["books", "edited"]}.get(model)
    if choices is None:
        return draw(all_rows(model))
    name = draw(one_of(choices))
    found = draw(ordered(model, steps=1))
    return f"with_many({found}.prefetch_related({name!r}){draw(bounds())}, {name!r})"


@st.composite
def windowed(draw, model: str) -> str:
    partition = draw(one_of([""] + [f", partition_by={draw(path(model))[0]!r}"]))
    function = draw(
        one_of(
            ["RowNumber()", "Count('*')", "Lag('pk')", f"Max({draw(number(model))})"]
        )
    )
    return (
        f"unordered({draw(rows(model, many=False, steps=1))}.annotate("
        f"w=Window({function}{partition}, order_by='pk')))"
    )


@st.composite
def partial(draw, model: str) -> str:
    names = quoted(name for name in writable(model) if draw(st.booleans()))
    method = draw(one_of(["only", "defer"]))
    found = draw(ordered(model, steps=1))
    end = draw(one_of([f"{method}({names})", "iterator(chunk_size=3)", "reverse()"]))
    return f"listed({found}.{end})"


@st.composite
def moments(draw, model: str) -> str:
    name, kind = draw(path(model, {"date", "datetime"}, many=False))
    part = draw(one_of(["year", "month", "day", "week"]))
    method = {"date": "dates", "datetime": "datetimes"}.get(kind)
    if method is None:
        return draw(scalar(model))
    return f"listed({draw(rows(model, steps=1))}.{method}({name!r}, {part!r}))"


ENDINGS = [all_rows, all_rows, sliced, sliced, values, distinct, scalar, scalar]
ENDINGS += [aggregated, aggregated, grouped, grouped, counted, combined, related]
ENDINGS += [prefetched, windowed, partial, moments]


# --- writes ---


@st.composite
def written_value(draw, model: str, name: str, kind: str) -> str:
    """A value or an expression for a column."""
    if draw(st.integers(0, 11)) == 11:
        return "None"
    if kind == "key":
        return repr(draw(st.integers(1, 8)))
    choice = draw(one_of(["value", "value", "expression", "column"]))
    if choice == "column" and kind not in ("key",):
        return f"F({name!r})"
    if choice == "expression" and kind == "int":
        return draw(number(model, 1))
    if choice == "expression" and kind == "text":
        return draw(text(model, 1))
    if choice == "expression" and kind in NUMBERS:
        return f"F({name!r}) + 1"
    if choice == "expression" and kind in OUTPUT:
        when = draw(own_condition(model))
        return (
            f"Case(When({when}, then=Value({draw(value(kind))})), default=F({name!r}), "
            f"output_field={OUTPUT[kind]})"
        )
    return draw(value(kind))


def writable(model: str) -> dict[str, str]:
    names = {name: kind for name, kind in COLUMNS[model].items() if name != "pk"}
    names.pop("author_id", None)
    return names


@st.composite
def update(draw, model: str) -> str:
    columns = writable(model)
    names = draw(st.lists(one_of(sorted(columns)), min_size=1, max_size=3, unique=True))
    changes = [
        f"{name}={draw(written_value(model, name, columns[name]))}" for name in names
    ]
    end = draw(one_of([""] * 9 + ["[:2]", ".distinct()", ".order_by('pk')"]))
    found = f"{draw(rows(model, steps=2))}{end}.update({', '.join(changes)})"
    # SQLite's subqueries on a table being updated see some rows updated already.
    assume(f"({model}.objects" not in found)
    return found


@st.composite
def delete(draw, model: str) -> str:
    found = draw(rows(model, steps=3))
    if draw(st.booleans()):
        found += f".filter({draw(condition(model))})"
    end = draw(one_of([""] * 9 + ["[:2]", ".distinct()", ".values('pk')"]))
    return f"{found}{end}.delete()"


@st.composite
def instance(draw, model: str, key: str) -> str:
    """A new or existing row, all its columns."""
    parts = [f"pk={key}"]
    for name, kind in writable(model).items():
        if kind == "key":
            parts.append(f"{name}_id={draw(st.integers(1, 6))}")
        elif name == "email":
            parts.append(f"email={draw(one_of(['None', *EMAILS]))}")
        elif model == "Genre":
            parts.append(f"name={draw(one_of(GENRE_NAMES))}")
        else:
            parts.append(f"{name}={draw(value(kind))}")
    return f"{model}({', '.join(parts)})"


EMAILS = [repr(f"{key}@x") for key in (1, 2, 3, 50)]
GENRE_NAMES = [repr(f"g{key}") for key in (1, 2, 3, 50)]
KEYS = {
    "Copy": [repr(each) for each in VALUES["uuid"]],
    "Author": ["1", "2", "50", "51"],
    "Book": ["1", "2", "24", "50", "51"],
    "Genre": ["1", "50", "51"],
}
WRITTEN = ["Book", "Author", "Copy", "Genre"]


@st.composite
def instances(draw, model: str) -> str:
    keys = draw(st.lists(one_of(KEYS[model]), min_size=1, max_size=4))
    return "[" + ", ".join([draw(instance(model, key)) for key in keys]) + "]"


@st.composite
def bulk_create(draw) -> str:
    model = draw(one_of(WRITTEN))
    options = ""
    choice = draw(one_of(["", "ignore", "update"]))
    if choice == "ignore":
        options = ", ignore_conflicts=True"
    elif choice == "update":
        names = sorted(writable(model))
        chosen = draw(st.lists(one_of(names), min_size=1, max_size=3, unique=True))
        unique = {"Author": ["pk", "email"], "Genre": ["pk", "name"]}.get(model, ["pk"])
        options = (
            f", update_conflicts=True, update_fields={chosen}, "
            f"unique_fields=[{draw(one_of(unique))!r}]"
        )
    if draw(st.integers(0, 3)) == 3:
        options += ", batch_size=2"
    return f"{model}.objects.using(db).bulk_create({draw(instances(model))}{options})"


@st.composite
def bulk_update(draw) -> str:
    model = draw(one_of(WRITTEN))
    names = sorted(writable(model))
    chosen = draw(st.lists(one_of(names), min_size=1, max_size=3, unique=True))
    rows_of = draw(instances(model))
    return f"{model}.objects.using(db).bulk_update({rows_of}, {chosen})"


@st.composite
def get_or_create(draw) -> str:
    method = draw(one_of(["get_or_create", "update_or_create"]))
    kind = draw(one_of(["email", "pk", "title", "genre"]))
    if kind == "email":
        email = draw(one_of([*EMAILS, "None"]))
        defaults = (
            f"dict(pk=60, name={draw(value('text'))}, born={draw(value('date'))})"
        )
        if method == "update_or_create":
            defaults = defaults.replace("pk=60, ", "") + ", create_defaults=" + defaults
        return f"Author.objects.using(db).{method}(email={email}, defaults={defaults})"
    if kind == "genre":
        name = draw(one_of(GENRE_NAMES))
        return (
            f"Genre.objects.using(db).get_or_create(name={name}, defaults=dict(pk=9))"
        )
    if kind == "pk":
        pages = draw(written_value("Book", "pages", "int"))
        if method == "get_or_create":
            pages = draw(value("int"))
        return (
            f"Book.objects.using(db).{method}(pk={draw(one_of(KEYS['Book']))}, "
            f"defaults=dict(title={draw(value('text'))}, author_id=1, pages={pages}))"
        )
    return (
        f"Book.objects.using(db).get_or_create(title={draw(value('text'))}, "
        f"pages={draw(value('int'))}, defaults=dict(pk=70, author_id=2))"
    )


@st.composite
def one_row(draw) -> str:
    """One row, saved, deleted, or its many-to-many set."""
    choice = draw(one_of(["save", "update", "delete", "genres", "create", "novel"]))
    model = draw(one_of(WRITTEN))
    made = draw(instance(model, draw(one_of(KEYS[model]))))
    if choice == "save":
        return f"{made}.save(using=db)"
    if choice == "create":
        return f"{made}.save(using=db, force_insert=True)"
    if choice == "update":
        names = sorted(writable(model))
        chosen = draw(st.lists(one_of(names), min_size=1, max_size=2, unique=True))
        return f"{made}.save(using=db, update_fields={chosen})"
    if choice == "delete":
        key = draw(one_of(KEYS[model]))
        return f"{model}.objects.using(db).get(pk={key}).delete()"
    if choice == "novel":
        column = draw(one_of(["series", "title"]))
        change = f"{column}={draw(value('text'))}, pages={draw(value('int'))}"
        found = draw(rows("Novel", steps=1))
        return draw(
            one_of(
                [f"{found}.update({change})", f"{found}.delete()"]
                + [f"Novel(pk=80, author_id=1, {change}).save(using=db)"]
            )
        )
    keys = draw(st.lists(st.integers(1, 4), max_size=3, unique=True))
    book = draw(st.integers(1, 24))
    method = draw(one_of(["set", "add", "remove", "clear"]))
    arguments = {"set": repr(keys), "clear": ""}.get(method, ", ".join(map(str, keys)))
    return f"Book.objects.using(db).get(pk={book}).genres.{method}({arguments})"


@st.composite
def write(draw) -> tuple[str, str]:
    """(how it is brought to an end, the write)."""
    model = draw(one_of(["Book", "Book", "Author", "Copy", "Genre"]))
    strategies = [update(model), update(model), delete(model), bulk_create()]
    strategies += [bulk_update(), get_or_create(), one_row()]
    ending = draw(one_of(["rolled back", "savepoint", "committed"]))
    return ending, draw(draw(one_of(strategies)))
