"""update() of paths: a queryset that knows them, and who gets it by itself."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.signals import class_prepared


class DocumentQuerySet(models.QuerySet):
    """update(address__city="x") writes that path only."""

    def update(self, **kwargs):
        return super().update(**self.with_paths(kwargs))

    update.alters_data = True  # type: ignore[attr-defined]

    async def aupdate(self, **kwargs):
        return await super().aupdate(**self.with_paths(kwargs))

    aupdate.alters_data = True  # type: ignore[attr-defined]

    def with_paths(self, values: dict) -> dict:
        """The values with those of paths made changes of the columns they are in."""
        found: dict = {}
        for name, value in values.items():
            column, _, path = name.partition("__")
            if not path or self.has_field(name):
                if hasattr(value, "and_then") and name in found:
                    value = found[name].and_then(value)
                found[name] = value
                continue
            change = self.change(column, path, value)
            if column in found:
                if not hasattr(found[column], "and_then"):
                    raise ValueError(f"{column} and {name} are both to be updated.")
                change = found[column].and_then(change)
            found[column] = change
        return {
            name: value.of(self.model._meta.get_field(name))
            if hasattr(value, "and_then")
            else value
            for name, value in found.items()
        }

    def has_field(self, name: str) -> bool:
        try:
            self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        return True

    def change(self, column: str, path: str, value):
        from .updates import Change, SetPath

        self.model._meta.get_field(column)  # says what there is, if not this
        if isinstance(value, Change):
            return value.within(path)
        return SetPath(value).within(path)


DocumentManager = models.Manager.from_queryset(DocumentQuerySet, "DocumentManager")


def give_manager(sender, **kwargs) -> None:
    """A model that declares no manager has one that knows paths."""
    class_prepared.disconnect(give_manager, sender=sender)
    meta = sender._meta
    manager: Any = getattr(vars(sender).get("objects"), "manager", None)
    if type(manager) is not models.Manager or not manager.auto_created:
        return
    meta.local_managers.remove(manager)
    manager = DocumentManager()
    manager.auto_created = True
    sender.add_to_class("objects", manager)
