"""An app all of whose automatic keys are ObjectIds."""

from django.apps import AppConfig


class ObjectIdsConfig(AppConfig):
    name = "tests.objectids"
    default_auto_field = "nonrel_backend.mongodb.fields.ObjectIdAutoField"
