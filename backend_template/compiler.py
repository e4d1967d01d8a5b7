"""Queries and writes in the store's own terms. The toolkit does what they refuse."""

import json
from uuid import UUID

from django.db import NotSupportedError

from nonrel_backend.compiler import NonrelCompiler, NonrelInsertCompiler
from nonrel_backend.query import MISSING, NonrelQuery, safe_call

from .store import DuplicateKey, matching

# TODO: your store's operators. A function returns the operator and a new value.
OPERATORS_MAP = {
    **{"exact": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "in": "in"},
    "isnull": lambda lookup_type, value: ("=" if value else "!=", None),
}
# Negated lookups: true if there is a value and the lookup is false.
NEGATION_MAP = {
    **{"exact": "!=", "gt": "<=", "gte": "<", "lt": ">=", "lte": ">", "in": "not in"},
    "isnull": lambda lookup_type, value: ("!=" if value else "=", None),
}
# TODO: the db_types that your store does not hold as Python values, and back.
TO_DB = {"string": str, "uuid": str, "json": lambda value: json.dumps(value.value)}
FROM_DB = {"json": json.loads, "uuid": UUID}


class BackendQuery(NonrelQuery):
    def __init__(self, compiler, fields):
        super().__init__(compiler, fields)
        # TODO: your store's own query; a dict will do.
        self.db_query = {"filters": [], "ordering": []}

    @safe_call
    def add_filter(self, column, lookup_type, negated, db_type, value):
        # TODO: restrict the query. NotSupportedError leaves the filter to the toolkit;
        # return PREFILTER if the store may return more rows.
        op = (NEGATION_MAP if negated else OPERATORS_MAP).get(lookup_type)
        if op is None or (db_type == "json" and lookup_type != "isnull"):
            raise NotSupportedError(f"No {lookup_type} on {db_type}.")
        if callable(op):
            op, value = op(lookup_type, value)
        db_value = self.convert_value_for_db(db_type, value)
        if column == self.query.get_meta().pk.column and op == "=":
            self.db_query["key"] = db_value
        self.db_query["filters"].append((column, op, db_value))

    def order_by(self, ordering):
        # TODO: order by [(column, ascending), ...], with NULL before every value.
        self.db_query["ordering"] = ordering

    @safe_call
    def fetch(self, low_mark, high_mark):
        # TODO: yield {column: stored value} of self.fields, without NULLs.
        yield from (row for _, row in self.found()[low_mark:high_mark])

    def found(self):
        return self.connection.db_connection.find(self.table, self.db_query)

    # TODO: remove what your store does not do itself. All of the rest is optional.

    @safe_call
    def count(self, limit=None):
        return len(self.found()[:limit])

    @safe_call
    def delete(self):
        with self.connection.db_connection.writing(self.table) as documents:
            for key, _ in (found := matching(documents, self.db_query)):
                del documents[key]
        return len(found)

    @safe_call
    def update(self, values):
        if any(hasattr(value, "as_sql") for value in values.values()):
            raise NotSupportedError("No expressions.")
        with self.connection.db_connection.writing(self.table) as documents:
            for key, document in (found := matching(documents, self.db_query)):
                new = {**document, **values}
                documents[key] = {k: v for k, v in new.items() if v is not MISSING}
        return len(found)

    @safe_call
    def lock(self):
        self.connection.db_connection.lock()

    def writer_lock(self):
        self.db_query["lock"] = True

    @safe_call
    def fetch_together(self, queries):
        asked = [(query.table, query.db_query) for query in queries]
        lock = any("lock" in query for _, query in asked)
        found = self.connection.db_connection.find_all(asked, lock)
        return [[row for _, row in rows] for rows in found]


class SQLCompiler(NonrelCompiler):
    query_class = BackendQuery

    def convert_value_for_db(self, db_type, value):
        return TO_DB[db_type](value) if db_type in TO_DB else value

    def convert_value_from_db(self, db_type, value):
        return FROM_DB[db_type](value) if db_type in FROM_DB else value


class SQLInsertCompiler(NonrelInsertCompiler, SQLCompiler):
    @safe_call
    def insert(self, data, return_id=False):
        # TODO: store the row {column: stored value}, or raise if its key is taken.
        table, key = self.query.get_meta().db_table, self.key_of(data)
        with self.store.db_connection.writing(table) as documents:
            if key in documents:
                raise DuplicateKey(f"{table} already has the key {key!r}.")
            documents[key] = data
        return key
