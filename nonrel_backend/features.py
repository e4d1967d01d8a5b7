"""What every store can do through the toolkit: mostly what the local engine can."""

import sqlite3
import sys

from django.db.backends.base.features import BaseDatabaseFeatures


def merged(skips: dict[str, set[str]], more: dict[str, set[str]]) -> dict:
    """Both lists of tests left out, a reason's tests together."""
    reasons = [*skips, *(reason for reason in more if reason not in skips)]
    return {
        reason: skips.get(reason, set()) | more.get(reason, set()) for reason in reasons
    }


class NonrelDatabaseFeatures(BaseDatabaseFeatures):
    """Backends override what their store does better or worse."""

    # --- finished by the local engine, so as on SQLite ---
    allow_sliced_subqueries_with_in = True
    can_return_columns_from_insert = True
    can_return_rows_from_bulk_insert = True
    order_by_nulls_first = True
    supports_aggregate_distinct_multiple_argument = False
    supports_aggregate_filter_clause = True
    supports_aggregate_order_by_clause = sqlite3.sqlite_version_info >= (3, 44)
    supports_any_value = True
    supports_boolean_expr_in_select_clause = True
    supports_cast_with_precision = False
    supports_frame_exclusion = True
    supports_frame_range_fixed_distance = True
    supports_json_field = True
    supports_json_field_contains = False
    supports_no_precision_decimalfield = True
    supports_over_clause = True
    supports_parentheses_in_compound = False
    supports_temporal_subtraction = True
    supports_tuple_lookups = False
    supports_update_conflicts = True
    supports_update_conflicts_with_target = True
    supports_uuid4_function = True
    supports_uuid4_function_in_default = True
    supports_uuid7_function = sys.version_info >= (3, 14)
    time_cast_precision = 3
    # --- computed by the toolkit at every write ---
    supports_stored_generated_columns = True
    supports_virtual_generated_columns = False
    supports_default_keyword_in_insert = False
    supports_default_keyword_in_bulk_insert = False
    supports_unlimited_charfield = True
    supports_unspecified_pk = True
    supports_column_check_constraints = True
    supports_table_check_constraints = True
    # --- what documents have not ---
    supports_foreign_keys = False
    supports_non_deterministic_collations = False
    supports_on_delete_db_cascade = False
    supports_on_delete_db_default = False
    supports_on_delete_db_null = False
    supports_comments = False
    supports_tablespaces = False
    can_create_inline_fk = False
    supports_sequence_reset = False
    # Foreign keys are checked when Django asks for it, never at each write.
    can_defer_constraint_checks = True
    supports_forward_references = True
    # --- the rest ---
    has_native_duration_field = True
    supports_timezones = False
    uses_savepoints = False
    supports_transactions = False
    atomic_transactions = False
    can_rollback_ddl = False
    can_use_chunked_reads = True
    supported_explain_formats = {"TEXT"}
    test_collations = {
        "ci": "nocase",
        "cs": "binary",
        "non_default": "nocase",
        "virtual": "nocase",
    }
    introspected_field_types = {
        **BaseDatabaseFeatures.introspected_field_types,
    }
