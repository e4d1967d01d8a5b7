"""Caches of the objects that were read."""

from typing import Any

from django.core.cache import caches
from django.http import HttpRequest, HttpResponse


class NoCache:
    """Caches nothing. The base of all others.

    `varies` are the headers of Vary.
    """

    def __init__(self, varies: list[str] | None = None) -> None:
        self.varies = ["Accept"] if varies is None else varies

    def get(self, key: str) -> Any:
        """Return the cached value, or None."""
        return None

    def set(self, key: str, value: Any, timeout: int | None = None) -> None:
        """Cache a value for `timeout` seconds."""

    def delete(self, key: str) -> None:
        """Delete the cached value."""

    def cacheable(self, request: HttpRequest, response: HttpResponse) -> bool:
        """Return whether the response gets a Cache-Control."""
        return False

    def cache_control(self) -> dict[str, Any]:
        """Return the arguments of patch_cache_control()."""
        return {"no_cache": True}


class SimpleCache(NoCache):
    """Caches objects in one of Django's caches for `timeout` seconds.

    Responses to users with credentials are private unless `public` is set, as are all
    those of a resource with an authentication.
    """

    def __init__(
        self,
        cache_name: str = "default",
        timeout: int | None = None,
        public: bool | None = None,
        private: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cache_name = cache_name
        self.timeout = 60 if timeout is None else timeout
        self.public, self.private = public, private

    @property
    def cache(self) -> Any:
        """Django's cache."""
        return caches[self.cache_name]

    def get(self, key: str) -> Any:
        return self.cache.get(key)

    def set(self, key: str, value: Any, timeout: int | None = None) -> None:
        self.cache.set(key, value, self.timeout if timeout is None else timeout)

    def delete(self, key: str) -> None:
        self.cache.delete(key)

    def cacheable(self, request: HttpRequest, response: HttpResponse) -> bool:
        return request.method in ("GET", "HEAD") and response.status_code == 200

    def cache_control(self) -> dict[str, Any]:
        control: dict[str, Any] = {"max_age": self.timeout, "s_maxage": self.timeout}
        if self.public is not None:
            control["public"] = self.public
        elif self.private is not None:
            control["private"] = self.private
        return control
