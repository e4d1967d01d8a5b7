"""What was written by a request, so that it can be taken back."""

import logging
from collections.abc import Callable
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
        # (the bundle or the object, the method that takes it back, what that takes)
        self.entries: list[tuple[Any, Callable[[Any], None], Any]] = []

    def created(self, bundle: Any, resource: Any = None) -> None:
        """A bundle whose object is stored; that may be said twice."""
        if self.keeps and all(bundle is not each for each, *_ in self.entries):
            resource = resource or self.resource
            self.entries.append((bundle, resource.rollback, [bundle]))

    def remember(self, obj: Any, resource: Any = None) -> None:
        """An object that is changed or deleted, as it was."""
        if self.keeps:
            resource = resource or self.resource
            self.entries.append((obj, resource.restore, resource.image(obj)))

    def undo(self) -> None:
        """Take all back, the last first; raises nothing."""
        for _, take_back, what in reversed(self.entries):
            try:
                take_back(what)
            except Exception:
                logger.exception("A part of a request could not be undone.")
        self.entries.clear()
