"""Queries and writes in the store's own terms. What is refused, the toolkit does."""

import json

from nonrel_backend import compiler
from nonrel_backend.query import MISSING, NonrelQuery, safe_call

from django.db import NotSupportedError

from .store import LowLevelQuery, save_entity

# TODO: your store's operators. A function returns the operator and another value.
OPERATORS_MAP = {
    "exact": "=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "in": "in",
    "isnull": lambda lookup_type, value: ("=" if value else "!=", None),
}

NEGATION_MAP = {
    "exact": "!=",
    "gt": "<=",
    "gte": "<",
    "lt": ">=",
    "lte": ">",
    "in": "not in",
    "isnull": lambda lookup_type, value: ("!=" if value else "=", None),
}

# TODO: what your store's types hold that Python's do not, by `db_type`.
TO_STORED = {"json": lambda value: json.dumps(value.value)}
FROM_STORED = {"json": json.loads}


# TODO: your store's key for a row: the sample's is the primary key's stored value.
def key_of(meta, data):
    key = tuple(data[field.column] for field in meta.pk_fields)
    return key if len(key) > 1 else key[0]


class BackendQuery(NonrelQuery):
    def __init__(self, compiler, fields):
        super().__init__(compiler, fields)
        self.meta = self.query.get_meta()
        # TODO: your store's query, which may be no more than a dict.
        self.db_query = LowLevelQuery(self.connection.db_connection, self.meta.db_table)

    @safe_call
    def add_filter(self, column, lookup_type, negated, db_type, value):
        # TODO: restrict the query; NotSupportedError leaves the filter to the toolkit.
        operators = NEGATION_MAP if negated else OPERATORS_MAP
        if lookup_type not in operators:
            raise NotSupportedError(f"The store has no {lookup_type}.")
        operator = operators[lookup_type]
        if callable(operator):
            operator, value = operator(lookup_type, value)
        elif db_type == "json":
            raise NotSupportedError("The store does not look into JSON.")
        else:
            value = self.convert_value_for_db(db_type, value)
        if column == self.meta.pk.column and operator in ("=", "in"):
            self.db_query.get(value if operator == "in" else [value])
        else:
            self.db_query.filter(column, operator, value)

    def order_by(self, ordering):
        # TODO: [(column, ascending), ...], with NULL before all values if ascending.
        types = {field.column: field.db_type(self.connection) for field in self.meta.fields}
        if any(types[column] == "json" for column, _ in ordering):
            raise NotSupportedError("The store does not order by JSON.")
        self.db_query.ordering = ordering

    @safe_call
    def fetch(self, low_mark, high_mark):
        # TODO: yield {column: stored value}, NULLs left out. `self.fields` are wanted.
        yield from self.db_query.fetch()[low_mark:high_mark]

    # TODO: leave out what your store does not do by itself of count, delete, update.

    @safe_call
    def count(self, limit=None):
        return len(self.db_query.fetch()[:limit])

    @safe_call
    def delete(self):
        return self.db_query.write(lambda document: None)

    @safe_call
    def update(self, values):
        if any(hasattr(value, "as_sql") for value in values.values()):
            raise NotSupportedError("The store does not compute.")
        return self.db_query.write(lambda document: present({**document, **values}))

    @safe_call
    def lock(self):
        # TODO: keep other writers out until the transaction ends, or leave it out.
        if self.connection.in_atomic_block:
            self.connection.db_connection.lock()


def present(document):
    return {name: v for name, v in document.items() if v is not MISSING}


class SQLCompiler(compiler.NonrelCompiler):
    query_class = BackendQuery

    def convert_value_for_db(self, db_type, value):
        return TO_STORED[db_type](value) if db_type in TO_STORED else value

    def convert_value_from_db(self, db_type, value):
        return FROM_STORED[db_type](value) if db_type in FROM_STORED else value


class SQLInsertCompiler(compiler.NonrelInsertCompiler, SQLCompiler):
    @safe_call
    def insert(self, data, return_id=False):
        # TODO: store {column: stored value}; the driver refuses a key that there is.
        meta = self.query.get_meta()
        key = key_of(meta, data)
        save_entity(self.store.db_connection, meta.db_table, key, data)
        return key


class SQLUpdateCompiler(compiler.NonrelUpdateCompiler, SQLCompiler):
    pass


class SQLDeleteCompiler(compiler.NonrelDeleteCompiler, SQLCompiler):
    pass


class SQLAggregateCompiler(compiler.NonrelAggregateCompiler, SQLCompiler):
    pass
