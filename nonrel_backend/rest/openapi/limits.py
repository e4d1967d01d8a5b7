"""Limits: what a model says about the values of a column, as JSON Schema."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

SLUG = "^[-a-zA-Z0-9_]+$"
FORMATS: dict[type, str] = {models.EmailField: "email", models.URLField: "uri"}
BOUNDS = {
    "gte": "minimum", "gt": "exclusiveMinimum",
    "lte": "maximum", "lt": "exclusiveMaximum",
}  # fmt: skip


def limits_of(column: Any) -> dict[str, Any]:
    """Return the limits of the values that a column may be given."""
    found: dict[str, Any] = {}
    if column.choices:
        found["enum"] = [key for key, _ in column.flatchoices]
    elif isinstance(column, models.DecimalField):
        whole = column.max_digits - column.decimal_places
        found["pattern"] = (
            rf"^-?\d{{1,{max(whole, 1)}}}(\.\d{{1,{column.decimal_places}}})?$"
        )
        found |= {"minimum": 1 - 10**whole, "maximum": 10**whole - 1}
    elif isinstance(column, models.IntegerField):
        found |= bounds_of(column)
    elif isinstance(column, models.CharField | models.TextField):
        if not column.blank:
            found["minLength"] = 1
        if type(column) is models.SlugField:
            found["pattern"] = SLUG
        if type(column) in FORMATS:
            found["format"] = FORMATS[type(column)]
    return found | constraints_of(column)


def bounds_of(column: Any) -> dict[str, Any]:
    """Return the least and the greatest value by a column's validators."""
    found = {}
    for kind, name in ((MinValueValidator, "minimum"), (MaxValueValidator, "maximum")):
        values = [
            each.limit_value
            for each in column.validators
            if type(each) is kind and isinstance(each.limit_value, int)
        ]
        if values:
            found[name] = max(values) if name == "minimum" else min(values)
    return found


def constraints_of(column: Any) -> dict[str, Any]:
    """Return the bounds by the model's check constraints, such as Q(nights__gte=1)."""
    found: dict[str, Any] = {}
    model = getattr(column, "model", None)
    for constraint in () if model is None else model._meta.constraints:
        condition = getattr(constraint, "condition", None)
        if not isinstance(constraint, models.CheckConstraint) or not (
            isinstance(condition, models.Q) and condition.connector == models.Q.AND
        ):
            continue
        for child in () if condition.negated else condition.children:
            if not isinstance(child, tuple):
                continue
            name, _, lookup = child[0].rpartition("__")
            if name == column.name and lookup in BOUNDS and type(child[1]) is int:
                found[BOUNDS[lookup]] = child[1]
    return found
