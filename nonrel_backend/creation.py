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
        "DocumentField": "document",
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
