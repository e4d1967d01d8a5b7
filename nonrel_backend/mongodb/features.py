"""What the MongoDB backend can do."""

import django

from ..features import TOOLKIT_SKIPS, NonrelDatabaseFeatures, merged


class DatabaseFeatures(NonrelDatabaseFeatures):
    minimum_database_version = (5, 0)
    supports_index_on_text_field = True
    supports_partial_indexes = True
    supports_expression_indexes = False
    supports_functions_in_partial_indexes = False
    can_rename_index = False
    # MongoDB has one index of the same keys.
    allows_multiple_constraints_on_same_fields = False
    allows_auto_pk_0 = True
    supports_select_for_update_with_limit = True
    # Texts may hold a NUL; a regular expression and a JSON key may not.
    prohibits_null_characters_in_text_exception = None
    can_clone_databases = True
    test_db_allows_multiple_connections = True
    ignores_table_name_case = False

    @property
    def supports_transactions(self) -> bool:  # type: ignore[override]
        """Whether atomic() is a transaction, or will be. Does not connect."""
        return self.connection.expects_transactions

    @property
    def uses_savepoints(self) -> bool:  # type: ignore[override]
        return self.supports_transactions

    @property
    def can_release_savepoints(self) -> bool:
        return self.supports_transactions

    # Tests of Django's suite that are skipped, under the reason. Add none.
    django_test_skips = merged(
        TOOLKIT_SKIPS,
        {
            "Checks and defaults are the model's, not the collection's.": {
                "migrations.test_operations.OperationTests.test_add_constraint",
                "migrations.test_operations.OperationTests."
                "test_add_covering_unique_constraint",
                "migrations.test_operations.OperationTests."
                "test_add_field_both_defaults",
                "migrations.test_operations.OperationTests."
                "test_create_model_with_boolean_expression_in_check_constraint",
                "migrations.test_operations.OperationTests.test_remove_constraint",
                "migrations.test_operations.OperationTests."
                "test_remove_covering_unique_constraint",
                "schema.tests.SchemaTests."
                "test_add_field_both_defaults_preserves_db_default",
                "schema.tests.SchemaTests.test_add_text_field_with_db_default",
                "schema.tests.SchemaTests.test_check_constraints",
                "schema.tests.SchemaTests."
                "test_remove_field_check_does_not_remove_meta_constraints",
                "schema.tests.SchemaTests."
                "test_rename_field_with_check_to_truncated_name",
                "schema.tests.SchemaTests.test_rename_keep_db_default",
            },
            "Looks into SQL text; the log shows what MongoDB was asked.": {
                "basic.tests.ModelRefreshTests.test_refresh_for_update",
                "indexes.tests.PartialIndexTests.test_integer_restriction_partial",
                "indexes.tests.PartialIndexTests.test_partial_index",
                "migrations.test_operations.OperationTests.test_rename_index",
                "prefetch_related.tests.PrefetchRelatedTests."
                "test_m2m_then_m2m_object_ids",
                "prefetch_related.tests.PrefetchRelatedTests."
                "test_m2m_then_reverse_fk_object_ids",
                "prefetch_related.tests.PrefetchRelatedTests."
                "test_m2m_then_reverse_one_to_one_object_ids",
                "schema.tests.SchemaTests.test_db_comment_table_unsupported",
                "schema.tests.SchemaTests.test_unique_and_reverse_m2m",
                "select_for_update.tests.SelectForUpdateTests."
                "test_for_update_sql_generated",
            },
            "MongoDB reports a conflict instead of waiting for a lock.": {
                "get_or_create.tests.UpdateOrCreateTransactionTests."
                "test_creation_in_transaction",
            },
            "MongoDB has no foreign keys, which the test looks for.": {
                "migrations.test_operations.OperationTests."
                "test_alter_field_pk_mti_and_fk_to_base",
                "migrations.test_operations.OperationTests.test_alter_field_pk_mti_fk",
                "schema.tests.SchemaTests.test_m2m",
                "schema.tests.SchemaTests.test_m2m_custom",
                "schema.tests.SchemaTests.test_m2m_inherited",
                "schema.tests.SchemaTests.test_m2m_repoint",
                "schema.tests.SchemaTests.test_m2m_repoint_custom",
                "schema.tests.SchemaTests.test_m2m_repoint_inherited",
                "schema.tests.SchemaTests."
                "test_remove_ignored_unique_constraint_not_create_fk_index",
            },
            "SQL does not write to the tables of models.": {
                "introspection.tests.IntrospectionTests.test_django_table_names",
                "migrations.test_operations.OperationTests."
                "test_create_model_with_constraint",
            },
            "The client is a pool of the process: reconnecting returns the same.": {
                "backends.base.test_base.ConnectionHealthChecksTests."
                "test_health_checks_enabled",
                "backends.base.test_base.ConnectionHealthChecksTests."
                "test_set_autocommit_health_checks_enabled",
                "backends.tests.BackendTestCase."
                "test_is_usable_after_database_disconnects",
                "backends.tests.ThreadTests.test_default_connection_thread_local",
            },
        },
    )
    # Tests that only Django 6.1 has, or that pass on 5.2.
    django_61_test_skips = {
        "Expects unordered rows in the order of their keys after a rollback.": {
            "defer.tests.DeferTests.test_fetch_peers_preserves_local_modification",
            "defer.tests.DeferTests.test_only_values_does_not_defer",
            "defer.tests.DeferTests.test_only_with_select_related",
            "generic_relations.tests.GenericRelationsTests."
            "test_fetch_mode_copied_reverse_fetching_many",
        },
        "Looks into SQL text; the log shows what MongoDB was asked.": {
            "indexes.tests.PartialIndexTests.test_boolean_restriction_partial",
            "migrations.test_operations.OperationTests."
            "test_rename_model_with_self_referential_fk_collect_sql",
        },
    }
    if django.VERSION >= (6, 1):
        django_test_skips = merged(django_test_skips, django_61_test_skips)
