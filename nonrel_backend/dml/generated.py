"""Generated columns of rows that are there already."""

from ..planner.scans import new_query, python_rows
from .constraints import RowChecks


def fill(store, model, field) -> None:
    """Compute a generated column for every row of the model's table."""
    meta = model._meta
    checks = RowChecks(store, meta)
    checks.generated = [field]
    checks.constraints = []
    others = [each for each in meta.local_concrete_fields if not each.generated]
    query = new_query(store, model, others)
    compiler = store.ops.compiler("SQLInsertCompiler")(query.query, store, None)
    for chunk in list(python_rows(query, others, 0, None)):
        rows = [
            {
                each: each.get_db_prep_save(value, store)
                for each, value in zip(others, row, strict=True)
            }
            for row in chunk
        ]
        checks.evaluate(rows)
        changes = [
            (
                compiler.stored_key(meta, [row[each] for each in meta.pk_fields]),
                {field.column: compiler.stored(field, row[field])},
            )
            for row in rows
        ]
        new_query(store, model, others).update_rows(changes)
