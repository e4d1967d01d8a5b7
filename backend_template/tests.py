"""python -m unittest backend_template.tests"""

from nonrel_backend.testing import BackendConformance


class BackendTests(BackendConformance):
    # TODO: your store's settings, and a way to break the connection to it.
    DATABASES = {"default": {"ENGINE": "backend_template", "NAME": "conformance"}}

    def break_connection(self, connection):
        connection.db_connection.close()
