"""The toolkit's models with documents."""

from nonrel_backend.testing.documents.models import *  # noqa: F403
