"""Changes: the log of what a request has written, to undo it."""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..bundle import Bundle

if TYPE_CHECKING:
    from .resource import Resource

logger = logging.getLogger("nonrel_backend.rest")


class Changes:
    """The log of a request on a store without transactions: best effort.

    A crash before the end leaves a part of the changes, and other requests see them
    before they are undone.
    """

    def __init__(self, resource: "Resource", records: bool = True) -> None:
        self.resource = resource
        # Whether changes are logged. A transaction does not need it.
        self.records = records
        # (the bundle or the object, the method that undoes the change, its argument)
        self.entries: list[tuple[Any, Callable[[Any], None], Any]] = []
        # The files that were stored with objects.
        self.files: list[Any] = []

    def created(self, bundle: Bundle, resource: "Resource | None" = None) -> None:
        """Log a created object, unless it is logged already."""
        if self.records and all(bundle is not each for each, *_ in self.entries):
            resource = resource or self.resource
            self.entries.append((bundle, resource.rollback, [bundle]))

    def remember(self, obj: Any, resource: "Resource | None" = None) -> None:
        """Log the state of an object that is about to be changed or deleted."""
        if self.records:
            transactions = (resource or self.resource).transactions
            self.entries.append((obj, transactions.restore, transactions.image(obj)))

    def undo(self) -> None:
        """Undo all changes, the last first. Log errors and raise none."""
        for _, undo, argument in reversed(self.entries):
            try:
                undo(argument)
            except Exception:
                logger.exception("A part of a request could not be undone.")
        self.entries.clear()
        self.discard_files()

    def discard_files(self) -> None:
        """Delete the files that were stored."""
        discard(self.files)
        self.files.clear()


def discard(files: Iterable[Any]) -> None:
    """Delete those of an object's new files that were stored. Log errors and raise
    none.
    """
    for each in files:
        try:
            if each._committed and each.name:
                each.storage.delete(each.name)
        except Exception:
            logger.exception("A file of a failed request could not be deleted.")
