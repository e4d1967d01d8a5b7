"""Random queries for the plans of joins: few filters, which relations decide."""

from hypothesis import strategies as st

from .columns import COLUMNS, FORWARD, GROUPED, NUMBERS, REVERSE, SORTED, one_of, path
from .conditions import COMPARISONS, LOOKUPS, exists
from .expressions import aggregate

SINGLE = GROUPED - {"binary", "bool"}


@st.composite
def lookup(
    draw: st.DrawFn, model: str, related: dict[str, str], prefix: str = ""
) -> str:
    """Draw a Q with a lookup on a column of one of the related tables.

    `prefix` leads to the model.
    """
    name = model
    if related:
        relation = draw(one_of(sorted(related)))
        name, prefix = related[relation], f"{prefix}{relation}__"
    columns = {each: kind for each, kind in COLUMNS[name].items() if kind in SINGLE}
    column, kind = draw(one_of(sorted(columns.items())))
    choices = ["exact", "in", "isnull", "compare"] + ["range"] * (kind in SORTED)
    asked = draw(LOOKUPS[draw(one_of(choices))](name, column, kind))
    return f"{draw(one_of(['', '', '~']))}Q({prefix}{column}{asked})"


@st.composite
def restricted(draw: st.DrawFn, model: str) -> str:
    """Draw a queryset that relations filter: by lookups, ORs of them, EXISTS."""
    related = {**FORWARD[model], **REVERSE[model]}
    found = f"{model}.objects.using(db)"
    for _ in range(draw(st.integers(1, 2))):
        how = draw(one_of(["filter", "exclude", "or", "exists", "own"]))
        if how == "or":
            left = draw(lookup(model, FORWARD[model]))
            right = draw(lookup(model, draw(one_of([{}, FORWARD[model]]))))
            connector = draw(one_of(["|", "|", "&"]))
            found += f".filter({left} {connector} {right})"
        elif how == "exists":
            found += f".filter({draw(exists(model))})"
        elif how == "own":
            found += f".filter({draw(lookup(model, {}))})"
        else:
            found += f".{how}({draw(lookup(model, related))})"
    return found


@st.composite
def joined(draw: st.DrawFn, model: str) -> str:
    """Draw the number of such rows, the rows, or some of them in order."""
    found = draw(restricted(model))
    distinct = draw(one_of(["", ".distinct()"]))
    end = draw(one_of(["count", "count", "rows", "page"]))
    if end == "count":
        return f"{found}{distinct}.count()"
    if end == "rows":
        return f"unordered({found}{distinct})"
    name, _ = draw(path(model, SORTED | {"key"}, many=False, depth=0))
    sign = draw(one_of(["", "-"]))
    return f"listed({found}{distinct}.order_by('{sign}{name}', 'pk')[:{draw(size())}])"


@st.composite
def joined_count(draw: st.DrawFn, model: str) -> str:
    """Draw the number of the joins of rows with those of a to-many relation."""
    name = draw(one_of(["Book", "Author", "Genre"]))
    relation = draw(one_of(sorted(REVERSE[name])))
    asked = draw(lookup(name, {relation: REVERSE[name][relation]}))
    found = f"{name}.objects.using(db).filter({asked})"
    if draw(st.booleans()):
        found += f".filter({draw(lookup(name, draw(one_of([{}, FORWARD[name]]))))})"
    return f"{found}.count()"


@st.composite
def related_aggregate(
    draw: st.DrawFn, model: str, relation: str, exact: bool = False
) -> str:
    """Draw an aggregate of a relation: with `exact`, no sum of fractions.

    These are sums of floats in SQLite, a little different in each order of the rows.
    """
    related = {relation: REVERSE[model][relation]}
    options = ""
    if draw(st.integers(0, 4)) == 4:
        options = f", filter={draw(lookup(model, related))}"
    part = draw(one_of(["Keys", "Max", "Min", "Count", "Sum", "Avg"]))
    summed = {"int"} if exact else NUMBERS
    kinds = {"Count": SINGLE, "Sum": summed, "Avg": summed}.get(part, SORTED)
    columns = COLUMNS[related[relation]].items()
    names = [name for name, kind in columns if kind in kinds]
    if part == "Keys" or not names:
        return f"Count({relation!r}, distinct=True{options})"
    if part == "Count":
        options += draw(one_of(["", ", distinct=True"]))
    return f"{part}('{relation}__{draw(one_of(names))}'{options})"


@st.composite
def aggregates_beside(draw: st.DrawFn, model: str) -> str:
    """Draw rows in order, each beside aggregates of what is related to it."""
    name = draw(one_of(["Author", "Genre", "Book"]))
    relations = sorted(REVERSE[name])
    found = f"{name}.objects.using(db)"
    if draw(st.integers(0, 3)) == 3:
        found += f".filter({draw(lookup(name, {}))})"
    # What rows are ordered or filtered by is exact.
    exact, orders = draw(st.integers(0, 3)) < 3, ["'-pk'", "'pk'"]
    if exact:
        orders = ["'-n', 'pk'", "'-n', '-pk'", "'n', 'pk'", "'-pk'"]
    first = draw(related_aggregate(name, draw(one_of(relations)), exact))
    found += f".annotate(n={first})"
    if draw(st.booleans()):
        other = draw(related_aggregate(name, draw(one_of(relations))))
        found += f".annotate(m={other})"
    if exact and draw(st.integers(0, 3)) == 3:
        found += f".filter(n{draw(one_of(COMPARISONS))}={draw(st.integers(0, 3))})"
    shown = draw(one_of(["", ".values_list('pk', 'n')"]))
    return f"listed({found}.order_by({draw(one_of(orders))}){shown}{draw(page())})"


@st.composite
def extreme(draw: st.DrawFn, model: str) -> str:
    """Draw rows in order, each beside the end of an index of what is linked to it."""
    found = "Genre.objects.using(db)"
    if draw(st.integers(0, 3)) == 3:
        found += f".filter({draw(lookup('Genre', {}))})"
    options = draw(one_of(["", "", ", default=7"]))
    found += f".annotate(n={draw(one_of(['Max', 'Min']))}('book__pages'{options}))"
    order = draw(one_of(["'pk'", "'-pk'", "'name'", "'-name'"]))
    shown = draw(one_of(["", ".values_list('name', 'n')"]))
    return f"listed({found}.order_by({order}){shown}{draw(page())})"


@st.composite
def totals(draw: st.DrawFn, model: str) -> str:
    """Draw aggregates of rows that a relation filters, or of groups of them."""
    found = draw(restricted(model))
    if draw(st.booleans()) and REVERSE[model]:
        found = (
            f"{model}.objects.using(db).filter({draw(lookup(model, REVERSE[model]))})"
        )
    part = draw(aggregate(model, many=False))
    if draw(st.booleans()):
        return f"{found}.aggregate(n=Count('pk'), a={part})"
    name, _ = draw(path(model, GROUPED, many=False, depth=0))
    return f"unordered({found}.order_by().values({name!r}).annotate(a={part}))"


@st.composite
def by_relation(draw: st.DrawFn, model: str) -> str:
    """Draw the first rows in the order of related columns."""
    choices = sorted(FORWARD[model])
    if not choices:
        return draw(joined(model))
    relation = draw(one_of(choices))
    found = f"{model}.objects.using(db)"
    if draw(st.booleans()):
        found += f".filter({draw(lookup(model, {}))})"
    other = FORWARD[model][relation]
    if draw(st.integers(0, 3)) == 3:
        related = draw(one_of([{}, FORWARD[other], REVERSE[other]]))
        found += f".filter({draw(lookup(other, related, f'{relation}__'))})"
    name, _ = draw(path(other, SORTED, many=False, depth=0))
    keys = [f"{relation}__{name}"]
    if draw(st.booleans()):
        own, _ = draw(path(model, SORTED, many=False, depth=0))
        keys.append(own)
    keys = [draw(one_of(["", "-"])) + key for key in [*keys, "pk"]]
    found += f".order_by({', '.join(map(repr, keys))})"
    shown = draw(one_of(["", ".values_list('pk', {!r})", ".select_related({!r})"]))
    column = relation if "select" in shown else f"{relation}__{name}"
    low = draw(one_of([0, 0, 1, 5]))
    return f"listed({found}{shown.format(column)}[{low}:{low + draw(size())}])"


@st.composite
def latest(draw: st.DrawFn, model: str) -> str:
    """Draw rows, each with a value of the first of its related rows in an order."""
    inner = draw(one_of(["Book", "Book", "Author", "Copy"]))
    theirs = draw(one_of(sorted(FORWARD[inner])))
    ours, _ = draw(path(model, {"key"}, many=False, depth=0))
    rows = f"{inner}.objects.filter({theirs}=OuterRef({ours!r}))"
    if draw(st.booleans()):
        rows += f".filter({draw(lookup(inner, {}))})"
    name, _ = draw(path(inner, SORTED, many=False, depth=0))
    column, _ = draw(path(inner, GROUPED, many=False, depth=0))
    sign = draw(one_of(["", "-"]))
    first = f"{rows}.order_by('{sign}{name}', 'pk').values({column!r})[:1]"
    found = f"{model}.objects.using(db).annotate(x=Subquery({first}))"
    if draw(st.booleans()):
        found += f".filter({draw(lookup(model, {}))})"
    shown = draw(one_of(["", ".values_list('pk', 'x')"]))
    end = draw(one_of(["", f"[:{draw(size())}]"]))
    return f"listed({found}.order_by('pk'){shown}{end})"


@st.composite
def union_page(draw: st.DrawFn, model: str) -> str:
    """Draw the first rows of a union."""
    names = [draw(path(model, SORTED, many=False, depth=0))[0]]
    if draw(st.integers(0, 3)):
        names.insert(0, "pk")
    columns = ", ".join(map(repr, names))
    parts = [
        f"{model}.objects.using(db).filter({draw(lookup(model, {}))})"
        f".values_list({columns})"
        for _ in range(draw(st.integers(2, 3)))
    ]
    first, *others = parts
    every = draw(one_of(["", ", all=True"]))
    keys = ", ".join(repr(draw(one_of(["", "-"])) + name) for name in reversed(names))
    found = f"{first}.union({', '.join(others)}{every}).order_by({keys})"
    end = draw(one_of([f"[:{draw(size())}]", f"[2:{2 + draw(size())}]", ""]))
    return f"listed({found}{end})"


def size() -> st.SearchStrategy[int]:
    """Return a strategy for how many rows are wanted."""
    return st.integers(1, 8)


def page() -> st.SearchStrategy[str]:
    """Return a strategy for slices."""
    return st.one_of(
        size().map("[:{}]".format), size().map("[1:{}]".format), st.just("")
    )


RELATIONS = [joined, joined, joined, by_relation, by_relation, latest, union_page]
RELATIONS += [joined_count, joined_count, *[aggregates_beside] * 5, extreme, extreme]
RELATIONS += [totals, totals]
