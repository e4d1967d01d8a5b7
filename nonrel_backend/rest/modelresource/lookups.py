"""Look-ups by key, faster than Django's: what depends on the field alone is cached."""

from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.sql.where import AND

INTEGERS = (
    models.AutoField, models.BigAutoField, models.BigIntegerField, models.IntegerField,
    models.PositiveBigIntegerField, models.PositiveIntegerField,
    models.PositiveSmallIntegerField, models.SmallAutoField, models.SmallIntegerField,
)  # fmt: skip


@cache
def limits(field: Any) -> tuple[int, int] | None:
    """Return the least and the greatest integer that a field of Django's own accepts;
    None for any other field, or one with further validators.
    """
    if type(field) not in INTEGERS or field.choices:
        return None
    found: dict[type, Any] = {type(each): each.limit_value for each in field.validators}
    least, most = found.pop(MinValueValidator, None), found.pop(MaxValueValidator, None)
    if found or type(least) is not int or type(most) is not int:
        return None
    return least, most


@cache
def own_column(model: Any, name: str) -> Any:
    """Return (the field of the model's own table with this name, its lookup "exact"),
    or None.
    """
    try:
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if field.is_relation or field not in model._meta.local_concrete_fields:
        return None
    return field, field.get_lookup("exact")


def one_of(queryset: models.QuerySet, lookup: dict[str, Any]) -> Any:
    """Return `queryset.get(**lookup)`, without resolving the names of columns."""
    if len(lookup) != 1:
        return queryset.get(**lookup)
    ((name, value),) = lookup.items()
    column = None if value is None else own_column(queryset.model, name)
    if column is None or not is_plain(queryset):
        return queryset.get(**lookup)
    found = narrowed(queryset, column, value)
    found.query.clear_ordering(force=True)
    found.query.set_limits(high=2)
    match list(found):
        case [one]:
            return one
        case []:
            raise queryset.model.DoesNotExist(f"No object has the {name} {value!r}.")
    return queryset.get(**lookup)


def narrowed(queryset: models.QuerySet, column: Any, value: Any) -> models.QuerySet:
    """Return the objects that have a value in an own_column()."""
    found = queryset._chain()
    query, (field, exact) = found.query, column
    query.where.add(exact(field.get_col(query.get_initial_alias()), value), AND)
    return found


def is_plain(queryset: models.QuerySet) -> bool:
    """Return whether narrowed() may be used: the queryset's methods are Django's, and
    it has no slice, combination, distinct fields or lock.
    """
    query, kind = queryset.query, type(queryset)
    return (
        kind.get is models.QuerySet.get
        and kind.filter is models.QuerySet.filter
        and not query.is_sliced
        and not query.combinator
        and not query.distinct_fields
        and not query.select_for_update
    )
