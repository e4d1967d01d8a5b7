"""What the LMDB backend can do."""

import django

from ..features import TOOLKIT_SKIPS, NonrelDatabaseFeatures, merged


class DatabaseFeatures(NonrelDatabaseFeatures):
    minimum_database_version = (0, 9)
    supports_transactions = True
    atomic_transactions = True
    uses_savepoints = True
    can_release_savepoints = True
    can_rollback_ddl = True
    supports_virtual_generated_columns = True
    can_rename_index = True
    can_clone_databases = True

    # Skipped tests of Django's suite, under the reason; the list only shrinks.
    django_test_skips = TOOLKIT_SKIPS
    # Tests that only Django 6.1 has.
    django_61_test_skips = {
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
    }
    if django.VERSION >= (6, 1):
        django_test_skips = merged(django_test_skips, django_61_test_skips)
