"""The public path of the document stores."""

from .documents.stores import *  # noqa: F403
from .documents.stores import __all__ as __all__
