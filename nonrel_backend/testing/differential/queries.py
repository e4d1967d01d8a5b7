"""Random queries, as texts of Python expressions.

A text is evaluated with `db` as each database's alias. The report of a failure shows
it, to be pasted. The first of several alternatives is the simplest: Hypothesis shrinks
to it.
"""

from collections.abc import Callable, Iterable

from hypothesis import strategies as st

from .columns import (
    COLUMNS,
    FORWARD,
    GROUPED,
    MODELS,
    NUMBERS,
    REVERSE,
    SORTED,
    columns_of,
    one_of,
    path,
    value,
    writable,
)
from .conditions import LOOKUPS, condition, own_condition
from .expressions import aggregate, expression, moment, number
from .relations import RELATIONS


@st.composite
def rows(draw: st.DrawFn, model: str, many: bool = True, steps: int = 3) -> str:
    """Draw a queryset of the model with at most `steps` filters and annotations.

    With `many` an object may be returned several times with different annotations. Do
    not slice such rows: no ordering by columns says which of them is first.
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
            found += f".{step}({name}={draw(number(model, many=many))})"
            ask = draw(LOOKUPS["compare"](model, name, "int"))
            if draw(st.booleans()):
                found += f".filter({name}{ask})"
        else:
            found += f".{step}({name}={draw(expression(model, many))})"
    return found


@st.composite
def filtered_relation(draw: st.DrawFn, model: str, name: str, many: bool) -> str:
    """Draw an annotate() with a FilteredRelation, and what is done with it."""
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
def ordering(draw: st.DrawFn, model: str) -> str:
    """Draw the arguments of order_by(). The key is the last, so that no two rows are
    equal.
    """
    name, kind = draw(path(model, SORTED | {"bool", "key"}, many=False))
    choice = draw(one_of(["", "-", "nulls_first", "nulls_last", "expression"]))
    if choice in ("", "-"):
        first = repr(choice + name)
    elif choice == "expression":
        found = draw(moment(name) if kind == "datetime" else number(model, 1))
        first = f"{found}.{draw(one_of(['asc', 'desc']))}()"
    else:
        direction = draw(one_of(["asc", "desc"]))
        first = f"F({name!r}).{direction}({choice}=True)"
    return f"{first}, '{draw(one_of(['', '-']))}pk'"


@st.composite
def ordered(draw: st.DrawFn, model: str, steps: int = 3) -> str:
    """Draw a queryset of which every row has its place."""
    found = draw(rows(model, many=False, steps=steps))
    return f"{found}.order_by({draw(ordering(model))})"


@st.composite
def bounds(draw: st.DrawFn) -> str:
    """Draw a slice."""
    low, size = draw(st.integers(0, 6)), draw(st.integers(1, 8))
    return draw(one_of([f"[:{size}]", f"[{low}:{low + size}]", f"[{low}:]"]))


def quoted(names: Iterable[str]) -> str:
    """Return the names as arguments of a call."""
    return ", ".join(map(repr, names))


@st.composite
def query(draw: st.DrawFn) -> str:
    """Draw a query, and a call for what to compare of its answer."""
    model = draw(one_of(MODELS))
    return draw(draw(one_of(ENDINGS))(model))


@st.composite
def all_rows(draw: st.DrawFn, model: str) -> str:
    """Draw a query for whole rows in any order."""
    return f"unordered({draw(rows(model))})"


@st.composite
def sliced(draw: st.DrawFn, model: str) -> str:
    """Draw a query for some rows of an ordered queryset."""
    return f"listed({draw(ordered(model))}{draw(bounds())})"


@st.composite
def values(draw: st.DrawFn, model: str) -> str:
    """Draw a values() or values_list()."""
    names = quoted(draw(columns_of(model, many=True)))
    method = draw(one_of(["values_list", "values"]))
    return f"unordered({draw(rows(model))}.{method}({names}))"


@st.composite
def distinct(draw: st.DrawFn, model: str) -> str:
    """Draw a distinct() of some columns: its rows, some of them, or their count."""
    names = draw(columns_of(model, GROUPED))
    found = f"{draw(rows(model))}.order_by().values_list({quoted(names)}).distinct()"
    if draw(st.booleans()):
        return f"{found}.count()"
    if draw(st.booleans()):
        return f"listed({found}.order_by({quoted(names)}){draw(bounds())})"
    return f"unordered({found})"


@st.composite
def scalar(draw: st.DrawFn, model: str) -> str:
    """Draw a call for one object or one value."""
    found, first = draw(rows(model)), draw(ordered(model))
    some = draw(rows(model, many=False))
    return draw(
        one_of(
            [f"{found}.count()", f"{found}.exists()", f"{first}.first()"]
            + [f"{first}.last()", f"{found}.get()", f"{found}.distinct().count()"]
            + [f"{first}{draw(bounds())}.{draw(one_of(['count()', 'exists()']))}"]
            + [f"unordered({some}.in_bulk([{draw(value(COLUMNS[model]['pk']))}]))"]
        )
    )


@st.composite
def aggregated(draw: st.DrawFn, model: str) -> str:
    """Draw an aggregate() of all rows or of a slice."""
    few = draw(st.integers(0, 4)) == 4
    found = f"{draw(ordered(model))}{draw(bounds())}" if few else draw(rows(model))
    parts = draw(st.lists(aggregate(model, many=not few), min_size=1, max_size=3))
    arguments = ", ".join(f"a{index}={part}" for index, part in enumerate(parts))
    return f"{found}.aggregate({arguments})"


@st.composite
def grouped(draw: st.DrawFn, model: str) -> str:
    """Draw aggregates of the groups of values() of columns."""
    names = draw(columns_of(model, GROUPED))
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
def counted(draw: st.DrawFn, model: str) -> str:
    """Draw a query for rows with aggregates of related rows."""
    found = f"{draw(rows(model, steps=2))}.annotate(n={draw(aggregate(model))})"
    if draw(st.booleans()):
        found += f".filter({draw(condition(model, 1, 0))})"
    if draw(st.booleans()):
        found += draw(one_of([".filter(n__gt=0)", ".exclude(n=1)", ".order_by('n')"]))
    return f"unordered({found})"


@st.composite
def combined(draw: st.DrawFn, model: str) -> str:
    """Draw a union, intersection or difference of two queries."""
    names = quoted(draw(columns_of(model, GROUPED)))
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
def related(draw: st.DrawFn, model: str) -> str:
    """Draw a query for rows with the rows that they refer to."""
    choices = sorted(FORWARD[model])
    if not choices:
        return draw(all_rows(model))
    name = draw(one_of(choices))
    found = draw(ordered(model, steps=2))
    how = draw(one_of(["select_related", "prefetch_related"]))
    return f"with_related({found}.{how}({name!r}){draw(bounds())}, {name!r})"


@st.composite
def prefetched(draw: st.DrawFn, model: str) -> str:
    """Draw a query for rows with the rows of a many-valued relation."""
    choices = {"Book": ["genres", "copies"], "Author": ["books", "edited"]}.get(model)
    if choices is None:
        return draw(all_rows(model))
    name = draw(one_of(choices))
    found = draw(ordered(model, steps=1))
    return f"with_many({found}.prefetch_related({name!r}){draw(bounds())}, {name!r})"


@st.composite
def windowed(draw: st.DrawFn, model: str) -> str:
    """Draw a query with a window function."""
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
def by_expression(draw: st.DrawFn, model: str) -> str:
    """Draw the first rows in the order of a product or quotient, or of a number."""
    columns = [
        each for each, kind in COLUMNS[model].items() if kind in {*NUMBERS, "long"}
    ]
    names = [
        *(f"F({each!r})" for each in columns),
        "Value(2)",
        "Value(Decimal('2.50'))",
    ]
    left, right = draw(one_of(names)), draw(one_of(names))
    found = f"{left} {draw(one_of(['/', '/', '*']))} {right}"
    if "price" in found and "rating" in found or draw(st.integers(0, 3)) == 3:
        found = draw(number(model, 1))
    start = f"{model}.objects.using(db)"
    if draw(st.booleans()):
        start += f".filter({draw(own_condition(model))})"
    way, last = draw(one_of(["asc", "desc"])), draw(one_of(["", "-"]))
    found = f"ExpressionWrapper({found}, FloatField())"
    return f"listed({start}.order_by({found}.{way}(), '{last}pk'){draw(bounds())})"


@st.composite
def first_of_each(draw: st.DrawFn, model: str) -> str:
    """Draw a query for the first rows of partitions, or for some of them."""
    partition = draw(one_of(["", f", partition_by={draw(path(model))[0]!r}"]))
    ways = draw(one_of([["", ""], ["-", "-"], ["", "-"]]))
    name, _ = draw(path(model, SORTED, many=False, depth=0))
    order = quoted(f"{way}{each}" for way, each in zip(ways, [name, "pk"], strict=True))
    function = draw(one_of(["RowNumber()", "RowNumber()", "Rank()", "DenseRank()"]))
    found = draw(rows(model, many=False, steps=draw(st.integers(0, 1))))
    found += f".annotate(w=Window({function}{partition}, order_by=[{order}]))"
    found += f".filter({draw(one_of(['w=1', 'w=1', 'w__lte=1', 'w__lt=2', 'w=2']))})"
    if draw(st.booleans()):
        return f"unordered({found})"
    return f"listed({found}.order_by({draw(ordering(model))}){draw(bounds())})"


@st.composite
def partial(draw: st.DrawFn, model: str) -> str:
    """Draw an only(), defer(), iterator() or reverse()."""
    names = quoted(name for name in writable(model) if draw(st.booleans()))
    method = draw(one_of(["only", "defer"]))
    found = draw(ordered(model, steps=1))
    end = draw(one_of([f"{method}({names})", "iterator(chunk_size=3)", "reverse()"]))
    return f"listed({found}.{end})"


@st.composite
def moments(draw: st.DrawFn, model: str) -> str:
    """Draw a dates() or datetimes()."""
    name, kind = draw(path(model, {"date", "datetime"}, many=False))
    parts = ["year", "month", "day", "week"]
    part = draw(one_of(parts + ["second"] * (kind == "datetime")))
    method = {"date": "dates", "datetime": "datetimes"}.get(kind)
    if method is None:
        return draw(scalar(model))
    return f"listed({draw(rows(model, steps=1))}.{method}({name!r}, {part!r}))"


ENDINGS: list[Callable[[str], st.SearchStrategy[str]]]
ENDINGS = [all_rows, all_rows, sliced, sliced, values, distinct, scalar, scalar]
ENDINGS += [aggregated, aggregated, grouped, grouped, counted, combined, related]
ENDINGS += [prefetched, windowed, partial, moments, first_of_each]
ENDINGS += [by_expression, *RELATIONS]
