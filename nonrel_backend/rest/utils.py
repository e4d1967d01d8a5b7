"""Two names that resources of a project often import."""

from django.conf import settings
from django.utils.timezone import now

__all__ = ["now", "trailing_slash"]


def trailing_slash() -> str:
    """How an address in prepend_urls() ends, as those of base_urls() do."""
    return "/?" if getattr(settings, "REST_ALLOW_MISSING_SLASH", False) else "/"
