"""Lookups on whole collections: contains, contained_by, overlap, exact, in and len."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.lookups import Lookup, Transform
from django.db.models.sql.compiler import SQLCompiler

from ..conditions import Column, Condition, Leaf, Step, conjunction
from ..documents import codec
from ..documents.functions import path_text
from ..documents.moments import moments_of
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..values.columns import stored_field
from ..values.saving import of_filter
from .base import DocumentField
from .collections import DictField, ListField, SetField
from .paths import require_sql_functions


class DocumentLookup(Lookup):
    """A comparison with a collection. On SQLite, an SQL function does it."""

    # The name of the lookup in the SQL function, if it is not `lookup_name`.
    sql_name = ""

    @property
    def field(self) -> Any:
        return self.lhs.output_field

    def get_prep_lookup(self) -> Any:
        if hasattr(self.rhs, "resolve_expression") or self.rhs is None:
            return self.rhs
        return self.value_field().to_python(self.rhs_items())

    def rhs_items(self) -> Any:
        """Return the right-hand side as a value of `value_field`."""
        return self.rhs

    def value_field(self) -> DocumentField:
        """Return the field of the right-hand side."""
        field: DocumentField = self.field
        return field

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        require_sql_functions(connection)
        sql, params = self.process_lhs(compiler, connection)
        value, values = self.rhs_sql(compiler, connection)
        return (
            f"NONREL_MATCH({sql}, %s, {value})",
            (*params, self.sql_name or self.lookup_name, *values),
        )

    def rhs_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        if hasattr(self.rhs, "as_sql"):
            sql, params = compiler.compile(self.rhs)
            return sql, params
        return "%s", [codec.to_text(self.value_field(), self.rhs, connection)]

    # --- for the planner ---

    def as_condition(self, translator: Translator, negated: bool) -> Condition:
        """Return the planner's condition. Refuse what the stores do not compute."""
        if hasattr(self.rhs, "resolve_expression"):
            raise Refused("the lookup compares with an expression")
        condition = self.positive(translator)
        return translator.untrue(condition) if negated else condition

    def positive(self, translator: Translator) -> Condition:
        """Return the condition without a negation."""
        raise Refused(f"no store computes {self.lookup_name} of a whole document")

    def items_column(self, translator: Translator) -> Column:
        """Return the planner's column for the items. Refuse items with a structure."""
        column = translator.column(self.lhs)
        if not isinstance(self.field, (ListField, SetField)):
            raise Refused(f"{column} is not a list or a set")
        item = stored_field(self.field.item_field)
        if isinstance(item, DocumentField) or codec.is_raw(item):
            raise Refused(f"the items of {column} are documents")
        return Column(
            column.name, translator.store.type_of(item), (*column.path, Step.EACH)
        )

    def item_values(self, translator: Translator) -> list[Any]:
        """Return the right-hand side's items as the item field's lookups have them."""
        item = self.field.item_field
        if any(each is None for each in self.rhs):
            raise Refused("the lookup asks for items that are NULL")
        store = translator.store
        return [of_filter(item, each, store, prepared=False) for each in self.rhs]


class DocumentExact(DocumentLookup):
    """The collection, or the embedded model, is equal to this one."""

    lookup_name = "exact"

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        """Compare the texts: equal documents have equal texts."""
        sql, params = self.process_lhs(compiler, connection)
        value, values = self.rhs_sql(compiler, connection)
        return f"{sql} = {value}", (*params, *values)


class SetExact(DocumentExact):
    """The set has the same items, in whatever order they are stored."""

    sql_name = "same_items"


class DocumentIn(DocumentLookup):
    """The collection, or the embedded model, is equal to one of these."""

    lookup_name = "in"

    def value_field(self) -> DocumentField:
        return ListField(self.field)

    def rhs_items(self) -> list[Any]:
        return list(self.rhs)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        if hasattr(self.rhs, "as_sql"):
            return self.as_sql(compiler, connection)
        sql, params = self.process_lhs(compiler, connection)
        values = [codec.to_text(self.field, each, connection) for each in self.rhs]
        if not values:
            raise EmptyResultSet
        places = ", ".join(["%s"] * len(values))
        return f"{sql} IN ({places})", (*params, *values)


class ItemsLookup(DocumentLookup):
    """A lookup with one item or a list of items on the right-hand side."""

    def value_field(self) -> DocumentField:
        return ListField(self.field.item_field)

    def rhs_items(self) -> list[Any]:
        if isinstance(self.rhs, (list, tuple, set, frozenset)):
            return list(self.rhs)
        return [self.rhs]

    def get_prep_lookup(self) -> Any:
        if self.rhs is None:
            return [None]
        return super().get_prep_lookup()


class Contains(ItemsLookup):
    """The collection contains all of these items."""

    lookup_name = "contains"

    def positive(self, translator: Translator) -> Condition:
        column = self.items_column(translator)
        values = self.item_values(translator)
        if not values:
            return Leaf(translator.column(self.lhs), "isnull", False)
        return conjunction(*(Leaf(column, "exact", value) for value in values))


class ContainedBy(ItemsLookup):
    """The collection contains no other item."""

    lookup_name = "contained_by"

    def positive(self, translator: Translator) -> Condition:
        column = self.items_column(translator)
        return Leaf(column, "contained_by", self.item_values(translator))


class Overlap(ItemsLookup):
    """The collection contains any of these items."""

    lookup_name = "overlap"

    def positive(self, translator: Translator) -> Condition:
        column = self.items_column(translator)
        values = self.item_values(translator)
        if not values:
            raise Refused("the lookup asks for no items")
        return Leaf(column, "in", values)


class DictContains(DocumentLookup):
    """The dictionary contains all of these keys, with these values."""

    lookup_name = "contains"


class Length(Transform):
    """The number of items in a collection."""

    lookup_name = "len"

    @property
    def output_field(self) -> models.Field:
        return models.IntegerField()

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **kwargs: Any
    ) -> tuple[str, Sequence[Any]]:
        require_sql_functions(connection)
        sql, params = compiler.compile(self.lhs)
        return (
            f"NONREL_DOC({sql}, %s, %s)",
            (*params, path_text([Step.LENGTH]), "plain"),
        )

    def as_column(self, translator: Translator) -> Column:
        column = translator.column(self.lhs)
        if self.counts_hidden(translator.store):
            raise Refused(f"the store holds microseconds beside the items of {column}")
        return Column(column.name, "int", (*column.path, Step.LENGTH))

    def counts_hidden(self, store: Any) -> bool:
        """Return whether the store holds other keys among those of the dictionary."""
        lhs: Any = self.lhs
        field = lhs.output_field
        table = getattr(lhs, "root", lhs).target.model._meta.db_table
        return (
            isinstance(field, DictField)
            and store.hides_microseconds(table)
            and moments_of(store).is_moment(field.item_field)
        )


DocumentField.register_lookup(DocumentExact)
DocumentField.register_lookup(DocumentIn)
for field in (ListField, SetField):
    for lookup in (Contains, ContainedBy, Overlap, Length):
        field.register_lookup(lookup)
SetField.register_lookup(SetExact)
DictField.register_lookup(DictContains)
DictField.register_lookup(Length)
