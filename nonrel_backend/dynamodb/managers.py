"""DynamoManager and DynamoQuerySet: what only DynamoDB can do.

class Order(models.Model):
    ...
    objects = DynamoManager()

    class DynamoMeta:
        consistent = False
"""

from typing import Any, Self

from django.db import models

from .options import option


class DynamoQuerySet(models.QuerySet):
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
        return super(DynamoQuerySet, self.consistent()).get_or_create(
            *arguments, **values
        )

    def update_or_create(self, *arguments: Any, **values: Any) -> Any:
        return super(DynamoQuerySet, self.consistent()).update_or_create(
            *arguments, **values
        )

    def update(self, **values: Any) -> int:
        return super(DynamoQuerySet, self.consistent()).update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        return super(DynamoQuerySet, self.consistent()).delete()


class DynamoManager(models.Manager.from_queryset(DynamoQuerySet)):  # type: ignore[misc]
    """The manager of models with DynamoMeta.

    Its queries outside of transactions are eventually consistent if that has
    `consistent = False`.
    """

    def get_queryset(self) -> DynamoQuerySet:
        found: DynamoQuerySet = super().get_queryset()
        consistent = option(self.model, "consistent")
        if consistent is not None:
            found.query.usually_consistent = consistent
        return found
