"""The backend that a command or the environment names, as an entry of DATABASES"""

import os
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from ..backends import engine_of, importable_engine

# Short names that no entry point has: Django's own SQLite, and a checkout's template.
OTHERS = {"sqlite": "django.db.backends.sqlite3", "template": "backend_template"}
SETTINGS = ("HOST", "NAME", "PASSWORD", "PORT", "USER")
# Values that are no text, beside integers.
VALUES = {"false": False, "true": True}
# The environment variables that name a backend, and its options, for testproject, the
# benchmarks and our own tests.
ENGINE_VARIABLE, OPTIONS_VARIABLE = "NONREL_ENGINE", "NONREL_OPTIONS"


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
        importable_engine(engine(options.engine))
        return entry(options.engine, options.option)
    except ValueError as error:
        parser.error(str(error))


def engine(name: str) -> str:
    """Return the ENGINE of a backend: of its short name, or the name as it is."""
    return OTHERS.get(name) or engine_of(name)


def entry(name: str, options: Sequence[str]) -> dict[str, Any]:
    """Return the entry of DATABASES for a backend and NAME=VALUE options.

    Raise ValueError for an option that is not NAME=VALUE.
    """
    found: dict[str, Any] = {"ENGINE": engine(name), "OPTIONS": {}}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise ValueError(f"The option {option!r} must be NAME=VALUE.")
        if name.upper() in SETTINGS:
            found[name.upper()] = value
        else:
            known: Any = int(value) if value.isdecimal() else value
            found["OPTIONS"][name] = VALUES.get(value.lower(), known)
    return found


def completed(entry: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with the default settings, and OPTIONS, that it does not name."""
    options = defaults.get("OPTIONS", {}) | entry["OPTIONS"]
    return {**defaults, **entry, "OPTIONS": options}


def named() -> str:
    """Return the name of the backend in NONREL_ENGINE, by default "lmdb"."""
    return os.environ.get(ENGINE_VARIABLE) or "lmdb"


def from_environment(defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of DATABASES for NONREL_ENGINE and NONREL_OPTIONS, completed.

    NONREL_OPTIONS has NAME=VALUE options, separated by spaces.
    """
    options = shlex.split(os.environ.get(OPTIONS_VARIABLE, ""))
    return completed(entry(named(), options), defaults)
