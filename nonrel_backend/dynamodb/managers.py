"""DynamoDBManager and DynamoDBQuerySet: what only DynamoDB can do.

class Order(models.Model):
    ...
    objects = DynamoDBManager()

    class DynamoMeta:
        consistent = False
"""

from collections.abc import Iterator, Sequence
from typing import Any, Self

from django.db import models

from ..kv.conditional_writes import ConditionalQuerySet
from .options import option
from .raw import RawRows
from .streams import Stream


class DynamoDBQuerySet(ConditionalQuerySet):
    """A QuerySet with DynamoDB's choice of consistency.

    On other databases eventually_consistent() changes nothing.
    """

    # --- consistency ---

    def consistent(self, wanted: bool = True) -> Self:
        """Return the same rows as they are now, or if not `wanted`, were lately."""
        found = self._chain()
        found.query.consistent = wanted
        return found

    def eventually_consistent(self) -> Self:
        """Return the same rows as they were lately, which costs half.

        DynamoDB's own indexes are used, too, which lag behind the rows.
        """
        return self.consistent(False)

    # What is written is read before as it is now.

    def get_or_create(self, *arguments: Any, **values: Any) -> Any:
        return super(DynamoDBQuerySet, self.consistent()).get_or_create(
            *arguments, **values
        )

    def update_or_create(self, *arguments: Any, **values: Any) -> Any:
        return super(DynamoDBQuerySet, self.consistent()).update_or_create(
            *arguments, **values
        )

    def update(self, **values: Any) -> int:
        return super(DynamoDBQuerySet, self.consistent()).update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        return super(DynamoDBQuerySet, self.consistent()).delete()

    # --- DynamoDB's own operations ---

    def raw_query(self, **parameters: Any) -> Iterator[Any]:
        """Yield the instances that a Query finds, or without a key condition a Scan.

        The parameters are those of the operation, such as IndexName; values may be
        Python values. The filters of the QuerySet do not count.
        """
        return RawRows(self).query(parameters)

    def partiql(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """Yield the instances that a SELECT of PartiQL finds.

        "{table}" in it stands for the name of the model's table.
        """
        return RawRows(self).statement(statement, parameters)

    def watch(
        self, start: str = "now", seconds: float | None = None
    ) -> Iterator[tuple[str, Any, Any]]:
        """Yield (operation, instance, key) of changes, by the table's stream.

        The operation is "insert", "update" or "delete"; a deleted instance is as it was
        last. It starts now, or with the "oldest" change that the stream has (a day),
        and ends after so many seconds without one. The filters of the QuerySet do not
        count.
        """
        return Stream(self, start).changes(seconds)


class DynamoDBManager(models.Manager.from_queryset(DynamoDBQuerySet)):  # type: ignore[misc]
    """The manager of models with DynamoMeta.

    Its queries outside of transactions are eventually consistent if that has
    `consistent = False`.
    """

    def get_queryset(self) -> DynamoDBQuerySet:
        found: DynamoDBQuerySet = super().get_queryset()
        consistent = option(self.model, "consistent")
        if consistent is not None:
            found.query.usually_consistent = consistent
        return found
