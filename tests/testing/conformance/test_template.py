"""The template passes the conformance suite."""

from typing import Any

from nonrel_backend.testing import BackendConformance


class TemplateTests(BackendConformance):
    DATABASES = {"default": {"ENGINE": "backend_template", "NAME": "conformance"}}

    def break_connection(self, connection: Any) -> None:
        connection.db_connection.close()
