"""now() and trailing_slash(), which resources often import."""

from django.conf import settings
from django.utils.timezone import now

__all__ = ["now", "trailing_slash"]


def trailing_slash() -> str:
    """Return how URL patterns end, for those in prepend_urls()."""
    return "/?" if getattr(settings, "REST_ALLOW_MISSING_SLASH", False) else "/"
