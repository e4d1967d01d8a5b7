"""Comparison: a TestCase that compares two databases and counts in a report."""

import unittest
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn
from unittest import mock

from django.db import NotSupportedError, connections
from django.utils.functional import cached_property

from ..differential.answers import difference, read
from ..differential.data import VALUES, Data, in_unit
from .databases import ALIASES, OURS, create_tables, databases, set_up_django
from .probe import probe
from .report import Report, Section

# How many wrong answers the failure of a test shows.
SHOWN = 5
Test = Callable[[Any], None]


def section(name: str) -> Callable[[Test], Test]:
    """Return a decorator for a test that compares for that section of the report."""

    def decorate(method: Test) -> Test:
        def run(self: Any) -> None:
            self.section = self.report.section(name)
            with recorded(self.section, "the set-up of the section"):
                method(self)
            self.fail_for_what_is_wrong()

        test: Any = wraps(method)(run)
        test.section = name
        return test

    return decorate


@contextmanager
def recorded(section: Section, text: str) -> Iterator[None]:
    """Record an error in the block as a wrong answer, if the section has no other."""
    try:
        yield
    except (AssertionError, unittest.SkipTest):
        raise
    except Exception as error:
        if not section.wrong:
            section.wrong.append((text, error, "no error"))
        raise


class Comparison(unittest.TestCase):
    """A test case that runs the same on a backend and on Django's SQLite."""

    DATABASES: dict[str, dict[str, Any]] = {}
    SEED = 1
    # The precision of the store's datetimes, in microseconds.
    DATETIME_UNIT = 1
    __test__ = False

    report: Report
    section: Section
    models: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__test__ = bool(cls.DATABASES)

    @classmethod
    def setUpClass(cls) -> None:
        if not cls.DATABASES:
            raise unittest.SkipTest(f"{cls.__name__} has no DATABASES entry.")
        super().setUpClass()
        set_up_django()
        (entry,) = cls.DATABASES.values()
        values = {
            kind: in_unit(VALUES[kind], cls.DATETIME_UNIT)
            for kind in ("datetime", "delta")
        }
        cls.enterClassContext(mock.patch.dict(VALUES, values))
        cls.report = Report(entry["ENGINE"])
        cls.addClassCleanup(lambda: print(f"\n{cls.report}"))
        tables = cls.report.section("tables")
        with recorded(tables, "creating the tables"):
            cls.enterClassContext(databases(entry))
            cls.models = create_tables()
        tables.right = 1
        cls.addClassCleanup(cls.probe)

    @classmethod
    def probe(cls) -> None:
        """Have the report say what of a query runs in the store."""
        probe(connections[OURS], cls.models, cls.report)

    @cached_property
    def data(self) -> Data:
        """Return the rows of `differential.data`, of SEED."""
        return Data(self.models, self.SEED, ALIASES)

    # --- comparisons ---

    def agree(self, texts: Iterable[str], run: Callable[[str, str], Any]) -> None:
        """Compare `run(text, alias)` on both databases for each text."""
        for text in texts:
            self.compare(text, *(run(text, alias) for alias in ALIASES))

    def compare(self, text: str, ours: Any, expected: Any) -> None:
        """Count an answer of the backend as right, wrong or refused."""
        if is_refused(ours) and not is_refused(expected):
            self.section.refused.append(text)
        elif wrong := difference(ours, expected):
            self.section.wrong.append((text, *wrong))
        else:
            self.section.right += 1

    def expect(self, text: str, found: Any, expected: Any) -> None:
        """Count a result as right if it equals what is expected."""
        if found == expected:
            self.section.right += 1
        else:
            self.section.wrong.append((text, found, expected))

    def fail_for_what_is_wrong(self) -> None:
        """Fail with the smallest wrong answers of the section, if there are any."""
        wrong = sorted(self.section.wrong, key=lambda each: len(each[0]))
        if wrong:
            shown = [f"{text}\n  {a!r}\n  expected {b!r}" for text, a, b in wrong]
            self.fail(f"{len(wrong)} wrong:\n" + "\n".join(shown[:SHOWN]))

    def leave_out(self, reason: str) -> NoReturn:
        """Skip the test, and have the report say why."""
        self.section.left_out = reason
        raise unittest.SkipTest(reason)

    def read(self, text: str, alias: str) -> Any:
        """Return what a query gives on a database, or the type of its error."""
        return read(self.data, text, alias)


def is_refused(found: Any) -> bool:
    """Return whether the backend raised NotSupportedError, in a query or a write."""
    return found is NotSupportedError or (
        isinstance(found, tuple) and found[0] is NotSupportedError
    )


def outcome(work: Callable[[], Any]) -> type | None:
    """Call `work` and return the type of the error that it raises, or None."""
    try:
        work()
    except Exception as error:
        return type(error)
    return None
