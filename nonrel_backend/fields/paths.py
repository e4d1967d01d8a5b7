"""Paths into documents as expressions, and the lookups on what they lead to.

A path is a column of its own: of the type of the field that it leads to, with all of
that field's lookups. A lookup on a path is true or false, never NULL; on a path to
many values it asks whether any of them satisfies it.
"""

from django.core.exceptions import FieldError, FullResultSet
from django.db import NotSupportedError, models
from django.db.models.expressions import Col, Expression
from django.db.models.lookups import Lookup, Transform

from ..conditions import Column, Condition, Leaf, Step
from ..documents import codec
from ..documents.functions import path_text
from ..documents.matching import RAW_LOOKUPS
from ..values.columns import stored_field
from ..values.local import EXACT_DIGITS
from .base import DocumentField


def leaf_field(field):
    """The field whose lookups a leaf has: of a foreign key, the key's."""
    return stored_field(field)


def kind_of(field) -> str:
    """How SQL is to hold a leaf."""
    if codec.is_raw(field):
        return "raw"
    if isinstance(field, DocumentField):
        return "document"
    if isinstance(field, models.BooleanField):
        return "boolean"
    return "binary" if codec.is_binary(field) else "plain"


class TypedSQL(Expression):
    """An SQL text with the type of a leaf: decimals compare as numbers."""

    def __init__(self, field):
        super().__init__(output_field=field)

    def text(self, compiler, connection) -> tuple[str, list]:
        raise NotImplementedError

    def as_sql(self, compiler, connection):
        if connection.vendor != "sqlite":
            raise NotSupportedError(
                f"Documents on {connection.display_name} are text, into which queries "
                "cannot look: filter in Python, or use a column for it."
            )
        sql, params = self.text(compiler, connection)
        field = self.output_field
        if field.get_internal_type() != "DecimalField":
            return sql, params
        digits = field.max_digits or EXACT_DIGITS + 1
        if digits > EXACT_DIGITS and hasattr(connection, "exact_decimals"):
            return f"{sql} COLLATE nonrel_decimal", params
        return f"CAST({sql} AS NUMERIC)", params


class Item(TypedSQL):
    """One of the values at a path, within the SQL of a lookup."""

    def text(self, compiler, connection):
        sql = '"nonrel_item"."value"'
        if kind_of(self.output_field) == "binary":
            sql = f"NONREL_UNHEX({sql})"
        return sql, []


class Value(TypedSQL):
    """The value at a path, as SQL."""

    def __init__(self, root, steps, field):
        super().__init__(field)
        self.root, self.steps = root, steps

    def text(self, compiler, connection):
        sql, params = compiler.compile(self.root)
        kind = kind_of(self.output_field)
        return f"NONREL_DOC({sql}, %s, %s)", [*params, path_text(self.steps), kind]


class Path(Transform):
    """What is found in a column of documents by `steps`: values of the field `leaf`,
    with `transforms` (of dates, as `__year`) applied.
    """

    def __init__(self, root, steps, leaf, transforms=()):
        super().__init__(root)
        self.steps, self.leaf, self.transforms = tuple(steps), leaf, tuple(transforms)

    @staticmethod
    def factory(steps, leaf):
        return lambda root: Path(root, steps, leaf)

    @property
    def root(self):
        return self.lhs

    @property
    def is_many(self) -> bool:
        return Step.EACH in self.steps

    @property
    def output_field(self):
        field = self.value_field
        if not self.is_many:
            return field
        from .collections import ListField

        return ListField(field)

    @property
    def value_field(self):
        """The field of one value."""
        field = leaf_field(self.leaf)
        if not self.transforms:
            return field
        return self.transformed(Item(field)).output_field

    def transformed(self, expression):
        for transform in self.transforms:
            expression = transform(expression)
        return expression

    def value(self):
        if self.is_many and self.transforms:
            raise NotSupportedError(
                "A part of each of many values can be filtered by, not shown."
            )
        field = leaf_field(self.leaf)
        if self.is_many:
            return Value(self.root, self.steps, self.output_field)
        return self.transformed(Value(self.root, self.steps, field))

    def as_sql(self, compiler, connection, **kwargs):
        return compiler.compile(self.value())

    def as_sqlite(self, compiler, connection, **kwargs):
        return self.as_sql(compiler, connection)

    def __str__(self):
        names = [str(step) for step in self.steps if not isinstance(step, Step)]
        return "__".join([self.root.target.name, *names])

    # --- what may follow in a name ---

    def get_transform(self, name):
        if not self.transforms:
            found = next_step(self.leaf, name)
            if found is not None:
                steps, leaf = found
                return lambda path: Path(path.root, (*path.steps, *steps), leaf)
            if self.leaf.remote_field:
                raise FieldError(
                    f"{self.leaf.name!r} is a key in an embedded model: a query cannot "
                    f"follow it to {name!r}. Find the keys first, and filter by them."
                )
        transform = self.value_field.get_transform(name)
        if transform is None:
            return None
        return lambda path: Path(
            path.root, path.steps, path.leaf, (*path.transforms, transform)
        )

    def get_lookup(self, name):
        if name == "isnull":
            return PathIsNull
        field = self.value_field
        if codec.is_raw(field):
            return RawLookup.named(name) if name in RAW_LOOKUPS else None
        base = field.get_lookup(name)
        return None if base is None else lambda path, rhs: PathLookup(path, rhs, base)

    # --- for the planner ---

    def as_column(self, translator) -> Column | None:
        """The column of the planner that the path is, None where it is none."""
        if self.transforms or type(self.root) is not Col:
            return None
        if self.root.alias != translator.alias:
            return None
        return Column(
            self.root.target.column, self.column_type(translator.store), self.steps
        )

    def column_type(self, store) -> str:
        kind = kind_of(self.leaf)
        return kind if kind in ("raw", "document") else store.type_of(self.leaf)


class EachValue(Path):
    """One of the values at a path, for the planner."""

    @property
    def output_field(self):
        return leaf_field(self.leaf)


def next_step(leaf, name: str):
    if codec.is_raw(leaf):
        return (name,), leaf
    if isinstance(leaf, DocumentField):
        if leaf.class_lookups_has(name):
            return None
        return leaf.step(name)
    return None


class AnyItem(Lookup):
    """A lookup on a path: EXISTS (a value at the path that satisfies it)."""

    can_use_none_as_rhs = False

    @property
    def path(self) -> Path:
        return self.lhs

    @property
    def identity(self):
        return (*super().identity, self.lookup_name)

    def get_prep_lhs(self):
        return self.lhs

    def condition_sql(self, compiler, connection) -> tuple[str, list]:
        """The SQL of the condition on "nonrel_item"."value"."""
        raise NotImplementedError

    def as_sql(self, compiler, connection):
        path = self.path
        Item(leaf_field(path.leaf)).as_sql(compiler, connection)  # refuses other SQL
        condition, values = self.condition_sql(compiler, connection)
        sql, params = compiler.compile(path.root)
        kind = kind_of(path.leaf)
        where = f" WHERE {condition}" if condition else ""
        return (
            f"EXISTS(SELECT 1 FROM json_each(NONREL_ITEMS({sql}, %s, %s)) "
            f'AS "nonrel_item"{where})',
            (*params, path_text(path.steps), kind, *values),
        )


def key_of(value, relation):
    """What an embedded foreign key stores of a model's instance."""
    if not isinstance(value, models.Model):
        return value
    return getattr(value, relation.target_field.attname)


class PathLookup(AnyItem):
    """A lookup of the leaf's own field."""

    def __init__(self, path, rhs, base):
        self.base = base
        super().__init__(path, rhs)
        self.lookup_name = base.lookup_name

    def get_prep_lookup(self):
        field = leaf_field(self.path.leaf)
        rhs = self.rhs
        if self.path.leaf.remote_field:
            if isinstance(rhs, (list, tuple, set)):
                rhs = [key_of(each, self.path.leaf) for each in rhs]
            rhs = key_of(rhs, self.path.leaf)
        return self.base(self.path.transformed(Item(field)), rhs).rhs

    def inner(self, lhs):
        """The lookup on one value."""
        return self.base(self.path.transformed(lhs), self.rhs)

    def condition_sql(self, compiler, connection):
        try:
            return compiler.compile(self.inner(Item(leaf_field(self.path.leaf))))
        except FullResultSet:
            return '"nonrel_item"."value" IS NOT NULL', []

    def as_condition(self, translator, negated: bool) -> Condition:
        path = self.path
        each = EachValue(path.root, path.steps, path.leaf)
        found = translator.condition(self.inner(each))
        if path.is_many and not isinstance(found, Leaf):
            translator.refuse("both parts must hold for one value")
        return translator.untrue(found) if negated else found


class PathIsNull(AnyItem):
    """Whether a path leads to nothing but NULLs."""

    lookup_name = "isnull"

    def get_prep_lookup(self):
        if not isinstance(self.rhs, bool):
            raise ValueError(
                "The QuerySet value for an isnull lookup must be True or False."
            )
        return self.rhs

    def condition_sql(self, compiler, connection):
        return '"nonrel_item"."value" IS NOT NULL', []

    def as_sql(self, compiler, connection):
        sql, params = super().as_sql(compiler, connection)
        return (f"NOT {sql}" if self.rhs else sql), params

    def as_condition(self, translator, negated: bool) -> Condition:
        column = translator.column(
            Path(self.path.root, self.path.steps, self.path.leaf)
        )
        return Leaf(column, "isnull", self.rhs != negated)


class RawLookup(AnyItem):
    """A lookup on values of any type."""

    def __init__(self, path, rhs, name):
        self.lookup_name = name
        super().__init__(path, rhs)

    @staticmethod
    def named(name: str):
        return lambda path, rhs: RawLookup(path, rhs, name)

    def get_prep_lookup(self):
        rhs = self.rhs
        if hasattr(rhs, "resolve_expression"):
            raise NotSupportedError(
                "A value of no declared type is compared with plain values only."
            )
        if self.lookup_name in ("in", "range"):
            rhs = list(rhs)
        return None if rhs is None else codec.json_checked(rhs)

    def condition_sql(self, compiler, connection):
        return (
            'NONREL_RAW("nonrel_item"."value", %s, %s)',
            [self.lookup_name, codec.dumped(self.rhs)],
        )

    def as_condition(self, translator, negated: bool) -> Condition:
        column = translator.column(self.path)
        found = Leaf(column, self.lookup_name, self.rhs)
        return translator.untrue(found) if negated else found
