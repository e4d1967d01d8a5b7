"""How the store holds each of Django's fields."""

from nonrel_backend.creation import NonrelDatabaseCreation


class DatabaseCreation(NonrelDatabaseCreation):
    # TODO: the names of your store's types for Django's fields: the `db_type` that
    # convert_value_for_db() and convert_value_from_db() are given. If the default
    # names will do for you, leave out this mapping.
    data_types = {
        **NonrelDatabaseCreation.data_types,
        "GenericIPAddressField": "string",
        "JSONField": "json",
    }
