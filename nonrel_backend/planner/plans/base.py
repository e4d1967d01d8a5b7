"""Plan: the contract of everything that can run a statement."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..refusal import Refusal
from ..table_scan import Steps, TableScan

Row = list[Any]


class Plan(ABC):
    """What runs a statement. Rules make plans; compilers run or explain them."""

    # Whether the rows hold Python values; if not, they hold the local engine's.
    yields_python = True
    # The rule that made the plan, and those that refused before it, with their reasons.
    rule = ""
    refusals: tuple[Refusal, ...] = ()

    @property
    def needs_fallback(self) -> bool:
        """Whether running the plan may raise Refused."""
        return False

    @abstractmethod
    def chunks(self) -> Iterator[list[Row]]:
        """Run the plan; yield its rows in chunks."""

    @abstractmethod
    def text(self) -> str:
        """Return what the plan does, or did if it has run, for the query log."""

    @abstractmethod
    def explain(self, analyze: bool) -> list[str]:
        """Return lines that say what would run; run nothing unless `analyze`."""

    def because(self) -> str:
        """Return ", because ..." with the reasons of the rules that refused."""
        reasons = dict.fromkeys(refusal.reason for refusal in self.refused())
        return f", because {'; '.join(reasons)}" if reasons else ""

    def decision(self) -> str:
        """Return the rule that made the plan, and those that refused before it."""
        refused = [f"{each.rule} refused: {each.reason}" for each in self.refused()]
        return "; ".join([f"rule: {self.rule}", *refused])

    def refused(self) -> list[Refusal]:
        """Return the refusals of the rules that are for such a statement."""
        return [each for each in self.refusals if not each.of_other_shape]


@dataclass
class ScanPlan(Plan):
    """A plan of one scan, whose filters may be the values of other scans."""

    scan: TableScan

    @property
    def needs_fallback(self) -> bool:
        return not self.scan.is_ready


def joined(steps: Steps) -> str:
    """Return the steps of a plan as one text."""
    return "; ".join(step() for step in steps)
