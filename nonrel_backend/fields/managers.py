"""DocumentQuerySet and DocumentManager: update() of paths in documents."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.signals import class_prepared

from .base import DocumentField
from .updates import Change, SetPath


class DocumentQuerySet(models.QuerySet):
    """A queryset whose update(address__city="x") writes that path only."""

    def update(self, **kwargs: Any) -> int:
        count: int = super().update(**self.with_changes(kwargs))
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    async def aupdate(self, **kwargs: Any) -> int:
        count: int = await super().aupdate(**self.with_changes(kwargs))
        return count

    aupdate.alters_data = True  # type: ignore[attr-defined]

    def with_changes(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return {column: value}, with the paths of each column as one Change.

        Raise ValueError if a column and a path in it are both to be updated.
        """
        found: dict[str, Any] = {}
        for name, value in values.items():
            column, _, path = name.partition("__")
            if not path or self.has_field(name):
                if isinstance(value, Change) and name in found:
                    value = found[name].and_then(value)
                found[name] = value
                continue
            change = self.change(column, path, value)
            if column in found:
                if not isinstance(found[column], Change):
                    raise ValueError(f"Cannot update both {column} and {name}.")
                change = found[column].and_then(change)
            found[column] = change
        return {
            name: value.for_field(self.model._meta.get_field(name))
            if isinstance(value, Change)
            else value
            for name, value in found.items()
        }

    def has_field(self, name: str) -> bool:
        try:
            self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        return True

    def change(self, column: str, path: str, value: Any) -> Change:
        """Return the change of one path. Raise FieldDoesNotExist for no such column."""
        self.model._meta.get_field(column)
        change = value if isinstance(value, Change) else SetPath(value)
        return change.within(path)


DocumentManager = models.Manager.from_queryset(DocumentQuerySet, "DocumentManager")


def add_manager(sender: Any, **kwargs: Any) -> None:
    """Give a model with document fields and no manager of its own a DocumentManager."""
    meta = sender._meta
    if not any(isinstance(field, DocumentField) for field in meta.local_fields):
        return
    manager: Any = getattr(vars(sender).get("objects"), "manager", None)
    if type(manager) is not models.Manager or not manager.auto_created:
        return
    meta.local_managers.remove(manager)
    manager = DocumentManager()
    manager.auto_created = True
    sender.add_to_class("objects", manager)


class_prepared.connect(add_manager)
