"""What was written by a request, so that it can be taken back."""

import logging
from typing import Any

logger = logging.getLogger("nonrel_backend.rest")


class Changes:
    """The log of a request on a store without transactions: best effort.

    A crash in the middle leaves what is written, and others see it before it is undone.
    """

    def __init__(self, resource: Any, keeps: bool = True):
        self.resource = resource
        # Whether anything is kept; a transaction needs nothing.
        self.keeps = keeps
        self.entries: list[tuple[str, Any]] = []

    def created(self, bundle: Any) -> None:
        if self.keeps:
            self.entries.append(("created", bundle))

    def remember(self, obj: Any) -> None:
        """An object that is about to be changed or deleted, as it is."""
        if self.keeps:
            self.entries.append(("was", obj))

    def undo(self) -> None:
        """Take all back, the last first; raises nothing."""
        for kind, what in reversed(self.entries):
            try:
                if kind == "created":
                    self.resource.rollback([what])
                else:
                    self.resource.restore(what)
            except Exception:
                logger.exception("A part of a request could not be undone.")
        self.entries.clear()
