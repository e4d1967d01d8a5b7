"""Schema changes on stores without a schema language."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class NonrelSchemaEditor(BaseDatabaseSchemaEditor):
    """Runs Django's own schema editing without any SQL; backends do the work."""

    # Whether each of its commands is an entry of the query log.
    logs = True
