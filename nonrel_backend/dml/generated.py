"""Generated columns of existing rows, which are NULL before: the column is new."""

from typing import Any

from ..planner.scans import new_query, python_rows
from .constraints import RowValidator


def fill(store: Any, model: Any, field: Any) -> None:
    """Compute and store a generated column in the rows of the model's table."""
    meta = model._meta
    validator = RowValidator(store, meta)
    compiled = [field.generated_sql(store.local_engine.wrapper)]
    others = [each for each in meta.local_concrete_fields if not each.generated]
    query = new_query(store, model, others)
    compiler = store.ops.compiler("SQLInsertCompiler")(query.query, store, None)
    # All rows are read before the first is written: a scan may see what is written.
    for chunk in list(python_rows(query, others, 0, None)):
        rows = [
            {
                each: each.get_db_prep_save(value, store)
                for each, value in zip(others, row, strict=True)
            }
            for row in chunk
        ]
        changes = []
        for row, (value,) in zip(rows, validator.computed(compiled, rows), strict=True):
            if value is None:
                continue
            key = compiler.stored_key(meta, [row[each] for each in meta.pk_fields])
            stored = compiler.stored(field, validator.prepared(field, value))
            changes.append((key, {field.column: stored}))
        if changes:
            new_query(store, model, others).update_rows(changes)
