"""Random expressions and aggregates."""

from hypothesis import strategies as st

from .columns import COLUMNS, GROUPED, NUMBERS, SORTED, one_of, path, value
from .conditions import condition, exists, own_condition
from .data import VALUES


@st.composite
def number(draw: st.DrawFn, model: str, depth: int = 2, many: bool = False) -> str:
    """Draw an expression whose value is an integer.

    It is at most `depth` functions or operators high; `many` allows paths that multiply
    rows.
    """
    choices = ["column", "constant"]
    if depth:
        choices += ["sum", "length", "case", "coalesce", "function", "extract"]
        choices += ["subquery", "greatest", "cast", "index"]
    choice = draw(one_of(choices))
    if choice == "column":
        name, kind = draw(path(model, {"int"}, many))
        return f"F({name!r})" if kind == "int" else "Value(5)"
    if choice == "constant":
        return f"Value({draw(one_of([0, 1, -3, 100]))})"
    if choice == "length":
        return f"Length({draw(text(model, depth - 1, many))})"
    if choice == "index":
        return f"StrIndex({draw(text(model, depth - 1, many))}, Value('b'))"
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
    if choice == "subquery":
        return draw(scalar_subquery(model))
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
    second = draw(number(model, depth - 1, many))
    if choice == "coalesce":
        return f"Coalesce({first}, {second})"
    if choice == "greatest":
        return f"{draw(one_of(['Greatest', 'Least']))}({first}, {second})"
    return f"({first} {draw(one_of(['+', '-', '*', '%', '/']))} {second})"


@st.composite
def scalar_subquery(draw: st.DrawFn, model: str) -> str:
    """Draw a correlated subquery whose value is a number."""
    inner = draw(one_of(["Book", "Author", "Novel"]))
    theirs, _ = draw(path(inner, {"key"}, many=False, depth=0))
    column = "pk" if inner == "Author" else draw(one_of(["pages", "pk"]))
    ours = "pk" if model != "Copy" else "book"
    rows = f"{inner}.objects.filter({theirs}=OuterRef({ours!r})).order_by('pk')"
    return f"Subquery({rows}.values({column!r})[:1])"


@st.composite
def text(draw: st.DrawFn, model: str, depth: int = 2, many: bool = False) -> str:
    """Draw an expression whose value is text; the arguments are those of `number`."""
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
        function = draw(one_of(["Lower", "Trim", "LTrim", "RTrim", "Reverse"]))
        return f"{function}({first})"
    if choice == "substr":
        start, length = draw(st.integers(1, 3)), draw(st.integers(0, 3))
        return draw(
            one_of(
                [f"Substr({first}, {start}, {length})", f"Left({first}, {start})"]
                + [f"Right({first}, {start})"]
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
def expression(draw: st.DrawFn, model: str, many: bool = False) -> str:
    """Draw an expression of any kind."""
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
        return draw(moment(name))
    if kind == "date":
        part = draw(one_of(["year", "month", "week", "quarter"]))
        return draw(one_of([f"Trunc({name!r}, {part!r})", f"Extract({name!r}, 'day')"]))
    return draw(number(model, 1, many))


@st.composite
def moment(draw: st.DrawFn, name: str) -> str:
    """Draw an expression of a datetime."""
    parts = ["year", "month", "day", "hour", "week", "quarter", "minute", "second"]
    part, other = draw(one_of(parts)), f"Value({draw(value('datetime'))})"
    plus = f"F({name!r}) {draw(one_of('+-'))} {draw(value('delta'))}"
    return draw(
        one_of(
            [f"Trunc({name!r}, {part!r})", f"TruncDate({name!r})"]
            + [f"Extract({name!r}, {part!r})", f"TruncTime({name!r})"]
            + [f"ExpressionWrapper({plus}, output_field=DateTimeField())"]
            + [f"ExpressionWrapper(F({name!r}) - {other}, DurationField())"]
            + [f"{each}({name!r}, {other})" for each in ("Coalesce", "Greatest")]
        )
    )


@st.composite
def aggregate(draw: st.DrawFn, model: str, many: bool = True) -> str:
    """Draw an aggregate, possibly filtered, over a column or an expression."""
    choice = draw(one_of(["Count", "Count", "Sum", "Min", "Max", "Avg", "Spread"]))
    options = ""
    if choice == "Count":
        name, _ = draw(path(model, GROUPED, many))
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
            found = draw(number(model, 1, many))
    if draw(st.integers(0, 2)) == 2:
        when = draw(own_condition(model)) if not many else draw(condition(model, 1, 0))
        options += f", filter={when}"
    if choice in ("Sum", "Avg") and draw(st.integers(0, 4)) == 4:
        options += ", distinct=True"
    return f"{choice}({found}{options})"
