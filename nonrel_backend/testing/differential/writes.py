"""Random writes, as texts of Python expressions."""

from hypothesis import assume
from hypothesis import strategies as st

from .columns import NUMBERS, one_of, value, writable
from .conditions import condition, own_condition
from .data import VALUES
from .expressions import number, text
from .queries import rows

# {kind of the values: the output field of a CASE for such a column}
OUTPUT = {
    "binary": "BinaryField()",
    "bool": "BooleanField()",
    "date": "DateField()",
    "datetime": "DateTimeField()",
    "decimal": "DecimalField(max_digits=8, decimal_places=2)",
    "duration": "DurationField()",
    "float": "FloatField()",
    "int": "IntegerField()",
    "long": "BigIntegerField()",
    "text": "TextField()",
    "time": "TimeField()",
}
# Kinds whose fields prepare a text to be such a value.
AS_TEXT = ("int", "long", "bool", "date", "float", "decimal", "text")
EMAILS = [repr(f"{key}@x") for key in (1, 2, 3, 50)]
GENRE_NAMES = [repr(f"g{key}") for key in (1, 2, 3, 50)]
# {model: keys of its rows and of rows that are not there}
KEYS = {
    "Copy": [repr(each) for each in VALUES["uuid"]],
    "Author": ["1", "2", "50", "51"],
    "Book": ["1", "2", "24", "50", "51"],
    "Genre": ["1", "50", "51"],
}
WRITTEN = ["Book", "Author", "Copy", "Genre"]


@st.composite
def written_value(draw: st.DrawFn, model: str, name: str, kind: str) -> str:
    """Draw a value or an expression for a column."""
    if draw(st.integers(0, 11)) == 11:
        return "None"
    if kind == "key":
        return repr(draw(st.integers(1, 8)))
    choices = ["value", "value", "column"]
    if kind in ("int", "text"):
        choices += ["expression"]
    if kind in NUMBERS:
        choices += ["sum"]
    if kind == "datetime":
        choices += ["shift", "trunc"]
    if kind in OUTPUT:
        choices += ["case"]
    if kind in AS_TEXT:
        choices += ["text"]
    choice = draw(one_of(choices))
    if choice == "column":
        return f"F({name!r})"
    if choice == "expression":
        return draw(number(model, 1) if kind == "int" else text(model, 1))
    if choice == "shift":
        return f"F({name!r}) {draw(one_of('+-'))} {draw(value('delta'))}"
    if choice == "trunc":
        # In another time zone SQLite stores the local time.
        part = draw(one_of(["second", "month"]))
        return f"Trunc({name!r}, {part!r}, tzinfo=datetime.UTC)"
    if choice == "text":
        given = f"Value({str(draw(one_of(VALUES[kind])))!r}, {OUTPUT[kind]})"
        return draw(one_of([given, f"Coalesce(F({name!r}), {given})"]))
    if choice == "sum":
        return f"F({name!r}) + 1"
    if choice == "case":
        when = draw(own_condition(model))
        return (
            f"Case(When({when}, then=Value({draw(value(kind))})), default=F({name!r}), "
            f"output_field={OUTPUT[kind]})"
        )
    return draw(value(kind))


@st.composite
def update(draw: st.DrawFn, model: str) -> str:
    """Draw an update() of some columns."""
    columns = writable(model)
    names = draw(st.lists(one_of(sorted(columns)), min_size=1, max_size=3, unique=True))
    changes = [
        f"{name}={draw(written_value(model, name, columns[name]))}" for name in names
    ]
    end = draw(one_of([""] * 9 + ["[:2]", ".distinct()", ".order_by('pk')"]))
    found = f"{draw(rows(model, steps=2))}{end}.update({', '.join(changes)})"
    # In an UPDATE SQLite's subqueries on the same table see some new values.
    assume(f"({model}.objects" not in found)
    return found


@st.composite
def delete(draw: st.DrawFn, model: str) -> str:
    """Draw a delete() of a queryset."""
    found = draw(rows(model, steps=3))
    if draw(st.booleans()):
        found += f".filter({draw(condition(model))})"
    end = draw(one_of([""] * 9 + ["[:2]", ".distinct()", ".values('pk')"]))
    return f"{found}{end}.delete()"


@st.composite
def instance(draw: st.DrawFn, model: str, key: str) -> str:
    """Draw an object with that key and values for all its columns."""
    parts = [f"pk={key}"]
    for name, kind in writable(model).items():
        if kind == "key":
            parts.append(f"{name}_id={draw(st.integers(1, 6))}")
        elif name == "email":
            parts.append(f"email={draw(one_of(['None', *EMAILS]))}")
        elif name == "seen":
            parts.append(f"seen={draw(st.one_of(st.just('None'), value('datetime')))}")
        elif model == "Genre":
            parts.append(f"name={draw(one_of(GENRE_NAMES))}")
        else:
            parts.append(f"{name}={draw(value(kind))}")
    return f"{model}({', '.join(parts)})"


@st.composite
def instances(draw: st.DrawFn, model: str) -> str:
    """Draw a list of objects, some of which may have the same key."""
    keys = draw(st.lists(one_of(KEYS[model]), min_size=1, max_size=4))
    return "[" + ", ".join([draw(instance(model, key)) for key in keys]) + "]"


@st.composite
def bulk_create(draw: st.DrawFn) -> str:
    """Draw a bulk_create(), which may ignore or update conflicting rows."""
    model = draw(one_of(WRITTEN))
    options = ""
    choice = draw(one_of(["", "ignore", "update"]))
    if choice == "ignore":
        options = ", ignore_conflicts=True"
    elif choice == "update":
        names = sorted(writable(model))
        chosen = draw(st.lists(one_of(names), min_size=1, max_size=3, unique=True))
        unique = {
            "Author": ["pk", "email"],
            "Copy": ["pk", "seen"],
            "Genre": ["pk", "name"],
        }.get(model, ["pk"])
        options = (
            f", update_conflicts=True, update_fields={chosen}, "
            f"unique_fields=[{draw(one_of(unique))!r}]"
        )
    if draw(st.integers(0, 3)) == 3:
        options += ", batch_size=2"
    return f"{model}.objects.using(db).bulk_create({draw(instances(model))}{options})"


@st.composite
def bulk_update(draw: st.DrawFn) -> str:
    """Draw a bulk_update()."""
    model = draw(one_of(WRITTEN))
    names = sorted(writable(model))
    chosen = draw(st.lists(one_of(names), min_size=1, max_size=3, unique=True))
    rows_of = draw(instances(model))
    return f"{model}.objects.using(db).bulk_update({rows_of}, {chosen})"


@st.composite
def get_or_create(draw: st.DrawFn) -> str:
    """Draw a get_or_create() or update_or_create()."""
    method = draw(one_of(["get_or_create", "update_or_create"]))
    kind = draw(one_of(["email", "pk", "title", "genre", "seen"]))
    if kind == "email":
        email = draw(one_of([*EMAILS, "None"]))
        defaults = (
            f"dict(pk=60, name={draw(value('text'))}, born={draw(value('date'))})"
        )
        if method == "update_or_create":
            defaults = defaults.replace("pk=60, ", "") + ", create_defaults=" + defaults
        return f"Author.objects.using(db).{method}(email={email}, defaults={defaults})"
    if kind == "seen":
        seen = draw(value("datetime"))
        return (
            f"Copy.objects.using(db).get_or_create(seen={seen}, "
            "defaults=dict(pk=UUID(int=77)))"
        )
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
def one_row(draw: st.DrawFn) -> str:
    """Draw a write of one object: save(), delete(), a many-to-many relation, or a
    Novel, whose columns are in two tables.
    """
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
def write(draw: st.DrawFn) -> tuple[str, str]:
    """Draw (how its transaction ends, the write)."""
    model = draw(one_of(["Book", "Book", "Author", "Copy", "Genre"]))
    strategies = [update(model), update(model), delete(model), bulk_create()]
    strategies += [bulk_update(), get_or_create(), one_row()]
    ending = draw(one_of(["rolled back", "savepoint", "committed"]))
    return ending, draw(draw(one_of(strategies)))
