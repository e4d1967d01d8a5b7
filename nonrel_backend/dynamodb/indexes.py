"""GlobalIndex and LocalIndex: secondary indexes that DynamoDB itself keeps."""

from collections.abc import Sequence
from typing import Any

from django.db import models

# The values of `projection` besides a list of fields.
PROJECTIONS = ("all", "keys")


class NativeIndex(models.Index):
    """Base of indexes that DynamoDB keeps; on other databases they are usual ones.

    The first field is the hash key, the second one, if there is one, the range key.
    A row in which one of them is NULL is not in the index. `projection` says what of a
    row is in the index: "all", "keys" or a list of more fields.
    """

    # "global" or "local"
    kind: str
    sizes: tuple[int, ...]

    def __init__(
        self,
        *,
        fields: Sequence[str],
        name: str,
        projection: str | Sequence[str] = "all",
    ) -> None:
        if len(fields) not in self.sizes or any(each[:1] == "-" for each in fields):
            raise ValueError(
                f"{type(self).__name__} {name} has fields={list(fields)!r}; it must "
                f"have {' or '.join(map(str, self.sizes))}, none of them descending."
            )
        if isinstance(projection, str) and projection not in PROJECTIONS:
            raise ValueError(
                f"{type(self).__name__} {name} has projection={projection!r}, which "
                'must be "all", "keys" or a list of fields.'
            )
        self.projection = projection
        super().__init__(fields=fields, name=name)

    def deconstruct(self) -> Any:
        path, arguments, options = super().deconstruct()
        if self.projection != "all":
            options["projection"] = self.projection
        return path, arguments, options


class GlobalIndex(NativeIndex):
    """A global secondary index: GlobalIndex(fields=["author", "year"], name="...").

    Only queries that ask for it read it, as it lags behind the rows.
    """

    kind = "global"
    sizes = (1, 2)


class LocalIndex(NativeIndex):
    """A local secondary index, of a table with a composite primary key.

    The first field is the first one of the key. It is made together with its table.
    """

    kind = "local"
    sizes = (2,)
