"""Conditional updates: an UPDATE of one object that compares and sets at the store."""

from collections.abc import Callable
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy

from ..resource.retries import ChangedMeanwhile
from .lookups import narrowed, own_column

CHANGED = gettext_lazy("The object was changed by another request.")


def conditional_save(
    save: Callable[[], None],
    obj: models.Model,
    seen: dict[str, Any],
    done: Callable[[], None],
) -> None:
    """Call `save`, which saves an existing object, so that its UPDATE only matches if
    the columns in `seen` still have these values.

    Call `done` right after the UPDATE. Raise ChangedMeanwhile if no row matched.
    """

    def do_update(queryset: Any, *arguments: Any) -> Any:
        if seen:
            columns = queryset.model._meta.local_concrete_fields
            queryset = queryset.filter(*unchanged(columns, seen))
        updated = type(obj)._do_update(obj, queryset, *arguments)
        if not updated:
            raise ChangedMeanwhile(CHANGED)
        done()
        return updated

    # The only step of save() that knows the UPDATE's queryset. save() itself must run,
    # since it may be the project's own.
    obj._do_update = do_update
    try:
        save()
    finally:
        del obj._do_update


def update_row(
    obj: models.Model, names: list[str], database: str, seen: dict[str, Any]
) -> None:
    """Write these fields of an object of a saves_plainly() model, as
    `obj.save(update_fields=names)` does.

    Raise ChangedMeanwhile if the columns in `seen` have other values, or the row is
    absent.
    """
    model: Any = type(obj)
    fields = map(model._meta.get_field, names)
    values = [(field, None, field.pre_save(obj, False)) for field in fields]
    rows = model._base_manager.using(database)
    with transaction.mark_for_rollback_on_error(using=database):
        row = narrowed(rows, own_column(model, "pk"), obj.pk)
        if seen:
            row = row.filter(*unchanged(model._meta.local_concrete_fields, seen))
        if not row._update(values):
            raise ChangedMeanwhile(CHANGED)


def saves_plainly(model: Any) -> bool:
    """Return whether the methods that save() calls are Django's, and write to one
    table.
    """
    django: Any = models.Model
    return (
        model.save_base is django.save_base
        and model._save_table is django._save_table
        and model._do_update is django._do_update
        and own_column(model, "pk") is not None
    )


def unchanged(columns: list[Any], seen: dict[str, Any]) -> list[models.Q]:
    """Return the conditions that the columns have the values in `seen`."""
    return [has_value(each, seen) for each in columns if each.attname in seen]


def has_value(field: models.Field, seen: dict[str, Any]) -> models.Q:
    """Return the condition that a column has its value in `seen`."""
    value = seen[field.attname]
    if value is not None:
        return models.Q(**{field.attname: value})
    found = models.Q(**{f"{field.attname}__isnull": True})
    if isinstance(field, models.JSONField):  # None may be stored as JSON's null
        found |= models.Q(**{field.attname: None})
    return found
