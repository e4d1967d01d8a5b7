"""Changes of a part of a document: Push, Pull, AddToSet, SetKey, Increment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import FieldError
from django.db import NotSupportedError, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.query import Query

from ..conditions import Step
from ..documents import codec
from ..documents.changing import REMOVED
from ..documents.codec import Codec
from ..documents.functions import path_text
from ..documents.moments import moments_of, refuse_hidden
from ..microseconds import hidden, split
from .base import DocumentField
from .collections import ListField, SetField
from .paths import key_of, next_step, require_sql_functions, sql_kind

# The fields that each operation on items applies to.
ITEM_OPERATIONS: dict[str, tuple[type[DocumentField], ...]] = {
    "push": (ListField,),
    "pull": (ListField, SetField),
    "add_to_set": (ListField, SetField),
}


@dataclass(frozen=True)
class Operation:
    """One operation on what a path leads to.

    `names` are the path as it was written. `resolved` adds the steps, the field they
    lead to, and whether that field belongs to an embedded model.
    """

    name: str
    names: tuple[str, ...]
    value: Any
    steps: tuple[Any, ...] = ()
    leaf: Any = None
    in_model: bool = False

    def resolved(self, field: models.Field) -> "Operation":
        """Return the operation with the path resolved from a column's field.

        Raise FieldError for a path or a value that the operation does not support.
        """
        leaf, in_model = field, False
        steps: tuple[Any, ...] = ()
        path = "__".join((field.name, *self.names))
        for name in self.names:
            target = next_step(leaf, name)
            if target is None:
                raise FieldError(f"The path {path!r} leads to nothing at {name!r}.")
            in_model = isinstance(leaf, DocumentField) and leaf.embeds
            steps, leaf = (*steps, *target[0]), target[1]
        if Step.EACH in steps:
            raise FieldError(f"{path} leads to many values. Name one by its position.")
        self.validate_leaf(leaf)
        value = key_of(self.value, leaf) if leaf.remote_field else self.value
        return replace(self, steps=steps, leaf=leaf, in_model=in_model, value=value)

    def validate_leaf(self, leaf: models.Field) -> None:
        """Raise FieldError unless the operation supports this field and its value."""
        kind = type(leaf).__name__
        if self.name in ITEM_OPERATIONS and not (
            codec.is_raw(leaf) or isinstance(leaf, ITEM_OPERATIONS[self.name])
        ):
            raise FieldError(f"A {kind} does not support {self.name}.")
        if isinstance(self.value, list) and any(
            hasattr(each, "resolve_expression") for each in self.value
        ):
            raise FieldError(f"{self.name} takes values, not expressions.")
        if self.name == "increment" and not (
            codec.is_raw(leaf)
            or isinstance(leaf, (models.IntegerField, models.FloatField))
        ):
            raise FieldError(f"A {kind} cannot be incremented. Set its value.")

    @property
    def is_constant(self) -> bool:
        return not hasattr(self.value, "resolve_expression")

    def converted(self, writers: Codec) -> Any:
        """Return the value as a document of the codec."""
        if self.name == "increment":
            return self.leaf.to_python(self.value)
        if self.name in ITEM_OPERATIONS:
            items = ListField(getattr(self.leaf, "item_field", None))
            return writers.writer(items)(items.to_python(self.value))
        if self.value is None:
            return REMOVED if self.in_model else None
        field = self.leaf
        value = self.value if field.remote_field else field.to_python(self.value)
        return writers.writer(field)(value)


class Change(Expression):
    """A value for update() that changes a part of a column's document."""

    # It makes a value of NULL.
    never_null = True
    conditional = False

    def __init__(
        self,
        *operations: Operation,
        field: models.Field | None = None,
        column: Expression | None = None,
    ) -> None:
        super().__init__()
        self.operations, self.holder, self.column = operations, field, column

    @property
    def output_field(self) -> models.Field:
        return self.holder

    def within(self, path: str) -> "Change":
        """Return the same change of what a path leads to."""
        names = tuple(path.split("__"))
        return Change(
            *(replace(each, names=names + each.names) for each in self.operations)
        )

    def and_then(self, other: "Change") -> "Change":
        """Return this change followed by the other."""
        return Change(*self.operations, *other.operations)

    def for_field(self, field: models.Field) -> "Change":
        """Return the change of a field's column, with the paths resolved.

        Raise FieldError if the field does not support it.
        """
        if not isinstance(field, DocumentField):
            raise FieldError(
                f"{field.name} is not a document field, so it has no parts to change."
            )
        return Change(*(each.resolved(field) for each in self.operations), field=field)

    def resolve_expression(
        self,
        query: Query = None,
        allow_joins: bool = True,
        reuse: Any = None,
        summarize: bool = False,
        for_save: bool = False,
    ) -> "Change":
        if self.column is not None:
            return self
        if self.holder is None:
            raise FieldError(
                "Only update() of a DocumentManager can change a part of a document. "
                "Add `objects = DocumentManager()` to the model."
            )
        operations = [
            each
            if each.is_constant
            else replace(
                each,
                value=each.value.resolve_expression(
                    query, allow_joins, reuse, summarize, for_save
                ),
            )
            for each in self.operations
        ]
        column = self.holder.get_col(query.get_initial_alias())
        return Change(*operations, field=self.holder, column=column)

    def get_source_expressions(self) -> list[Any]:
        if self.column is None:
            return []
        computed = [each.value for each in self.operations if not each.is_constant]
        return [self.column, *computed]

    def set_source_expressions(self, exprs: Iterable[Any]) -> None:
        if self.column is None:
            return
        expressions = iter(exprs)
        self.column = next(expressions)
        self.operations = tuple(
            each if each.is_constant else replace(each, value=next(expressions))
            for each in self.operations
        )

    @property
    def is_constant(self) -> bool:
        """Whether every value is known, so that the store can make the change."""
        return all(each.is_constant for each in self.operations)

    def stored(
        self, connection: BaseDatabaseWrapper
    ) -> list[tuple[str, tuple[Any, ...], Any]]:
        """Return (name, steps, value in the store's types) of each operation.

        The value REMOVED sets a field of an embedded model to NULL.
        """
        writers = codec.codec_of(connection)
        return [
            (each.name, each.steps, each.converted(writers)) for each in self.operations
        ]

    def split(
        self, connection: BaseDatabaseWrapper
    ) -> list[tuple[str, tuple[Any, ...], Any]]:
        """Return stored() for a store that hides microseconds: see microseconds.py.

        Raise NotSupportedError for a change of the items of a list of datetimes.
        """
        moments = moments_of(connection)
        steps: list[tuple[str, tuple[Any, ...], Any]] = []
        for each, (name, path, value) in zip(
            self.operations, self.stored(connection), strict=True
        ):
            if not moments.is_moment(each.leaf):
                steps.append((name, path, moments.split(each.leaf, value)))
                continue
            if name != "set" or isinstance(path[-1], int):
                raise NotSupportedError(
                    f"{connection.display_name} holds the microseconds of datetimes "
                    "beside their list, whose items change"
                )
            *parents, key = path
            if not each.in_model:
                refuse_hidden(str(key))
            found = {hidden(key): REMOVED} | split(key, value)
            steps += [(name, (*parents, key), new) for key, new in found.items()]
        return steps

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        require_sql_functions(connection)
        writers = codec.text_codec_of(connection)
        sql, params = compiler.compile(self.column)
        changes: list[Any] = []
        computed: list[str] = []
        values: list[Any] = []
        for each in self.operations:
            if each.is_constant:
                value = each.converted(writers)
                source = ["removed"] if value is REMOVED else ["given", value]
            else:
                text, more = compiler.compile(each.value)
                source = ["computed", sql_kind(each.value.output_field)]
                computed.append(text)
                values += more
            changes.append([each.name, codec.loaded(path_text(each.steps)), source])
        arguments = ", ".join([sql, "%s", *computed])
        return (
            f"NONREL_UPDATE({arguments})",
            (*params, codec.dumped(changes), *values),
        )


class Push(Change):
    """update(tags=Push("x")): append items to a list."""

    def __init__(self, *items: Any) -> None:
        super().__init__(Operation("push", (), list(items)))


class Pull(Change):
    """update(tags=Pull("x")): remove all items that are equal to one of these."""

    def __init__(self, *items: Any) -> None:
        super().__init__(Operation("pull", (), list(items)))


class AddToSet(Change):
    """update(tags=AddToSet("x")): add the items that are not there yet."""

    def __init__(self, *items: Any) -> None:
        super().__init__(Operation("add_to_set", (), list(items)))


class SetKey(Change):
    """update(attributes=SetKey("colour", "red")): set one key of a dictionary."""

    def __init__(self, key: Any, value: Any) -> None:
        super().__init__(Operation("set", (str(key),), value))


class Increment(Change):
    """update(stats__visits=Increment(1)): add to a number; NULL counts as 0."""

    def __init__(self, amount: Any = 1) -> None:
        super().__init__(Operation("increment", (), amount))


class SetPath(Change):
    """update(address__city="x"): set what a path leads to."""

    def __init__(self, value: Any) -> None:
        super().__init__(Operation("set", (), value))
