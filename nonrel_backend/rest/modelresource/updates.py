"""An UPDATE of one object that is a compare-and-set at the store."""

from collections.abc import Callable
from typing import Any

from django.db import models, transaction

from ..resource.retries import ChangedMeanwhile
from .lookups import narrowed, own_column


def guarded(
    save: Callable[[], None],
    obj: models.Model,
    seen: dict[str, Any],
    done: Callable[[], None],
) -> None:
    """Save an object, of which the row is updated only where it is there and these
    columns are as seen; `done` is called then, ChangedMeanwhile raised otherwise.
    """

    def do_update(queryset: Any, *arguments: Any) -> Any:
        if seen:
            columns = queryset.model._meta.local_concrete_fields
            same = [as_seen(each, seen) for each in columns if each.attname in seen]
            queryset = queryset.filter(*same)
        updated = type(obj)._do_update(obj, queryset, *arguments)
        if not updated:
            raise ChangedMeanwhile("The object was changed meanwhile.")
        done()
        return updated

    obj._do_update = do_update
    try:
        save()
    finally:
        del obj._do_update


def update_row(obj: models.Model, names: list[str], database: str) -> None:
    """`obj.save(update_fields=names)` of a saves_plainly() model, without what save()
    prepares for others; ChangedMeanwhile where the row is not there.
    """
    model: Any = type(obj)
    fields = map(model._meta.get_field, names)
    values = [(field, None, field.pre_save(obj, False)) for field in fields]
    rows = model._base_manager.using(database)
    with transaction.mark_for_rollback_on_error(using=database):
        if not narrowed(rows, own_column(model, "pk"), obj.pk)._update(values):
            raise ChangedMeanwhile("The object was changed meanwhile.")


def saves_plainly(model: Any) -> bool:
    """Whether what save() calls is Django's own, and writes to one table."""
    django: Any = models.Model
    return (
        model.save_base is django.save_base
        and model._save_table is django._save_table
        and model._do_update is django._do_update
        and own_column(model, "pk") is not None
    )


def as_seen(field: models.Field, seen: dict[str, Any]) -> models.Q:
    """That a column has the value that it was seen with."""
    value = seen[field.attname]
    if value is not None:
        return models.Q(**{field.attname: value})
    found = models.Q(**{f"{field.attname}__isnull": True})
    if isinstance(field, models.JSONField):  # None is JSON's null, too
        found |= models.Q(**{field.attname: None})
    return found
