"""The toolkit's models for tests."""

from nonrel_backend.testing.models import *  # noqa: F403
