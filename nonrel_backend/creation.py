"""NonrelDatabaseCreation: the stored types of Django's fields, and test databases."""

from django.db.backends.base.creation import BaseDatabaseCreation


class NonrelDatabaseCreation(BaseDatabaseCreation):
    """Base of a backend's DatabaseCreation.

    `data_types` maps a field's internal type to its db_type: the string that the
    compiler's convert_value_for_db() and convert_value_from_db() take.
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

    def _create_test_db(
        self, verbosity: int, autoclobber: bool, keepdb: bool = False
    ) -> str:
        name: str = self._get_test_db_name()
        if not keepdb:
            self.drop_tables(name)
        return name

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        self.drop_tables(test_database_name)
        self.connection.close()

    def drop_tables(self, name: str) -> None:
        """Drop all tables of the catalog in the database with that NAME."""
        connection = self.connection
        before = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = name
        try:
            with connection.schema_editor() as editor:
                for table in connection.introspection.catalog.names():
                    editor.drop_table(table)
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before
