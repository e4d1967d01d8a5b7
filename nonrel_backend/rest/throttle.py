"""How often a user may ask."""

import hashlib
import time

from django.core.cache import cache


class BaseThrottle:
    """Lets all through; the base of the others.

    `throttle_at` requests may be made in `timeframe` seconds. `should_be_throttled`
    returns False, or the seconds until the user may ask again.
    """

    def __init__(
        self,
        throttle_at: int = 150,
        timeframe: int = 3600,
        expiration: int | None = None,
    ):
        self.throttle_at = throttle_at
        self.timeframe = timeframe
        # How long the cache keeps a count.
        self.expiration = max(expiration or 0, timeframe)

    def convert_identifier_to_key(self, identifier: str) -> str:
        """A key that any cache takes, of its own for every identifier."""
        digest = hashlib.sha256(identifier.encode(errors="backslashreplace"))
        return f"{digest.hexdigest()[:40]}_accesses"

    def should_be_throttled(self, identifier: str, **kwargs) -> bool | int:
        return False

    def accessed(self, identifier: str, **kwargs) -> None:
        """Called when a request has been answered."""


class CacheThrottle(BaseThrottle):
    """Counts in Django's cache, in windows of `timeframe` seconds.

    Asking counts: of requests at the same moment no more than `throttle_at` get in,
    since the cache adds one atomically.
    """

    def should_be_throttled(self, identifier, **kwargs):
        now = time.time()
        window = int(now // self.timeframe)
        key = f"{self.convert_identifier_to_key(identifier)}_{window}"
        cache.add(key, 0, self.expiration)
        try:
            count = cache.incr(key)
        except ValueError:  # it was thrown out between the two
            cache.set(key, 1, self.expiration)
            count = 1
        if count <= self.throttle_at:
            return False
        return max(1, int((window + 1) * self.timeframe - now) + 1)


class CacheDBThrottle(CacheThrottle):
    """A CacheThrottle that also keeps every access in the database."""

    def accessed(self, identifier, **kwargs):
        from .models import ApiAccess

        ApiAccess.objects.create(
            identifier=identifier[:255],
            url=kwargs.get("url", "")[:2000],
            request_method=kwargs.get("request_method", "")[:10],
        )
