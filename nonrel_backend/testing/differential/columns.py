"""The columns and relations of the models, and random values and paths of them."""

from collections.abc import Collection

from hypothesis import strategies as st

from .data import VALUES

# {model: {column: the kind of its values, a key of VALUES}}
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
        "seen": "datetime",
        "cover": "binary",
        "book": "key",
    },
    "Novel": {"pk": "key", "series": "text", "title": "text", "pages": "int"},
}
# {model: {relation: related model}}
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
# Books have the most columns and relations: they are drawn the most.
MODELS = ["Book", "Book", "Book", "Author", "Copy", "Genre", "Novel"]
NUMBERS = {"int", "float", "decimal"}
SORTED = NUMBERS | {"text", "long", "date", "datetime", "time", "duration"}
# JSON values are not grouped, counted or made distinct: SQLite compares their texts.
GROUPED = set(VALUES) - {"json"}
one_of = st.sampled_from


def writable(model: str) -> dict[str, str]:
    """Return {column: kind} of the columns without the key, each relation once."""
    names = {name: kind for name, kind in COLUMNS[model].items() if name != "pk"}
    names.pop("author_id", None)
    return names


@st.composite
def value(draw: st.DrawFn, kind: str) -> str:
    """Draw a value of the kind, mostly one that some row has."""
    if kind in ("int", "key") and draw(st.integers(0, 4)) == 4:
        return repr(draw(st.integers(-(2**31), 2**31 - 1)))
    if kind == "text" and draw(st.integers(0, 6)) == 6:
        return repr(draw(st.text(st.characters(codec="utf-8"), max_size=3)))
    return repr(draw(one_of(VALUES[kind])))


def values_in(kind: str) -> st.SearchStrategy[str]:
    """Return a strategy for lists of values of the kind."""
    return st.lists(value(kind), max_size=3).map(lambda found: f"[{', '.join(found)}]")


@st.composite
def path(
    draw: st.DrawFn,
    model: str,
    kinds: Collection[str] | None = None,
    many: bool = True,
    depth: int = 2,
) -> tuple[str, str]:
    """Draw (lookup path, kind) of a column of the model or of a related one.

    `kinds` limits the kinds; without a column of them a key is drawn. The path follows
    at most `depth` relations, only forward ones if not `many`.
    """
    related = {**FORWARD[model], **(REVERSE[model] if many else {})}
    if depth and related and draw(st.integers(0, 3)) == 3:
        name = draw(one_of(sorted(related)))
        inner, kind = draw(path(related[name], None, many, depth - 1))
        if kinds is None or kind in kinds:
            return f"{name}__{inner}", kind
    columns = [
        (name, kind)
        for name, kind in COLUMNS[model].items()
        if kinds is None or kind in kinds
    ]
    if not columns:
        return ("book", "key") if model == "Copy" else ("pk", "key")
    return draw(one_of(columns))


@st.composite
def columns_of(
    draw: st.DrawFn,
    model: str,
    kinds: Collection[str] | None = None,
    many: bool = False,
) -> list[str]:
    """Draw one to three lookup paths, each once."""
    found = draw(st.lists(path(model, kinds, many), min_size=1, max_size=3))
    return list(dict.fromkeys(name for name, _ in found))
