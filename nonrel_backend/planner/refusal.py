"""Refused: why a rule, or a store, does not take a statement or a part of one."""

from typing import NamedTuple


class Refused(Exception):
    """A rule does not apply. `reason` is a sentence that reads well after "because"."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class OtherShape(Refused):
    """The rule is for statements of another shape, which says nothing of the store."""


class FallbackRequired(Refused):
    """The rows are not what the plan relies on. None has been handed out yet."""


class Refusal(NamedTuple):
    """Why a rule refused a statement: what remains of the exception."""

    rule: str
    reason: str
    # Whether the rule is for statements of another shape.
    of_other_shape: bool
