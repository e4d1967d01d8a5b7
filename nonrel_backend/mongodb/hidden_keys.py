"""Hidden keys of unique constraints that no partial index of MongoDB's expresses.

A document has the keys of a constraint only while its condition holds: 1, or the values
of its expressions. The toolkit computes them in each row that it writes, as generated
columns. `metadata` stores {"name", "key", "columns", "sql"} of each: the constraint's
name and the SQL for the local engine.
"""

from functools import lru_cache
from typing import Any

from django.db.models import Field
from django.db.models.expressions import Col
from django.db.models.sql.query import Query

from ..catalog.expressions import expression_part, stored_condition

SUFFIX = "__if"
# What a document has under the key of a condition that holds.
HOLDS = {"$eq": 1}
HIDDEN = (
    "MongoDB has no index of %s for the condition of the unique constraint %s: a "
    "hidden key keeps it, which only writes by Django fill."
)
Document = dict[str, Any]


# Fields are known to caches by their identity.
@lru_cache(maxsize=1_000)
def hidden_key(key: str, columns: tuple[str, ...], sql: str) -> Any:
    """Return the field of a hidden key, as that of a generated column.

    Its values are as the local engine computes them. It is no class of its own:
    packages do something for each subclass of Field.
    """
    field: Any = Field(null=True)
    field.name = field.column = key
    field.columns, field.sql = columns, sql
    field.generated = True
    field.generated_sql = lambda connection: (sql, ())
    field.get_col = lambda alias, output_field=None: Col(alias, field)
    field.db_type = lambda connection: "hidden"
    return field


def hidden_key_of(described: Document) -> Any:
    """Return the field of a hidden key."""
    return hidden_key(described["key"], tuple(described["columns"]), described["sql"])


def hidden_fields(entry: Document, meta: Any) -> list[Any]:
    """Return the fields of the hidden keys that a table's entry describes."""
    columns = {field.column for field in meta.local_concrete_fields}
    return [
        hidden_key_of(each)
        for each in entry["hidden"]
        if columns.issuperset(each["columns"])
    ]


def is_hidden_key(key: str) -> bool:
    """Return whether a key has the name of a hidden one."""
    return key.rstrip("0123456789").endswith(SUFFIX)


def described(
    store: Any, model: Any, constraint: Any, expressions: list[Any]
) -> list[Document]:
    """Return the hidden keys of a constraint: for each expression, or its condition."""
    sqls = []
    columns: list[str] = []
    if constraint.condition is not None:
        condition = stored_condition(store, model, constraint.condition)
        sqls.append(condition["sql"])
        columns += condition["columns"]
    query = Query(model, alias_cols=False)
    values = []
    for each in expressions:
        column, _, part = expression_part(store, query, each, True)
        quoted = store.local_engine.quote(column) if column else part["sql"]
        values.append(quoted)
        columns += [column] if column else part["columns"]
    sqls += [f"({value}) IS NOT NULL" for value in values]
    holds = " AND ".join(f"({sql})" for sql in sqls)
    taken = {field.column for field in model._meta.local_concrete_fields}
    name = constraint.name.replace(".", "_").replace("$", "_")
    while any(f"{name}{SUFFIX}{number}" in taken for number in range(len(values) + 1)):
        name += "_"
    return [
        {
            "name": constraint.name,
            "key": f"{name}{SUFFIX}{number}",
            "columns": list(dict.fromkeys(columns)),
            "sql": f"CASE WHEN {holds} THEN {value} END",
        }
        for number, value in enumerate(values or ["1"])
    ]
