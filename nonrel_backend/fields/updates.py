"""Atomic changes of a part of a document: Push, Pull, AddToSet, SetKey, Increment."""

from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.expressions import Expression

from ..conditions import Step
from ..documents import codec
from ..documents.changing import REMOVED
from ..documents.functions import path_text
from .base import DocumentField
from .collections import ListField, SetField
from .paths import Item, key_of, kind_of, next_step


@dataclass(frozen=True)
class Operation:
    """What is done to what a path leads to; the path's names, then its steps."""

    name: str
    names: tuple[str, ...]
    value: Any
    steps: tuple = ()
    leaf: Any = None
    in_model: bool = False

    def resolved(self, field) -> "Operation":
        """With the steps and the field that the names lead to."""
        leaf, steps, in_model = field, (), False
        for name in self.names:
            found = next_step(leaf, name)
            if found is None:
                raise FieldError(f"{field.name} has no {'__'.join(self.names)}.")
            in_model = isinstance(leaf, DocumentField) and leaf.embeds
            steps, leaf = (*steps, *found[0]), found[1]
        if Step.EACH in steps:
            raise FieldError(
                f"{field.name}__{'__'.join(self.names)} leads to many values: name "
                "one by its position."
            )
        if self.name in ITEM_OPERATIONS:
            kinds = ITEM_OPERATIONS[self.name]
            if not (codec.is_raw(leaf) or isinstance(leaf, kinds)):
                raise FieldError(
                    f"{self.name} does not go with a {type(leaf).__name__}."
                )
        if isinstance(self.value, list) and any(
            hasattr(each, "resolve_expression") for each in self.value
        ):
            raise FieldError(f"{self.name} takes values, not expressions.")
        if self.name == "increment" and not (
            codec.is_raw(leaf)
            or isinstance(leaf, (models.IntegerField, models.FloatField))
        ):
            raise FieldError(f"A {type(leaf).__name__} is not incremented: set it.")
        value = key_of(self.value, leaf) if leaf.remote_field else self.value
        return replace(self, steps=steps, leaf=leaf, in_model=in_model, value=value)

    @property
    def is_constant(self) -> bool:
        return not hasattr(self.value, "resolve_expression")

    def converted(self, writers) -> Any:
        """The value as a document, by a codec."""
        if self.name == "increment":
            return self.leaf.to_python(self.value)
        if self.name in ITEM_OPERATIONS:
            items = self.items_field()
            return writers.writer(items)(items.to_python(self.value))
        if self.value is None:
            return REMOVED if self.in_model else None
        field = self.leaf
        value = self.value if field.remote_field else field.to_python(self.value)
        return writers.writer(field)(value)

    def items_field(self):
        item = getattr(self.leaf, "item_field", None)
        return ListField(item)


# What a change of items is a change of.
ITEM_OPERATIONS: dict[str, tuple] = {
    "push": (ListField,),
    "pull": (ListField, SetField),
    "add_to_set": (ListField, SetField),
}


class Change(Expression):
    """A value of update() that changes a part of what is there."""

    # What it makes of NULL is a value.
    never_null = True
    conditional = False

    def __init__(self, *operations: Operation, field=None, column=None):
        super().__init__()
        self.operations, self.holder, self.column = operations, field, column

    @property
    def output_field(self):
        return self.holder

    def within(self, path: str) -> "Change":
        """The same change of what a path leads to."""
        names = tuple(path.split("__"))
        return Change(
            *(replace(each, names=names + each.names) for each in self.operations)
        )

    def and_then(self, other: "Change") -> "Change":
        return Change(*self.operations, *other.operations)

    def of(self, field) -> "Change":
        """The change as one of a field's column."""
        if not isinstance(field, DocumentField):
            raise FieldError(f"{field.name} holds no documents that could be changed.")
        return Change(*(each.resolved(field) for each in self.operations), field=field)

    def resolve_expression(
        self, query=None, allow_joins=True, reuse=None, summarize=False, for_save=False
    ):
        if self.column is not None:
            return self
        if self.holder is None:
            raise FieldError(
                "A change of a part of a document goes through update() of a "
                "DocumentManager: add `objects = DocumentManager()` to the model."
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

    def get_source_expressions(self):
        if self.column is None:
            return []
        computed = [each.value for each in self.operations if not each.is_constant]
        return [self.column, *computed]

    def set_source_expressions(self, exprs):
        if not exprs:
            return
        self.column, *computed = exprs
        waiting = iter(computed)
        self.operations = tuple(
            each if each.is_constant else replace(each, value=next(waiting))
            for each in self.operations
        )

    @property
    def is_constant(self) -> bool:
        """Whether the store may make the change by itself."""
        return all(each.is_constant for each in self.operations)

    def stored(self, connection) -> list[tuple[str, tuple, Any]]:
        """(name, steps, value in the store's types); REMOVED sets to NULL."""
        writers = codec.codec_of(connection)
        return [
            (each.name, each.steps, each.converted(writers)) for each in self.operations
        ]

    def as_sql(self, compiler, connection):
        Item(self.holder).as_sql(compiler, connection)  # refuses other SQL
        writers = codec.text_codec_of(connection)
        sql, params = compiler.compile(self.column)
        params = list(params)
        changes: list[Any] = []
        computed, values = [], []
        for each in self.operations:
            if each.is_constant:
                found = each.converted(writers)
                value = ["removed"] if found is REMOVED else ["given", found]
            else:
                text, more = compiler.compile(each.value)
                value = ["computed", kind_of(each.value.output_field)]
                computed.append(text)
                values += more
            changes.append([each.name, codec.loaded(path_text(each.steps)), value])
        arguments = ", ".join([sql, "%s", *computed])
        return (
            f"NONREL_UPDATE({arguments})",
            (*params, codec.dumped(changes), *values),
        )


class Push(Change):
    """update(tags=Push("x")): the items at the end of the list."""

    def __init__(self, *items):
        super().__init__(Operation("push", (), list(items)))


class Pull(Change):
    """update(tags=Pull("x")): without the items that are equal to these."""

    def __init__(self, *items):
        super().__init__(Operation("pull", (), list(items)))


class AddToSet(Change):
    """update(tags=AddToSet("x")): with these items, where they are not there yet."""

    def __init__(self, *items):
        super().__init__(Operation("add_to_set", (), list(items)))


class SetKey(Change):
    """update(attributes=SetKey("colour", "red")): one key of the dictionary."""

    def __init__(self, key, value):
        super().__init__(Operation("set", (str(key),), value))


class Increment(Change):
    """update(stats__visits=Increment(1)): a number, NULL counting as 0."""

    def __init__(self, amount=1):
        super().__init__(Operation("increment", (), amount))


class SetPath(Change):
    """update(address__city="x"): what a path leads to."""

    def __init__(self, value):
        super().__init__(Operation("set", (), value))
