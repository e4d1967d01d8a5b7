"""The drivers of stores: optional dependencies, which the package's extras install."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured


@contextmanager
def driver(extra: str) -> Iterator[None]:
    """Raise ImproperlyConfigured if an import in the block fails.

    The message has the command that installs the extra with this name.
    """
    try:
        yield
    except ImportError as error:
        raise ImproperlyConfigured(
            f"Error loading the {error.name} module. Install it with: "
            f"python -m pip install 'nonrel_backend[{extra}]'"
        ) from error
