"""Django's lookups by the names that conditions have for them."""

from collections.abc import Callable
from typing import Any

from django.db.models import lookups
from django.db.models.fields import json as json_fields
from django.db.models.fields import related_lookups
from django.db.models.functions import datetime as functions

# Lookups that mean just what their name says; a subclass with its own SQL does not.
PLAIN_LOOKUPS: dict[type, str] = {
    getattr(lookups, name): lookup_type
    for name, lookup_type in {
        "Exact": "exact",
        "IExact": "iexact",
        "GreaterThan": "gt",
        "GreaterThanOrEqual": "gte",
        "LessThan": "lt",
        "LessThanOrEqual": "lte",
        "IntegerFieldExact": "exact",
        "IntegerGreaterThan": "gt",
        "IntegerGreaterThanOrEqual": "gte",
        "IntegerLessThan": "lt",
        "IntegerLessThanOrEqual": "lte",
        "In": "in",
        "Contains": "contains",
        "IContains": "icontains",
        "StartsWith": "startswith",
        "IStartsWith": "istartswith",
        "EndsWith": "endswith",
        "IEndsWith": "iendswith",
        "Range": "range",
        "IsNull": "isnull",
        "Regex": "regex",
        "IRegex": "iregex",
    }.items()
} | {
    related_lookups.RelatedExact: "exact",
    related_lookups.RelatedIn: "in",
    related_lookups.RelatedIsNull: "isnull",
    related_lookups.RelatedLessThan: "lt",
    related_lookups.RelatedLessThanOrEqual: "lte",
    related_lookups.RelatedGreaterThan: "gt",
    related_lookups.RelatedGreaterThanOrEqual: "gte",
    json_fields.JSONExact: "exact",
    json_fields.KeyTransformExact: "exact",
    json_fields.KeyTransformIsNull: "isnull",
    json_fields.KeyTransformIn: "in",
    json_fields.KeyTransformLt: "lt",
    json_fields.KeyTransformLte: "lte",
    json_fields.KeyTransformGt: "gt",
    json_fields.KeyTransformGte: "gte",
    json_fields.KeyTransformIExact: "iexact",
    json_fields.KeyTransformIContains: "icontains",
    json_fields.KeyTransformStartsWith: "startswith",
    json_fields.KeyTransformIStartsWith: "istartswith",
    json_fields.KeyTransformEndsWith: "endswith",
    json_fields.KeyTransformIEndsWith: "iendswith",
    json_fields.KeyTransformRegex: "regex",
    json_fields.KeyTransformIRegex: "iregex",
    json_fields.HasKey: "has_key",
    json_fields.HasKeys: "has_keys",
    json_fields.HasAnyKeys: "has_any_keys",
}
TEXT_LOOKUPS = {
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "regex",
    "iregex",
}
TEXT_FIELDS = {"CharField", "TextField", "SlugField", "FileField", "FilePathField"}
YEAR_LOOKUPS: dict[type, Callable[[Any, Any], tuple[str, Any]]] = {
    lookups.YearExact: lambda start, end: ("range", [start, end]),
    lookups.YearGt: lambda start, end: ("gt", end),
    lookups.YearGte: lambda start, end: ("gte", start),
    lookups.YearLt: lambda start, end: ("lt", start),
    lookups.YearLte: lambda start, end: ("lte", end),
}
PART_EXTRACTS: dict[type, str] = {
    functions.ExtractMonth: "month",
    functions.ExtractDay: "day",
    functions.ExtractWeekDay: "week_day",
    functions.ExtractIsoWeekDay: "iso_week_day",
    functions.ExtractHour: "hour",
    functions.ExtractMinute: "minute",
    functions.ExtractSecond: "second",
    functions.ExtractQuarter: "quarter",
    functions.ExtractWeek: "week",
}
DATE_RANGES: dict[str, Callable[[Any, Any], list[tuple[str, Any]]]] = {
    "exact": lambda start, end: [("gte", start), ("lt", end)],
    "gt": lambda start, end: [("gte", end)],
    "gte": lambda start, end: [("gte", start)],
    "lt": lambda start, end: [("lt", start)],
    "lte": lambda start, end: [("lt", end)],
}
