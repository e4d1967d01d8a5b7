"""The toolkit's models for tests, as an app called "library"."""

from nonrel_backend.testing.conformance.apps import TestingConfig


class LibraryConfig(TestingConfig):
    label = "library"
