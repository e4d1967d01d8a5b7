"""python -m unittest backend_template.tests"""

from nonrel_backend.testing import BackendConformance


class BackendTests(BackendConformance):
    # TODO: where your store is, and how to cut the backend off from it.
    DATABASES = {"default": {"ENGINE": "backend_template", "NAME": "conformance"}}

    def break_connection(self, connection):
        connection.db_connection.close()
