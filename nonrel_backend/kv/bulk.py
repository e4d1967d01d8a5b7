"""bulk_create() in batches: the inserts of OPTIONS["bulk"] = "batches"."""

from collections.abc import Callable
from functools import partial
from typing import Any

import django
from django.db import DatabaseError

from ..batching import batches
from .compiler import SQLInsertCompiler

# Stands for the block of a bulk_create() that needs none.
NO_BLOCK = object()


class OptimisticInsertCompiler(SQLInsertCompiler):
    """INSERT on a store with optimistic transactions."""

    def insert_many(self, rows: list[dict[str, Any]], return_ids: bool) -> list[Any]:
        insert = super().insert_many
        return self.in_batches(rows, lambda some: insert(some, return_ids))

    def insert_on_conflict(
        self, rows: list[dict[str, Any]], *arguments: Any
    ) -> list[dict[str, Any]]:
        insert = super().insert_on_conflict
        return self.in_batches(rows, lambda some: insert(some, *arguments))

    def in_batches(
        self, rows: list[Any], work: Callable[[list[Any]], list[Any]]
    ) -> list[Any]:
        """Return `work(rows)`; of as many rows at a time as the store writes at once,
        each committed, where bulk_create() may leave a part of its rows.

        An error says how many are stored.
        """
        store = self.store
        block = None
        if store.option("bulk", "whole") == "batches":
            block = own_block(store)
        is_begun = store.bulk is not None and store.bulk[0] is block is not NO_BLOCK
        if block is None or (len(rows) < 2 and not is_begun):
            return work(rows)
        if not is_begun:
            store.bulk = [block, 0]
        table = store.catalog.table(self.query.get_meta().concrete_model._meta.db_table)
        entries = sum(not index.is_native for index in table.indexes)
        size = max(store.records.batch_writes // (1 + entries), 1)
        found: list[Any] = []
        for some in batches(rows, size):
            try:
                found += store.outside(partial(work, some))
            except DatabaseError as error:
                text = str(error).removesuffix(".")
                raise type(error)(
                    f"{text}. {store.bulk[1]} rows of this bulk_create() were stored "
                    'before: OPTIONS["bulk"] is "batches".'
                ) from error
            store.bulk[1] += len(some)
        return found


def own_block(store: Any) -> Any:
    """Return the block of atomic() that bulk_create() itself has opened.

    Return None inside a user's block. No other statement inserts several rows, and the
    block of bulk_create() has no savepoint, so that it is the only one. Since Django
    6.1 it mostly opens none, and a block without a savepoint may be a user's.
    """
    if django.VERSION >= (6, 1):
        return NO_BLOCK if store.transaction is None else None
    blocks = store.atomic_blocks
    is_own = len(blocks) == 1 and not blocks[0].savepoint and store.commit_on_exit
    return blocks[0] if is_own else None
