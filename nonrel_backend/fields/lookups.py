"""Lookups on whole collections: contains, contained_by, overlap, exact, in and len."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.models.lookups import Lookup, Transform

from ..conditions import Column, Condition, Leaf, Step
from ..documents import codec
from ..documents.functions import path_text
from ..planner.translate import conjunction
from .base import DocumentField
from .collections import DictField, ListField, SetField
from .paths import Item, leaf_field


class DocumentLookup(Lookup):
    """A comparison with a collection; SQL has it done by a function."""

    # What the function calls the lookup, if not by its own name.
    sql_name = ""

    @property
    def field(self) -> Any:
        return self.lhs.output_field

    def get_prep_lookup(self):
        if hasattr(self.rhs, "resolve_expression") or self.rhs is None:
            return self.rhs
        return self.value_field().to_python(self.given())

    def given(self) -> Any:
        return self.rhs

    def value_field(self):
        return self.field

    def document(self, connection) -> str:
        return codec.to_text(self.value_field(), self.rhs, connection)

    def as_sql(self, compiler, connection):
        if connection.vendor != "sqlite":
            Item(self.field).as_sql(compiler, connection)  # says why not
        sql, params = self.process_lhs(compiler, connection)
        value, values = self.other_side(compiler, connection)
        return (
            f"NONREL_MATCH({sql}, %s, {value})",
            (*params, self.sql_name or self.lookup_name, *values),
        )

    def other_side(self, compiler, connection) -> tuple[str, Sequence]:
        if hasattr(self.rhs, "as_sql"):
            return compiler.compile(self.rhs)
        return "%s", [self.document(connection)]

    # --- for the planner ---

    def as_condition(self, translator, negated: bool) -> Condition:
        if hasattr(self.rhs, "resolve_expression"):
            translator.refuse("the lookup compares with an expression")
        found = self.positive(translator)
        return translator.untrue(found) if negated else found

    def positive(self, translator) -> Condition:
        translator.refuse(f"the lookup {type(self).__name__} is computed")
        raise AssertionError

    def items_column(self, translator) -> Column:
        """The column of each of the items, where they are plain values."""
        column = translator.column(self.lhs)
        if not isinstance(self.field, (ListField, SetField)):
            translator.refuse(f"{column} has no items of plain values")
        item = leaf_field(self.field.item_field)
        if isinstance(item, DocumentField) or codec.is_raw(item):
            translator.refuse(f"the items of {column} are documents")
        return Column(
            column.name, translator.store.type_of(item), (*column.path, Step.EACH)
        )

    def item_values(self, translator) -> list:
        """The other side's items as lookups of the item field have them."""
        item = self.field.item_field
        if any(each is None for each in self.rhs):
            translator.refuse("the lookup asks for items that are NULL")
        store = translator.store
        return [item.get_db_prep_value(each, store) for each in self.rhs]


class DocumentExact(DocumentLookup):
    lookup_name = "exact"

    def as_postgresql(self, compiler, connection):
        """Equal documents are equal texts."""
        sql, params = self.process_lhs(compiler, connection)
        value, values = self.other_side(compiler, connection)
        return f"{sql} = {value}", (*params, *values)


class SetExact(DocumentExact):
    """The same items, in whatever order they are stored."""

    sql_name = "same_items"


class DocumentIn(DocumentLookup):
    lookup_name = "in"

    def value_field(self):
        return ListField(self.field)

    def given(self):
        return list(self.rhs)

    def as_postgresql(self, compiler, connection):
        if hasattr(self.rhs, "as_sql"):
            return self.as_sql(compiler, connection)
        sql, params = self.process_lhs(compiler, connection)
        values = [codec.to_text(self.field, each, connection) for each in self.rhs]
        if not values:
            raise EmptyResultSet
        places = ", ".join(["%s"] * len(values))
        return f"{sql} IN ({places})", (*params, *values)


class ItemsLookup(DocumentLookup):
    """With a list of items on the other side, or one."""

    def value_field(self):
        return ListField(self.field.item_field)

    def given(self):
        if isinstance(self.rhs, (list, tuple, set, frozenset)):
            return list(self.rhs)
        return [self.rhs]

    def get_prep_lookup(self):
        if self.rhs is None:
            return [None]
        return super().get_prep_lookup()


class Contains(ItemsLookup):
    """All of these items are in it."""

    lookup_name = "contains"

    def positive(self, translator):
        column = self.items_column(translator)
        values = self.item_values(translator)
        if not values:
            return Leaf(translator.column(self.lhs), "isnull", False)
        return conjunction(*(Leaf(column, "exact", value) for value in values))


class ContainedBy(ItemsLookup):
    """It has no item but these."""

    lookup_name = "contained_by"

    def positive(self, translator):
        column = self.items_column(translator)
        return Leaf(column, "contained_by", self.item_values(translator))


class Overlap(ItemsLookup):
    """Any of these items is in it."""

    lookup_name = "overlap"

    def positive(self, translator):
        column = self.items_column(translator)
        values = self.item_values(translator)
        if not values:
            translator.refuse("the lookup asks for no items")
        return Leaf(column, "in", values)


class DictContains(DocumentLookup):
    """All of these keys are in it, with these values."""

    lookup_name = "contains"


class Length(Transform):
    """How many items a collection has."""

    lookup_name = "len"

    @property
    def output_field(self):
        return models.IntegerField()

    def as_sql(self, compiler, connection, **kwargs):
        Item(models.IntegerField()).as_sql(compiler, connection)
        sql, params = compiler.compile(self.lhs)
        return (
            f"NONREL_DOC({sql}, %s, %s)",
            (*params, path_text([Step.LENGTH]), "plain"),
        )

    def as_column(self, translator) -> Column:
        column = translator.column(self.lhs)
        return Column(column.name, "int", (*column.path, Step.LENGTH))


DocumentField.register_lookup(DocumentExact)
DocumentField.register_lookup(DocumentIn)
for field in (ListField, SetField):
    for lookup in (Contains, ContainedBy, Overlap, Length):
        field.register_lookup(lookup)
SetField.register_lookup(SetExact)
DictField.register_lookup(DictContains)
DictField.register_lookup(Length)
