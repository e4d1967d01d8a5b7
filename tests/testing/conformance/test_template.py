"""The template does what Django does on SQLite."""

from nonrel_backend.testing import BackendConformance


class TemplateTests(BackendConformance):
    DATABASES = {"default": {"ENGINE": "backend_template", "NAME": "conformance"}}

    def break_connection(self, connection):
        connection.db_connection.close()
