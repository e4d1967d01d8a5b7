"""`python -m nonrel_backend conformance`: run the suite without a project."""

import argparse
import sys
import unittest
from importlib import import_module
from typing import Any

from ... import backends
from .suite import BackendConformance


def run(arguments: list[str]) -> int:
    """Run the suite with command-line arguments. Return the exit code: 0 if nothing is
    wrong, else 1.
    """
    parser = argparse.ArgumentParser(
        prog="python -m nonrel_backend conformance",
        description="Compare a backend with Django on SQLite, and print a report.",
    )
    backends.add_arguments(parser)
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help="the sections of the report to run; default: all",
    )
    parser.add_argument(
        "--random", type=int, default=200, help="the number of random queries (200)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="the seed of the random queries (1)"
    )
    parser.add_argument(
        "--break-connection",
        metavar="MODULE:FUNCTION",
        help="a function of a connection that makes the store unreachable through it",
    )
    parser.add_argument(
        "--datetime-unit",
        type=int,
        default=1,
        metavar="MICROSECONDS",
        help="the precision of the store's datetimes (1); 1000 for milliseconds",
    )
    options = parser.parse_args(arguments)
    methods = unittest.defaultTestLoader.getTestCaseNames(BackendConformance)
    names = {each: getattr(BackendConformance, each).section for each in methods}
    for name in options.sections:
        if name not in names.values():
            known = ", ".join(names.values())
            parser.error(f"there is no section {name!r}; the sections are: {known}")
    sys.path.insert(0, "")
    database = backends.database(parser, options)
    attributes: dict[str, Any] = {
        "DATABASES": {"default": {"NAME": "conformance", **database}},
        "RANDOM": options.random,
        "SEED": options.seed,
        "DATETIME_UNIT": options.datetime_unit,
    }
    if options.break_connection:
        module, _, name = options.break_connection.partition(":")
        function = getattr(import_module(module), name)
        attributes["break_connection"] = lambda self, connection: function(connection)
    tests = type("Conformance", (BackendConformance,), attributes)
    suite = unittest.TestSuite(
        tests(name)
        for name, section in names.items()
        if not options.sections or section in options.sections
    )
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=1).run(suite)
    return 0 if result.wasSuccessful() else 1
