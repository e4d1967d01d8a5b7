"""The toolkit's models for tests."""

from nonrel_backend.testing.conformance.models import *  # noqa: F403
