"""Groups by a part of a date, as groups of its days first: these are few.

An index of the date gives the days without their documents, and where rows are not
counted, without its other entries.
"""

from typing import Any

from django.db.models.expressions import Col

from .paging import is_indexed

COUNT = {"$sum": 1}


def days_first(pipeline: Any, match: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the stages that group days, and then their groups, as `pipeline` asks.

    Return None where it asks for other groups.
    """
    accumulators = pipeline.accumulators
    if not pipeline.single or any(each != COUNT for each in accumulators.values()):
        return None
    (expression,) = pipeline.grouping.group_by
    column: Any = getattr(expression, "lhs", None)
    query = pipeline.query
    if type(column) is not Col or query.db_type(column.target.column) != "date":
        return None
    key = query.key(column.target.column)
    match = by_index(match, key)
    stages: list[dict[str, Any]] = [{"$match": match}] if match else []
    days: dict[str, Any] = {"_id": f"${key}"}
    if accumulators:
        days["rows"] = COUNT
        if (not match or match == {key: {"$ne": None}}) and is_indexed(query, key):
            stages.append({"$sort": {key: 1}})
    counts = {name: {"$sum": "$rows"} for name in accumulators}
    by_part = replaced(pipeline.group_id, f"${key}")
    return [*stages, {"$group": days}, {"$group": {"_id": by_part, **counts}}]


def by_index(match: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a filter of groups; by an index where it only asks for the key.

    With $exists the server reads documents.
    """
    if match == {key: {"$exists": True, "$ne": None}}:
        return {key: {"$ne": None}}
    return match


def replaced(value: Any, path: str) -> Any:
    """Return an expression over the `_id` in the place of a path."""
    if isinstance(value, dict):
        return {name: replaced(each, path) for name, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, path) for each in value]
    return "$_id" if value == path else value
