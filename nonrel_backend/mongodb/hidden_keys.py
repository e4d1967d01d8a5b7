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


class HiddenKey(Field):
    """The field of a hidden key, as that of a generated column.

    Its values are as the local engine computes them.
    """

    generated = True

    def __init__(self, key: str, columns: tuple[str, ...], sql: str) -> None:
        super().__init__(null=True)
        self.name = self.column = key
        self.columns = columns
        self.sql = sql

    def generated_sql(self, connection: Any) -> tuple[str, tuple]:
        return self.sql, ()

    def get_col(self, alias: str, output_field: Any = None) -> Col:
        return Col(alias, self)

    def db_type(self, connection: Any) -> str:
        return "hidden"


# Fields are known to caches by their identity.
hidden_key = lru_cache(maxsize=1_000)(HiddenKey)


def hidden_key_of(described: Document) -> HiddenKey:
    """Return the field of a hidden key."""
    return hidden_key(described["key"], tuple(described["columns"]), described["sql"])


def hidden_fields(entry: Document, meta: Any) -> list[HiddenKey]:
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
