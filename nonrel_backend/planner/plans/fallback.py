"""A native plan with the local one to take its place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from ..refusal import Refused
from .base import Plan, Row


@dataclass
class FallbackPlan(Plan):
    """A native plan that may raise Refused when it runs: another plan answers then."""

    plan: Plan
    fallback: Callable[[Refused], Plan]

    @property
    def yields_python(self) -> bool:  # type: ignore[override]
        """That of the plan which answers: known once the first chunk is there."""
        return self.plan.yields_python

    def chunks(self) -> Iterator[list[Row]]:
        try:
            chunks = self.plan.chunks()
            first = next(chunks, None)
        except Refused as refused:
            self.plan = self.fallback(refused)
            return self.plan.chunks()
        finally:
            # It refers to the compiler, which refers to the plan.
            del self.fallback
        return iter(()) if first is None else chain([first], chunks)

    def decision(self) -> str:
        return self.plan.decision()

    def text(self) -> str:
        return self.plan.text()

    def explain(self, analyze: bool) -> list[str]:
        try:
            return self.plan.explain(analyze)
        except Refused as refused:
            self.plan = self.fallback(refused)
            return self.plan.explain(analyze)
