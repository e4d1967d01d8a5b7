"""Throttles: how many requests a user may make."""

import hashlib
import time
from typing import Any

from django.core.cache import cache


class BaseThrottle:
    """Accepts all requests. The base of all others.

    `throttle_at` requests are allowed in `timeframe` seconds. Django's cache stores the
    counts for `expiration` seconds.
    """

    def __init__(
        self,
        throttle_at: int = 150,
        timeframe: int = 3600,
        expiration: int | None = None,
    ) -> None:
        self.throttle_at = throttle_at
        self.timeframe = timeframe
        self.expiration = max(expiration or 0, timeframe)

    def convert_identifier_to_key(self, identifier: str) -> str:
        """Return the cache key of an identifier, valid in any cache."""
        digest = hashlib.sha256(identifier.encode(errors="backslashreplace"))
        return f"{digest.hexdigest()[:40]}_accesses"

    def should_be_throttled(self, identifier: str, **kwargs: Any) -> bool | int:
        """Return False, or the seconds until the next request is allowed."""
        return False

    def is_exhausted(self, identifier: str) -> bool | int:
        """Return the same as should_be_throttled() will, without counting."""
        return False

    def accessed(self, identifier: str, **kwargs: Any) -> None:
        """Record a request that was answered."""


class CacheThrottle(BaseThrottle):
    """Counts requests in Django's cache, in windows of `timeframe` seconds.

    should_be_throttled() counts the request. The cache increments atomically, so that
    of simultaneous requests no more than `throttle_at` are allowed.
    """

    def should_be_throttled(self, identifier: str, **kwargs: Any) -> bool | int:
        key, wait = self.window(identifier)
        cache.add(key, 0, self.expiration)
        try:
            count = cache.incr(key)
        except ValueError:  # the cache has evicted it since
            cache.set(key, 1, self.expiration)
            count = 1
        return False if count <= self.throttle_at else wait

    def is_exhausted(self, identifier: str) -> bool | int:
        key, wait = self.window(identifier)
        return wait if cache.get(key, 0) >= self.throttle_at else False

    def window(self, identifier: str) -> tuple[str, int]:
        """Return the cache key of the current window, and the seconds until its end."""
        now = time.time()
        number = int(now // self.timeframe)
        key = f"{self.convert_identifier_to_key(identifier)}_{number}"
        return key, max(1, int((number + 1) * self.timeframe - now) + 1)


class CacheDBThrottle(CacheThrottle):
    """A CacheThrottle that also records each access in the database."""

    def accessed(self, identifier: str, **kwargs: Any) -> None:
        # Models can only be imported when the apps are loaded.
        from .models import ApiAccess

        ApiAccess.objects.create(
            identifier=identifier[:255],
            url=kwargs.get("url", "")[:2000],
            request_method=kwargs.get("request_method", "")[:10],
        )
