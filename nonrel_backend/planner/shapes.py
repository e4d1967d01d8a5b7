"""What it means to select all columns of a model, worked out once for each model."""

from dataclasses import dataclass
from typing import Any

# Models come and go in tests and migrations.
REMEMBERED = 500
EVERYTHING: tuple[frozenset[str], bool] = (frozenset(), True)


@dataclass(frozen=True)
class Shape:
    """The columns of a model that has all of them in a table of its own."""

    meta: Any
    fields: Any
    # As a compiler's get_select() has them.
    select: list[Any]
    klass_info: dict[str, Any]
    # As a compiler's get_converters() has them.
    converters: dict[int, Any]

    def selection(self) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        """Return what a compiler's get_select() returns."""
        return list(self.select), dict(self.klass_info), {}


def shape_of(compiler: Any) -> Shape | None:
    """Return the shape of a query that selects what its model has, None for others."""
    query = compiler.query
    if (
        not query.default_cols
        or query.select
        or query.annotations
        or query.extra
        or query.select_related
        or query.deferred_loading != EVERYTHING
    ):
        return None
    model = query.model
    meta = model._meta
    if query.base_table != meta.db_table:
        return None
    shapes: dict[Any, Shape] = compiler.store.shapes
    found = shapes.get(model)
    if found is None or found.fields is not meta.concrete_fields:
        if len(meta.local_concrete_fields) != len(meta.concrete_fields):
            return None
        if len(shapes) >= REMEMBERED:
            shapes.clear()
        found = shapes[model] = new_shape(compiler, model)
    return found


def new_shape(compiler: Any, model: Any) -> Shape:
    """Return the shape of a model."""
    meta = model._meta
    columns = [field.get_col(meta.db_table) for field in meta.concrete_fields]
    return Shape(
        meta,
        meta.concrete_fields,
        [(column, ("", []), None) for column in columns],
        {"model": model, "select_fields": list(range(len(columns)))},
        compiler.python_converters(columns),
    )
