"""NonrelDatabaseFeatures: what every store supports through the toolkit."""

import sqlite3
import sys

import django
from django.db.backends.base.features import BaseDatabaseFeatures
from django.utils.functional import cached_property

# {reason: names of tests of Django's suite}.
Skips = dict[str, set[str]]


def merged(skips: Skips, more: Skips) -> Skips:
    """Return the union of two lists of skipped tests, reason by reason."""
    reasons = dict.fromkeys([*skips, *more])
    return {
        reason: skips.get(reason, set()) | more.get(reason, set()) for reason in reasons
    }


# Tests of Django's suite that are skipped on every store. The list only shrinks.
TOOLKIT_SKIPS: Skips = {
    "A plan is a few lines long, never pages.": {
        "queries.test_explain.ExplainTests.test_multi_page_text_explain",
    },
    "As on SQLite: dates and datetimes mixed with timedeltas.": {
        "expressions.tests.FTimeDeltaTests.test_mixed_comparisons1",
    },
    "Expects READ COMMITTED; a block that has read goes on in no newer state.": {
        "delete_regress.tests.DeleteLockingTest.test_concurrent_delete",
    },
    "Expects SQLite's column types; UUIDs are UUIDs here.": {
        "inspectdb.tests.InspectDBTestCase.test_field_types",
    },
    "No store enforces foreign keys; the test looks for the constraints.": {
        "schema.tests.SchemaTests.test_alter_pk_with_self_referential_field",
        "schema.tests.SchemaTests.test_db_table",
        "schema.tests.SchemaTests.test_rename_column_renames_deferred_sql_references",
        "schema.tests.SchemaTests.test_rename_referenced_field",
        "schema.tests.SchemaTests.test_rename_table_renames_deferred_sql_references",
    },
    "Looks into SQL text; the log shows the scan, too.": {
        "backends.base.test_base.ExecuteWrapperTests.test_wrapper_debug",
        "backends.tests.EscapingChecks.test_paramless_no_escaping",
        "backends.tests.EscapingChecksDebug.test_paramless_no_escaping",
        "backends.tests.LastExecutedQueryTest.test_last_executed_query",
        "backends.tests.LastExecutedQueryTest.test_query_encoding",
        "delete.tests.DeletionTests.test_only_referenced_fields_selected",
        "queries.tests.EmptyQuerySetTests.test_values_subquery",
        "select_for_update.tests.SelectForUpdateTests.test_for_update_after_from",
    },
    "Mocks DDL as SQL, then counts on nothing having been created.": {
        "migrations.test_commands.MigrateTests.test_migrate_syncdb_app_label",
        "migrations.test_commands.MigrateTests."
        "test_migrate_syncdb_deferred_sql_executed_with_schemaeditor",
    },
    "SQLite, the local engine, has no FOR UPDATE in SQL texts.": {
        "select_for_update.tests.SelectForUpdateTests.test_block",
        "select_for_update.tests.SelectForUpdateTests.test_raw_lock_not_available",
    },
    "SQL texts make no constraints and no views.": {
        "inspectdb.tests.InspectDBTransactionalTests.test_include_views",
        "introspection.tests.IntrospectionTests.test_table_names_with_views",
        "schema.tests.SchemaTests.test_add_field_default_transform",
        "schema.tests.SchemaTests.test_remove_constraints_capital_letters",
    },
    "SQLite's JSON paths cannot hold a double quote.": {
        "model_fields.test_jsonfield.TestQuerying."
        "test_lookups_special_chars_double_quotes",
    },
    "SQLite, the local engine, cannot extract parts of durations.": {
        "db_functions.datetime.test_extract_trunc.DateFunctionTests."
        "test_extract_duration",
        "db_functions.datetime.test_extract_trunc.DateFunctionWithTimeZoneTests."
        "test_extract_duration",
    },
    "SQLite, the local engine, has no negative precision for ROUND().": {
        "db_functions.math.test_round.RoundTests.test_decimal_with_negative_precision",
        "db_functions.math.test_round.RoundTests.test_float_with_negative_precision",
        "db_functions.math.test_round.RoundTests.test_integer_with_negative_precision",
        "db_functions.math.test_round.RoundTests.test_null_with_negative_precision",
    },
    "Window functions are the local engine's, whatever the store can.": {
        "expressions_window.tests.WindowUnsupportedTests.test_unsupported_backend",
    },
}
# Those that only Django 6.1 has.
if django.VERSION >= (6, 1):
    TOOLKIT_SKIPS = merged(
        TOOLKIT_SKIPS,
        {
            "Expects another message than that of SQLite, the local engine.": {
                "db_functions.test_uuid.TestUUID.test_uuid7_unsupported",
            },
            "Looks into SQL text; the log shows the scan, too.": {
                "bulk_create.tests.BulkCreateTests.test_db_default_field_excluded",
            },
            "Mocks DDL as SQL, then counts on nothing having been created.": {
                "migrations.test_commands.MigrateTests."
                "test_migrate_syncdb_installed_truncated_db_model",
            },
        },
    )


class NonrelDatabaseFeatures(BaseDatabaseFeatures):
    """Base of a backend's DatabaseFeatures, which overrides where its store differs."""

    # --- what the local engine does, as SQLite does ---
    can_return_columns_from_insert = True
    can_return_rows_from_bulk_insert = True
    can_return_rows_from_update = True
    order_by_nulls_first = True
    supports_aggregate_distinct_multiple_argument = False
    supports_aggregate_filter_clause = True
    supports_aggregate_order_by_clause = sqlite3.sqlite_version_info >= (3, 44)
    supports_any_value = True
    supports_cast_with_precision = False
    supports_frame_exclusion = True
    supports_frame_range_fixed_distance = True
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
    # --- what the toolkit computes or validates at every write ---
    supports_stored_generated_columns = True
    supports_default_keyword_in_insert = False
    supports_default_keyword_in_bulk_insert = False
    supports_unlimited_charfield = True
    supports_unspecified_pk = True
    # --- what stores without SQL do not have ---
    supports_foreign_keys = False
    supports_non_deterministic_collations = False
    can_create_inline_fk = False
    supports_sequence_reset = False
    # Foreign keys are checked when Django calls check_constraints(), never at a write.
    can_defer_constraint_checks = True
    # --- the rest ---
    has_native_duration_field = True
    supports_timezones = False
    uses_savepoints = False
    supports_transactions = False
    supported_explain_formats = {"TEXT"}
    test_collations = {
        "ci": "nocase",
        "cs": "binary",
        "non_default": "nocase",
        "virtual": "nocase",
    }

    # Tests of Django's suite that are skipped on a store that uses the catalog.
    django_test_skips = merged(
        TOOLKIT_SKIPS,
        {
            "A lock is the whole table's, also where no row is found.": {
                "get_or_create.tests.UpdateOrCreateTransactionTests."
                "test_creation_in_transaction",
            },
            "A unique index by a collation is refused.": {
                "schema.tests.SchemaTests.test_func_unique_constraint_collate",
            },
        },
    )

    @property
    def has_select_for_update(self) -> bool:
        """Available if transactions are: `NonrelQuery.lock` locks the rows."""
        return bool(self.supports_transactions)

    @cached_property
    def can_rollback_ddl(self) -> bool:
        """Whether a rollback undoes DDL: it does, if the catalog is in the store."""
        return bool(self.supports_transactions and self.connection.catalog is not None)

    @cached_property
    def atomic_transactions(self) -> bool:
        return self.can_rollback_ddl
