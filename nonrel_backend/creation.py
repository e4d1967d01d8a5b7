"""Test databases, and the author's mapping of Django's fields to stored types."""

from django.db.backends.base.creation import BaseDatabaseCreation


class NonrelDatabaseCreation(BaseDatabaseCreation):
    """`data_types` maps a field's internal type to the db_type string that the
    author's convert_value_for_db() and convert_value_from_db() are given.
    """

    data_types = {
        "AutoField": "int",
        "BigAutoField": "long",
        "BigIntegerField": "long",
        "BinaryField": "binary",
        "BooleanField": "bool",
        "CharField": "string",
        "DateField": "date",
        "DateTimeField": "datetime",
        "DecimalField": "decimal",
        "DurationField": "duration",
        "FileField": "string",
        "FilePathField": "string",
        "FloatField": "double",
        "GenericIPAddressField": "string",
        "IPAddressField": "string",
        "IntegerField": "int",
        "JSONField": "json",
        "PositiveBigIntegerField": "long",
        "PositiveIntegerField": "int",
        "PositiveSmallIntegerField": "int",
        "SlugField": "string",
        "SmallAutoField": "int",
        "SmallIntegerField": "int",
        "TextField": "string",
        "TimeField": "time",
        "UUIDField": "uuid",
    }

    def _create_test_db(self, verbosity, autoclobber, keepdb=False):
        name = self._get_test_db_name()
        if not keepdb:
            self.drop_tables(name)
        return name

    def _destroy_test_db(self, test_database_name, verbosity):
        self.drop_tables(test_database_name)
        self.connection.close()

    def drop_tables(self, name: str) -> None:
        """Leave nothing in the database of that NAME which the toolkit put there."""
        connection = self.connection
        before = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = name
        try:
            with connection.schema_editor() as editor:
                for table in connection.catalog.names():
                    editor.drop_table(table)
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before
