"""Comparison: a test class whose checks are counted in a report, section by section."""

import unittest
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import Any

from django.db import NotSupportedError, connections

from .databases import ALIASES, OURS, create_tables, databases, set_up_django
from .report import Report, Section

SHOWN = 5


def section(name: str) -> Callable:
    """A test whose checks are the report's section of that name."""

    def decorate(method: Callable) -> Callable:
        def run(self):
            self.section = self.report.section(name)
            with recorded(self.section, "what comes before the checks"):
                method(self)
            self.fail_for_what_is_wrong()

        test: Any = wraps(method)(run)
        test.section = name
        return test

    return decorate


@contextmanager
def recorded(section: Section, text: str) -> Iterator[None]:
    """An error within it is one of the section's, too."""
    try:
        yield
    except (AssertionError, unittest.SkipTest):
        raise
    except Exception as error:
        section.wrong.append((text, error, "no error"))
        raise


class Comparison(unittest.TestCase):
    """Does the same on the backend and on Django's SQLite."""

    DATABASES: dict[str, dict[str, Any]] = {}
    SEED = 1
    __test__ = False

    report: Report
    section: Section
    models: Any

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__test__ = bool(cls.DATABASES)

    @classmethod
    def setUpClass(cls):
        if not cls.DATABASES:
            raise unittest.SkipTest(f"{cls.__name__} has no DATABASES entry.")
        super().setUpClass()
        set_up_django()
        (entry,) = cls.DATABASES.values()
        cls.report = Report(entry["ENGINE"])
        cls.addClassCleanup(lambda: print(f"\n{cls.report}"))
        tables = cls.report.section("tables")
        with recorded(tables, "creating the tables"):
            cls.enterClassContext(databases(entry))
            cls.models = create_tables()
        tables.right = 1
        cls.addClassCleanup(cls.probe)

    @classmethod
    def probe(cls):
        from .probe import probe

        probe(connections[OURS], cls.models, cls.report)

    @cached_property
    def data(self):
        from ..differential.data import Data

        return Data(self.models, self.SEED, ALIASES)

    # --- checks ---

    def agree(self, texts: Iterable[str], run: Callable[[str, str], Any]) -> None:
        """`run(text, alias)` must come to the same on both databases for each text."""
        for text in texts:
            self.compare(text, *(run(text, alias) for alias in ALIASES))

    def compare(self, text: str, ours: Any, expected: Any) -> None:
        """One check: what the backend gives, or refuses, is to be what is expected."""
        from ..differential.answers import difference

        if is_refused(ours) and not is_refused(expected):
            self.section.refused.append(text)
        elif wrong := difference(ours, expected):
            self.section.wrong.append((text, *wrong))
        else:
            self.section.right += 1

    def expect(self, text: str, found: Any, expected: Any) -> None:
        """One check whose outcome does not depend on SQLite."""
        if found == expected:
            self.section.right += 1
        else:
            self.section.wrong.append((text, found, expected))

    def fail_for_what_is_wrong(self) -> None:
        wrong = sorted(self.section.wrong, key=lambda each: len(each[0]))
        if wrong:
            shown = [f"{text}\n  {a!r}\n  expected {b!r}" for text, a, b in wrong]
            self.fail(f"{len(wrong)} wrong:\n" + "\n".join(shown[:SHOWN]))

    def leave_out(self, reason: str) -> None:
        self.section.left_out = reason
        self.skipTest(reason)

    def read(self, text: str, alias: str) -> Any:
        from ..differential.answers import read

        return read(self.data, text, alias)


def is_refused(found: Any) -> bool:
    return found is NotSupportedError or (
        isinstance(found, tuple) and found[0] is NotSupportedError
    )


def outcome(work: Callable[[], Any]) -> type | None:
    """The type of the error that is raised, None for none."""
    try:
        work()
    except Exception as error:
        return type(error)
    return None
