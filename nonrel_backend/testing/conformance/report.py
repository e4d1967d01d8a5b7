"""The report of the conformance suite."""

from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any


@dataclass
class Section:
    """The results of one section: numbers and texts of what was compared."""

    right: int = 0
    refused: list[str] = field(default_factory=list)
    # (text, what the backend gave, what was expected) of each
    # wrong answer.
    wrong: list[tuple[str, Any, Any]] = field(default_factory=list)
    # Why the section was skipped.
    left_out: str = ""

    def smallest(self) -> tuple[str, Any, Any]:
        """Return the wrong answer with the shortest text."""
        return min(self.wrong, key=lambda wrong: len(wrong[0]))

    def __str__(self) -> str:
        if self.left_out:
            return f"skipped: {self.left_out}"
        total = self.right + len(self.refused) + len(self.wrong)
        refused = f", {len(self.refused)} refused" if self.refused else ""
        return f"{self.right} of {total} right{refused}"


@dataclass
class Report:
    """The sections, and what of a query runs in the store."""

    name: str
    sections: dict[str, Section] = field(default_factory=dict)
    native: dict[str, list[str]] = field(default_factory=dict)
    local: dict[str, list[str]] = field(default_factory=dict)
    # What the backend does not claim to do, and is not tested.
    unclaimed: list[str] = field(default_factory=list)

    def section(self, name: str) -> Section:
        """Return the section of that name, which is added if it is new."""
        return self.sections.setdefault(name, Section())

    def probed(self, what: str, name: str, native: bool) -> None:
        """Record whether the store itself does `name` (a lookup, …) for `what`."""
        (self.native if native else self.local).setdefault(what, []).append(name)

    def __str__(self) -> str:
        lines = [f"Conformance of {self.name}", ""]
        width = max(map(len, self.sections), default=0)
        for name, section in self.sections.items():
            mark = "WRONG" if section.wrong else "-" if section.left_out else "ok"
            lines.append(f"  {mark:5}  {name:{width}}  {section}")
        lines += self.lines_of("WRONG, the smallest of each", self.wrong_lines())
        lines += self.lines_of("REFUSED, the smallest of each", self.refusals())
        lines += self.lines_of("PUSHED DOWN to the store", table(self.native))
        lines += self.lines_of("FINISHED LOCALLY by the toolkit", table(self.local))
        unclaimed = [", ".join(self.unclaimed)] if self.unclaimed else []
        lines += self.lines_of("NOT CLAIMED by the backend", unclaimed)
        return "\n".join(lines) + "\n"

    def lines_of(self, title: str, lines: list[str]) -> list[str]:
        """Return a titled part of the report; nothing if it has no lines."""
        return ["", title, "", *(f"  {line}" for line in lines)] if lines else []

    def wrong_lines(self) -> list[str]:
        """Return the smallest wrong answer of each section, on three lines."""
        found = []
        for name, section in self.sections.items():
            if section.wrong:
                text, ours, expected = section.smallest()
                found += [f"{name}: {text}", f"    gave     {shortened(ours)}"]
                found += [f"    expected {shortened(expected)}"]
        return found

    def refusals(self) -> list[str]:
        """Return the smallest refused text of each section."""
        return [
            f"{name}: {min(section.refused, key=len)}"
            for name, section in self.sections.items()
            if section.refused
        ]


def table(found: dict[str, list[str]]) -> list[str]:
    """Return "kinds: names" lines, one for all kinds with the same names."""
    together: dict[str, list[str]] = {}
    for what, names in found.items():
        together.setdefault(", ".join(names), []).append(what)
    lines = []
    for shared, kinds in together.items():
        lines += wrap(f"{', '.join(kinds)}: {shared}", 80, subsequent_indent="    ")
    return lines


def shortened(value: Any) -> str:
    """Return at most 300 characters of a value."""
    text = value.__name__ if isinstance(value, type) else repr(value)
    return text if len(text) <= 300 else f"{text[:300]}..."
