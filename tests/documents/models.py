"""The toolkit's models with document fields."""

from nonrel_backend.testing.documents.models import *  # noqa: F403
