"""The names and values of the parameters that filter and order a list."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.text import smart_split, unescape_string_literal
from django.utils.translation import gettext

from ..exceptions import BadRequest, InvalidFilterError, InvalidSortError

if TYPE_CHECKING:
    from .resource import Resource

SEPARATOR = re.compile(r"__|\.")
# Parameters with a meaning of their own.
RESERVED = {"format", "limit", "offset", "order_by", "cursor", "fields"}
# Parameters that filter, without a field: ?or= and ?search=.
OR, SEARCH = "or", "search"
# The end of the name of an exclusion: ?name!=ann.
NOT = "!"
# What jQuery adds so that nothing is taken from a cache.
UNCACHED = "_"
ORDERED = {"gt", "gte", "lt", "lte"}
# The most values of a filter, and the most parts of a name.
MAX_VALUES = 1000
MAX_STEPS = 32
# The most alternatives of ?or=, conditions of one, and words of ?search=.
MAX_ALTERNATIVES = 20
# The most exclusions and conditions of alternatives of a request: each may be a query.
MAX_SPECIAL = 50
MAX_CONDITIONS = 10
MAX_WORDS = 10
LISTS = {"in", "range", "has_keys", "has_any_keys"}

# (the name of a filter, its parameter, whether it is an exclusion)
Alternative = list[tuple[str, MultiValueDict, bool]]


def steps_of(name: str) -> list[str]:
    """Return the parts of the name of a filter or an ordering."""
    steps = SEPARATOR.split(name)
    if len(steps) > MAX_STEPS:
        raise InvalidFilterError(
            gettext("A name has at most %(max_steps)s parts.")
            % {"max_steps": MAX_STEPS}
        )
    return steps


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Have the error of a filter name its parameter."""
    try:
        yield
    except BadRequest as error:
        if name in str(error):
            raise
        raise InvalidFilterError(
            gettext("%(name)s: %(error)s") % {"name": name, "error": error}
        ) from error


def reject_unknown(given: Iterable[str], resource: "Resource") -> None:
    """Raise InvalidFilterError for a parameter that the resource does not know."""
    meta = resource._meta
    known = {*RESERVED, OR, *meta.parameters, *resource.fields}
    if meta.search:
        known.add(SEARCH)
    for name in given:
        if SEPARATOR.split(name.removesuffix(NOT))[0] not in known:
            raise InvalidFilterError(
                gettext("There is no field %(name)r to filter by.") % {"name": name}
            )


def allowed(filtering: Any, filters: Any, ignores: bool) -> Any:
    """Return the parameters, without those that `filtering` rejects if it ignores
    them.
    """
    if not ignores or not filters:
        return filters
    found = filters.copy()
    for name in list(found):
        try:
            lists = hasattr(found, "getlist")
            values = found.getlist(name) if lists else [found[name]]
            filtering.build(MultiValueDict({name: values}))
        except InvalidFilterError:
            del found[name]
    return found


class Parameters(NamedTuple):
    """The parameters of a list that are not plain filters."""

    # (the name of a filter, its parameter)
    excluded: list[tuple[str, MultiValueDict]]
    alternatives: list[list[Alternative]]
    search: str


def special_parameters(given: Any, resource: "Resource") -> Parameters:
    """Return the exclusions, the alternatives and the search."""
    fields, lists = resource.fields, given if hasattr(given, "getlist") else None
    excluded: list[tuple[str, MultiValueDict]] = []
    alternatives: list[list[Alternative]] = []
    for name in given:
        values = [given[name]] if lists is None else lists.getlist(name)
        if name == OR and OR not in fields:
            alternatives += [alternatives_of(each, resource) for each in values]
        elif name.endswith(NOT) and SEPARATOR.split(name[:-1])[0] in fields:
            excluded += exclusions(name[:-1], values)
    parts = [len(each) for either in alternatives for each in either]
    if len(excluded) + sum(parts) > MAX_SPECIAL:
        raise InvalidFilterError(
            gettext("There are more than %(max_special)s exclusions and alternatives.")
            % {"max_special": MAX_SPECIAL}
        )
    search = given.get(SEARCH, "") if resource._meta.search else ""
    return Parameters(excluded, alternatives, "" if SEARCH in fields else search)


def exclusions(name: str, values: list[str]) -> Iterator[tuple[str, MultiValueDict]]:
    """Yield an exclusion for each value: of several, none may hold. A lookup by a list
    has one.
    """
    last = SEPARATOR.split(name)[-1]
    for each in [values] if last in LISTS else [[value] for value in values]:
        yield name, MultiValueDict({name: each})


def alternatives_of(text: str, resource: "Resource") -> list[Alternative]:
    """Return the alternatives of ?or=name=ann|pages__gt=5, of which one must hold.

    Each is a query string: its conditions are separated by &, and must all hold.
    """
    parts = text.split("|")
    if len(parts) > MAX_ALTERNATIVES:
        raise InvalidFilterError(
            gettext("'or' has more than %(max_alternatives)s alternatives.")
            % {"max_alternatives": MAX_ALTERNATIVES}
        )
    return [alternative_of(QueryDict(part), resource) for part in parts]


def alternative_of(given: QueryDict, resource: "Resource") -> Alternative:
    """Return one alternative."""
    found: Alternative = []
    for name in given:
        plain, values = name.removesuffix(NOT), given.getlist(name)
        if SEPARATOR.split(plain)[0] not in resource.fields:
            raise InvalidFilterError(
                gettext("There is no field %(plain)r to filter by.") % {"plain": plain}
            )
        if plain == name:
            found.append((name, MultiValueDict({name: values}), False))
        else:
            found += [(plain, each, True) for _, each in exclusions(plain, values)]
    if not found or len(found) > MAX_CONDITIONS:
        raise InvalidFilterError(
            gettext("An alternative of 'or' has 1 to %(max_conditions)s conditions.")
            % {"max_conditions": MAX_CONDITIONS}
        )
    return found


def words_of(text: str) -> list[str]:
    """Return the words of a search, all of which must be found. Quotes keep words
    together.
    """
    words = []
    for word in smart_split(text):
        if word[0] in "\"'" and word[0] == word[-1] and len(word) > 1:
            word = unescape_string_literal(word)
        words.append(word)
    if len(words) > MAX_WORDS:
        raise InvalidFilterError(
            gettext("A search has at most %(max_words)s words.")
            % {"max_words": MAX_WORDS}
        )
    return words


def reject_pages(given: Iterable[str], fields: Iterable[str]) -> None:
    """Raise InvalidFilterError for a parameter of pages or of the data shown, which a
    write to a list does not use: it would write to more than the user expects.
    """
    for name in given:
        if name in (RESERVED - {"format"}) - set(fields):
            raise InvalidFilterError(
                gettext("A write to a list has no %(name)r.") % {"name": name}
            )


def names_to_order_by(given: Any, most: int) -> list[str]:
    """Return the names of all ?order_by=. Raise InvalidSortError for more than
    `most`.
    """
    if hasattr(given, "getlist"):
        wanted = given.getlist("order_by")
    else:
        wanted = given.get("order_by", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    names = [name for each in wanted for name in each.split(",") if name]
    if len(names) > most:
        raise InvalidSortError(
            gettext("An ordering has at most %(most)s names.") % {"most": most}
        )
    return names


def finite(text: str) -> float | str:
    """Return a number, or its text if JSON cannot represent it."""
    number = float(text)
    return number if math.isfinite(number) else text


def nested_value(text: str, lookup: str) -> Any:
    """Return a parameter's value for nested data: parsed if the text is JSON."""
    if lookup not in ("contains", "exact", *ORDERED, "overlap", "len"):
        return text
    try:
        value = json.loads(text, parse_constant=str, parse_float=finite)
    except (ValueError, RecursionError):
        return text
    if lookup in ORDERED and isinstance(value, list | dict):
        raise InvalidFilterError(
            gettext("%(text)r cannot be compared by %(lookup)r.")
            % {"text": text, "lookup": lookup}
        )
    return value
