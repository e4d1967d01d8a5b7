"""Document paths as expressions, and the lookups on the values they lead to.

A path acts as a column: it has the type of the field it leads to, and all of that
field's lookups. A lookup on a path is true or false, never NULL. On a path to many
values it asks whether any of them satisfies it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.core.exceptions import FieldError, FullResultSet
from django.db import NotSupportedError, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col, Expression
from django.db.models.lookups import Lookup, Transform
from django.db.models.sql.compiler import SQLCompiler

from ..conditions import Column, Condition, Leaf, Step
from ..documents import codec
from ..documents.databases import require_app
from ..documents.functions import path_text
from ..documents.matching import RAW_LOOKUPS
from ..planner.refusal import Refused
from ..planner.translate import Translator
from ..values.columns import stored_field
from ..values.local import EXACT_DIGITS
from .base import DocumentField, Target
from .collections import ListField


def sql_kind(field: models.Field) -> str:
    """Return the kind of SQL value that the SQL functions make of a leaf."""
    if codec.is_raw(field):
        return "raw"
    if isinstance(field, DocumentField):
        return "document"
    if isinstance(field, models.BooleanField):
        return "boolean"
    return "binary" if codec.is_binary(field) else "plain"


def require_sql_functions(connection: BaseDatabaseWrapper) -> None:
    """Raise NotSupportedError unless SQL on this connection can read documents."""
    if connection.vendor != "sqlite":
        raise NotSupportedError(
            f"{connection.display_name} holds documents as text, and queries cannot "
            "look inside. Filter in Python, or use a column of its own for the value."
        )
    require_app(connection)


class TypedSQL(Expression):
    """SQL for a leaf, with the leaf's type: decimals compare as numbers."""

    def __init__(self, field: models.Field) -> None:
        super().__init__(output_field=field)

    def text(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        """Return the SQL without the type, and its parameters."""
        raise NotImplementedError

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        require_sql_functions(connection)
        sql, params = self.text(compiler, connection)
        field = self.output_field
        if field.get_internal_type() != "DecimalField":
            return sql, params
        digits = field.max_digits or EXACT_DIGITS + 1
        if digits > EXACT_DIGITS and hasattr(connection, "exact_decimals"):
            return f"{sql} COLLATE nonrel_decimal", params
        return f"CAST({sql} AS NUMERIC)", params


class Item(TypedSQL):
    """One of the values at a path, inside the SQL of a lookup."""

    def text(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        sql = '"nonrel_item"."value"'
        if sql_kind(self.output_field) == "binary":
            sql = f"NONREL_UNHEX({sql})"
        return sql, []


class Value(TypedSQL):
    """The value at a path."""

    def __init__(
        self, root: Expression, steps: Iterable[Any], field: models.Field
    ) -> None:
        super().__init__(field)
        self.root, self.steps = root, steps

    def text(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        sql, params = compiler.compile(self.root)
        kind = sql_kind(self.output_field)
        return f"NONREL_DOC({sql}, %s, %s)", [*params, path_text(self.steps), kind]


class Path(Transform):
    """A path through a column of documents.

    `steps` lead from the column `root` to values of the field `leaf`. `transforms`,
    such as a date's `__year`, are applied to each value.
    """

    def __init__(
        self,
        root: Expression,
        steps: Iterable[Any],
        leaf: models.Field,
        transforms: Iterable[Any] = (),
    ) -> None:
        super().__init__(root)
        self.steps, self.leaf, self.transforms = tuple(steps), leaf, tuple(transforms)

    @staticmethod
    def factory(
        steps: Iterable[Any], leaf: models.Field
    ) -> Callable[[Expression], "Path"]:
        return lambda root: Path(root, steps, leaf)

    @property
    def root(self) -> Expression:
        return self.lhs

    @property
    def is_many(self) -> bool:
        return Step.EACH in self.steps

    @property
    def output_field(self) -> models.Field:
        field = self.value_field
        return ListField(field) if self.is_many else field

    @property
    def value_field(self) -> models.Field:
        """The field of one value."""
        field = stored_field(self.leaf)
        if not self.transforms:
            return field
        return self.transformed(Item(field)).output_field

    def transformed(self, expression: Expression) -> Expression:
        for transform in self.transforms:
            expression = transform(expression)
        return expression

    def value(self) -> Expression:
        """Return the expression of the value, or of the list of all values.

        Raise NotSupportedError for transforms of many values.
        """
        if self.is_many and self.transforms:
            raise NotSupportedError(
                f"{self} leads to many values. A transform of each can be filtered by, "
                "but not selected."
            )
        if self.is_many:
            return Value(self.root, self.steps, self.output_field)
        return self.transformed(Value(self.root, self.steps, stored_field(self.leaf)))

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **kwargs: Any
    ) -> tuple[str, Sequence[Any]]:
        sql, params = compiler.compile(self.value())
        return sql, params

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **kwargs: Any
    ) -> tuple[str, Sequence[Any]]:
        return self.as_sql(compiler, connection)

    def __str__(self) -> str:
        names = [str(step) for step in self.steps if not isinstance(step, Step)]
        return "__".join([self.root.target.name, *names])

    # --- what may follow in a name ---

    def get_transform(self, name: str) -> Any:
        """Return the longer path, or the path with a transform of its values, or None.

        Raise FieldError for a name that would follow a foreign key.
        """
        if not self.transforms:
            target = next_step(self.leaf, name)
            if target is not None:
                steps, leaf = target
                return lambda path: Path(path.root, (*path.steps, *steps), leaf)
            if self.leaf.remote_field:
                raise FieldError(
                    f"{self.leaf.name!r} is a foreign key in an embedded model, and "
                    f"queries cannot follow it to {name!r}. Find the keys first, and "
                    "filter by them."
                )
        transform = self.value_field.get_transform(name)
        if transform is None:
            return None
        return lambda path: Path(
            path.root, path.steps, path.leaf, (*path.transforms, transform)
        )

    def get_lookup(self, name: str) -> Any:
        if name == "isnull":
            return PathIsNull
        field = self.value_field
        if codec.is_raw(field):
            return RawLookup.named(name) if name in RAW_LOOKUPS else None
        base = field.get_lookup(name)
        if not isinstance(base, type):  # None, or what item_lookup() has made
            return base
        return lambda path, rhs: PathLookup(path, rhs, base)

    @staticmethod
    def item_lookup(item: models.Field, name: str) -> Any:
        """Return the lookup on any item of a list, or None if `item` has none."""
        raw = codec.is_raw(item)
        if isinstance(item, DocumentField) or not (
            name in RAW_LOOKUPS if raw else item.get_lookup(name)
        ):
            return None

        def make(lhs: Expression, rhs: Any) -> Lookup:
            root, steps = (lhs.root, lhs.steps) if type(lhs) is Path else (lhs, ())
            path = Path(root, (*steps, Step.EACH), item)
            return path.get_lookup(name)(path, rhs)

        return make

    # --- for the planner ---

    def as_column(self, translator: Translator) -> Column | None:
        """Return the planner's column for the path, or None if there is none."""
        if self.transforms or type(self.root) is not Col:
            return None
        if self.root.alias != translator.alias:
            return None
        return Column(
            self.root.target.column, self.column_type(translator.store), self.steps
        )

    def column_type(self, store: BaseDatabaseWrapper) -> str:
        kind = sql_kind(self.leaf)
        if kind in ("raw", "document"):
            return kind
        db_type: str = store.type_of(self.leaf)
        return db_type


class EachValue(Path):
    """One of the values at a path, for the planner."""

    @property
    def output_field(self) -> models.Field:
        return stored_field(self.leaf)


def next_step(leaf: models.Field, name: str) -> Target | None:
    """Return what `name` leads to after a path to `leaf`, or None."""
    if codec.is_raw(leaf):
        return (name,), leaf
    if isinstance(leaf, DocumentField) and not leaf.has_transform(name):
        return leaf.step(name)
    return None


class AnyItem(Lookup):
    """A lookup on a path: EXISTS (a value at the path that satisfies it)."""

    can_use_none_as_rhs = False

    @property
    def path(self) -> Path:
        path: Path = self.lhs
        return path

    @property
    def identity(self) -> Any:
        return (*super().identity, self.lookup_name)

    def get_prep_lhs(self) -> Any:
        return self.lhs

    def condition_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        """Return the SQL of the condition on "nonrel_item"."value"."""
        raise NotImplementedError

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        require_sql_functions(connection)
        path = self.path
        condition, values = self.condition_sql(compiler, connection)
        sql, params = compiler.compile(path.root)
        kind = sql_kind(path.leaf)
        where = f" WHERE {condition}" if condition else ""
        return (
            f"EXISTS(SELECT 1 FROM json_each(NONREL_ITEMS({sql}, %s, %s)) "
            f'AS "nonrel_item"{where})',
            (*params, path_text(path.steps), kind, *values),
        )


def key_of(value: Any, relation: Any) -> Any:
    """Return what an embedded foreign key stores for a model instance.

    Any other value is returned unchanged.
    """
    if not isinstance(value, models.Model):
        return value
    return getattr(value, relation.target_field.attname)


class PathLookup(AnyItem):
    """A lookup of the leaf's own field."""

    def __init__(self, path: Path, rhs: Any, base: type[Lookup]) -> None:
        self.base = base
        super().__init__(path, rhs)
        self.lookup_name = base.lookup_name

    def get_prep_lookup(self) -> Any:
        field = stored_field(self.path.leaf)
        rhs = self.rhs
        if self.path.leaf.remote_field:
            if isinstance(rhs, (list, tuple, set)):
                rhs = [key_of(each, self.path.leaf) for each in rhs]
            rhs = key_of(rhs, self.path.leaf)
        return self.base(self.path.transformed(Item(field)), rhs).rhs

    def inner(self, lhs: Expression) -> Lookup:
        """Return the lookup on one value."""
        return self.base(self.path.transformed(lhs), self.rhs)

    def condition_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        inner = self.inner(Item(stored_field(self.path.leaf)))
        try:
            sql, params = compiler.compile(inner)
        except FullResultSet:
            return '"nonrel_item"."value" IS NOT NULL', []
        return sql, params

    def as_condition(self, translator: Translator, negated: bool) -> Condition:
        path = self.path
        each = EachValue(path.root, path.steps, path.leaf)
        condition: Condition = translator.condition(self.inner(each))
        if path.is_many and not isinstance(condition, Leaf):
            raise Refused(f"one value of {path} must satisfy several conditions")
        return translator.untrue(condition) if negated else condition


class PathIsNull(AnyItem):
    """Whether a path leads to no value but NULL."""

    lookup_name = "isnull"

    def get_prep_lookup(self) -> bool:
        if not isinstance(self.rhs, bool):
            raise ValueError(
                "The QuerySet value for an isnull lookup must be True or False."
            )
        return self.rhs

    def condition_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        return '"nonrel_item"."value" IS NOT NULL', []

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        sql, params = super().as_sql(compiler, connection)
        return (f"NOT {sql}" if self.rhs else sql), params

    def as_condition(self, translator: Translator, negated: bool) -> Condition:
        column = translator.column(
            Path(self.path.root, self.path.steps, self.path.leaf)
        )
        return Leaf(column, "isnull", self.rhs != negated)


class RawLookup(AnyItem):
    """A lookup on values without a declared type."""

    def __init__(self, path: Path, rhs: Any, name: str) -> None:
        self.lookup_name = name
        super().__init__(path, rhs)

    @staticmethod
    def named(name: str) -> Callable[[Path, Any], "RawLookup"]:
        return lambda path, rhs: RawLookup(path, rhs, name)

    def get_prep_lookup(self) -> Any:
        rhs = self.rhs
        if hasattr(rhs, "resolve_expression"):
            raise NotSupportedError(
                f"{self.path} has no declared type. Compare it with a value, not with "
                "an expression."
            )
        if self.lookup_name in ("in", "range"):
            rhs = list(rhs)
        return None if rhs is None else codec.validated_json(rhs)

    def condition_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        return (
            'NONREL_RAW("nonrel_item"."value", %s, %s)',
            [self.lookup_name, codec.dumped(self.rhs)],
        )

    def as_condition(self, translator: Translator, negated: bool) -> Condition:
        column = translator.column(self.path)
        condition = Leaf(column, self.lookup_name, self.rhs)
        return translator.untrue(condition) if negated else condition


DocumentField.path_class = Path
