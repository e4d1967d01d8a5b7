"""The first row of each group of documents, in an order, as one aggregation pipeline.

The values that the order compares, in their order, are a document whose least or
greatest is the first row's: MongoDB compares documents key by key.
"""

from collections.abc import Iterator
from typing import Any

from django.db import NotSupportedError

from ..query import CHUNK, Grouping
from .aggregation import Pipeline
from .reading import begun


class FirstRows:
    """The first documents of groups.

    Raise NotSupportedError if MongoDB groups or orders otherwise than SQLite.
    """

    def __init__(self, keys: tuple[Any, ...], sort: list[Any], query: Any) -> None:
        ways = {way for _, way in sort}
        if len(ways) != 1 or query.members or any("." in key for key, _ in sort):
            raise NotSupportedError(
                "MongoDB finds no first rows of groups by an order of both directions, "
                "or by parts of documents"
            )
        self.group_id = Pipeline(Grouping((), keys, None, (), 0, None), query).group_id
        self.operator = "$min" if ways == {1} else "$max"
        # A missing field is null: it would make another document of the values.
        self.order = {
            f"k{number}": "$_id" if key == "_id" else {"$ifNull": [f"${key}", None]}
            for number, (key, _) in enumerate(sort)
        }

    def stages(self, query: Any, low: int, high: int | None) -> list[dict[str, Any]]:
        """Return the pipeline's stages for the scan's documents `low` to `high`."""
        projection = query.projection()
        row: Any = "$$ROOT"
        if projection is not None:
            shown = [key for key, wanted in projection.items() if wanted == 1]
            row = {key: f"${key}" for key in [*shown, *dict(query.sort)]}
        first = {self.operator: {**self.order, "row": row}}
        stages: list[dict[str, Any]] = [
            *([{"$match": query.filter}] if query.filters else []),
            {"$group": {"_id": self.group_id, "first": first}},
            {"$replaceRoot": {"newRoot": "$first.row"}},
        ]
        if query.sort:
            stages.append({"$sort": dict(query.sort)})
        if low:
            stages.append({"$skip": low})
        if high is not None:
            stages.append({"$limit": high - low})
        return stages

    def find(
        self, query: Any, low: int, high: int | None
    ) -> Iterator[list[dict[str, Any]]]:
        """Return what BackendQuery.find() does, of these documents."""
        stages = self.stages(query, low, high)
        collection = query.collection

        def find(session: Any) -> Iterator[list[dict[str, Any]]]:
            cursor = collection.aggregate(stages, session=session, allowDiskUse=True)
            return begun(cursor, CHUNK)

        found: Iterator[list[dict[str, Any]]] = query.connection.statement(find)
        return found
