"""python -m nonrel_backend conformance: the suite without a project."""

import argparse
import sys
import unittest
from importlib import import_module
from typing import Any

from .suite import BackendConformance

SETTINGS = ("HOST", "NAME", "PASSWORD", "PORT", "USER")


def run(arguments: list[str]) -> int:
    """Run the suite as told, print the report; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nonrel_backend conformance")
    parser.add_argument("--engine", required=True, help="as ENGINE in DATABASES")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"{', '.join(map(str.lower, SETTINGS))}, or one of OPTIONS",
    )
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help="of the report; default: all"
    )
    parser.add_argument("--random", type=int, default=200, help="random queries")
    parser.add_argument("--seed", type=int, default=1, help="of the random queries")
    parser.add_argument(
        "--break-connection",
        metavar="MODULE:FUNCTION",
        help="a function of the connection that cuts it off from the store",
    )
    parser.add_argument(
        "--datetime-unit",
        type=int,
        default=1,
        metavar="MICROSECONDS",
        help="of the datetimes that the store holds, 1000 for milliseconds",
    )
    options = parser.parse_args(arguments)
    attributes: dict[str, Any] = {
        "DATABASES": {"default": entry(options.engine, options.option)},
        "RANDOM": options.random,
        "SEED": options.seed,
        "DATETIME_UNIT": options.datetime_unit,
    }
    if options.break_connection:
        module, _, name = options.break_connection.partition(":")
        function = getattr(import_module(module), name)
        attributes["break_connection"] = lambda self, connection: function(connection)
    sys.path.insert(0, "")
    tests = type("Conformance", (BackendConformance,), attributes)
    suite = unittest.TestSuite(
        tests(name)
        for name in unittest.defaultTestLoader.getTestCaseNames(tests)
        if not options.sections or getattr(tests, name).section in options.sections
    )
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=1).run(suite)
    return 0 if result.wasSuccessful() else 1


def entry(engine: str, options: list[str]) -> dict[str, Any]:
    """The DATABASES entry of an engine and NAME=VALUE options."""
    found: dict[str, Any] = {"ENGINE": engine, "NAME": "conformance", "OPTIONS": {}}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise SystemExit(f"--option {option}: must be NAME=VALUE.")
        if name.upper() in SETTINGS:
            found[name.upper()] = value
        else:
            found["OPTIONS"][name] = int(value) if value.isdigit() else value
    return found
