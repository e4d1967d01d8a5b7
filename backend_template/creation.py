"""How the store holds each of Django's fields."""

from nonrel_backend.creation import NonrelDatabaseCreation


class DatabaseCreation(NonrelDatabaseCreation):
    # TODO: the db_types that the conversions in compiler.py are given, if not these.
    data_types = {**NonrelDatabaseCreation.data_types, "SlugField": "string"}
