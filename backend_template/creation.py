"""The db_type of each of Django's fields."""

from nonrel_backend.creation import NonrelDatabaseCreation


class DatabaseCreation(NonrelDatabaseCreation):
    # TODO: change these if compiler.py needs other db_types for its conversions.
    data_types = {**NonrelDatabaseCreation.data_types, "SlugField": "string"}
