"""Backends by name: short names, which entry points give, and settings for tools."""

import os
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from . import __version__

GROUP = "nonrel_backend.backends"
# A checkout that is not installed has these, too.
OWN = {
    name: f"nonrel_backend.{name}" for name in ("lmdb", "mongodb", "riak", "dynamodb")
}
# Short names that no entry point has: Django's own SQLite, and a checkout's template.
OTHERS = {"sqlite": "django.db.backends.sqlite3", "template": "backend_template"}
SETTINGS = ("HOST", "NAME", "PASSWORD", "PORT", "USER")
# Values that are no text, beside integers.
VALUES = {"false": False, "true": True}


@dataclass(frozen=True, order=True)
class Backend:
    """A backend: its short name, ENGINE in DATABASES, and the distribution it is of."""

    name: str
    engine: str
    distribution: str
    version: str


def installed() -> list[Backend]:
    """Return the installed backends, ours among them, by name."""
    found = {
        Backend(name, engine, "nonrel_backend", __version__)
        for name, engine in OWN.items()
    }
    for point in entry_points(group=GROUP):
        if OWN.get(point.name) != point.value and point.dist is not None:
            dist = point.dist
            found.add(Backend(point.name, point.value, dist.name, dist.version))
    return sorted(found)


def listing() -> str:
    """Return a line for each installed backend: name, ENGINE, distribution."""
    rows = [
        (each.name, each.engine, f"{each.distribution} {each.version}")
        for each in installed()
    ]
    first, second = (max(len(row[place]) for row in rows) for place in (0, 1))
    return "\n".join(f"{a:{first}}  {b:{second}}  {c}" for a, b, c in rows)


def engine_of(name: str) -> str:
    """Return the ENGINE of a backend: of its short name, or the name as it is.

    Raise ValueError if two distributions have backends of that short name.
    """
    found = {each.engine: each for each in installed() if each.name == name}
    if len(found) > 1:
        several = " and ".join(
            f"{each.engine} of {each.distribution}" for each in found.values()
        )
        raise ValueError(f"{name!r} is the short name of {several}. Name the ENGINE.")
    return next(iter(found), OTHERS.get(name, name))


def importable(engine: str) -> bool:
    """Return whether there is a package of that name, with a module `base`."""
    try:
        return find_spec(f"{engine}.base") is not None
    except ModuleNotFoundError as error:
        # Another module, such as the store's driver, is missing in the package.
        if not f"{engine}.base.".startswith(f"{error.name}."):
            raise
        return False


def add_arguments(parser: ArgumentParser) -> None:
    """Add --engine and --option, for `database`."""
    parser.add_argument(
        "--engine",
        required=True,
        metavar="NAME",
        help="the backend, as ENGINE in DATABASES, or an installed one's short name",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"one of {', '.join(SETTINGS)} in DATABASES, in any case, or of OPTIONS",
    )


def database(parser: ArgumentParser, options: Namespace) -> dict[str, Any]:
    """Return the entry of DATABASES for --engine and --option. Exit if it is wrong."""
    try:
        found = entry(options.engine, options.option)
    except ValueError as error:
        parser.error(str(error))
    if not importable(found["ENGINE"]):
        names = ", ".join(each.name for each in installed())
        parser.error(
            f"{options.engine!r} is neither a package with a module `base` nor the "
            f"short name of an installed backend: {names}"
        )
    return found


def entry(name: str, options: Sequence[str]) -> dict[str, Any]:
    """Return the entry of DATABASES for a backend and NAME=VALUE options.

    Raise ValueError for an option that is not NAME=VALUE, or an ambiguous name.
    """
    found: dict[str, Any] = {"ENGINE": engine_of(name), "OPTIONS": {}}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise ValueError(f"The option {option!r} must be NAME=VALUE.")
        if key.upper() in SETTINGS:
            found[key.upper()] = value
        else:
            known: Any = int(value) if value.isdecimal() else value
            found["OPTIONS"][key] = VALUES.get(value.lower(), known)
    return found


def completed(entry: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with the default settings, and OPTIONS, that it does not name."""
    options = defaults.get("OPTIONS", {}) | entry["OPTIONS"]
    return {**defaults, **entry, "OPTIONS": options}


def named() -> str:
    """Return the backend that NONREL_ENGINE names, "lmdb" if it is not set."""
    return os.environ.get("NONREL_ENGINE") or "lmdb"


def from_environment() -> dict[str, Any]:
    """Return the entry of DATABASES for NONREL_ENGINE and NONREL_OPTIONS.

    NONREL_OPTIONS has NAME=VALUE options, separated by spaces.
    """
    return entry(named(), shlex.split(os.environ.get("NONREL_OPTIONS", "")))
