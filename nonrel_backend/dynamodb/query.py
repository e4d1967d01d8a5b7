"""BackendQuery: one scan of one table of DynamoDB."""

from ..kv.optimistic_query import OptimisticQuery


class BackendQuery(OptimisticQuery):
    """One scan of one table: by keys, by an index, or of all its items."""
