"""DeleteMixin: DELETE by one native command, or by key."""

from functools import partial
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import NotSupportedError
from django.db.models.sql.constants import ROW_COUNT

from ..query import NonrelQuery
from ..values.saving import with_data_errors
from .base import WriteMixin
from .on_delete import Deletion, referring


class DeleteMixin(WriteMixin):
    """DELETE; the result is the number of deleted rows."""

    @with_data_errors
    def execute_sql(self, result_type: Any = None) -> int | None:
        self.store.refusals = []
        self.query.get_initial_alias()
        try:
            scan = self.native_query(self.query)
        except EmptyResultSet:
            return 0 if result_type == ROW_COUNT else None
        return self.store.run_statement(
            partial(self.delete_by, scan), partial(self.log_text, scan)
        )

    def delete_by(self, scan: NonrelQuery | None) -> int:
        """Delete the rows of the scan natively, or else by key."""
        if referring(self.store, self.query.get_meta().concrete_model):
            self.refusal = "foreign keys have an on_delete of the database"
            return self.store.all_or_nothing(
                lambda: Deletion(self.store, self.using).run(self.query)
            )
        if scan is not None:
            try:
                return scan.delete()
            except NotSupportedError as error:
                self.refuse(error)
        return self.store.all_or_nothing(self.delete_found)

    def delete_found(self) -> int:
        """Find the keys of the matching rows and delete these."""
        keys = list(dict.fromkeys(row[0] for row in self.select_keys(self.query)))
        if not keys:
            return 0
        meta = self.query.get_meta()
        return self.query_class(self, [meta.pk]).delete_rows(keys)
