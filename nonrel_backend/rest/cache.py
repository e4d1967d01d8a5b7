"""What is kept of what was read."""

from typing import Any

from django.core.cache import caches


class NoCache:
    """Keeps nothing; the base of the others. `varies` are the headers of Vary."""

    def __init__(self, varies: list[str] | None = None):
        self.varies = ["Accept"] if varies is None else varies

    def get(self, key: str) -> Any:
        return None

    def set(self, key: str, value: Any, timeout: int | None = None) -> None:
        pass

    def delete(self, key: str) -> None:
        pass

    def cacheable(self, request, response) -> bool:
        """Whether Cache-Control is set."""
        return False

    def cache_control(self) -> dict[str, Any]:
        """What Cache-Control says, as patch_cache_control() takes it."""
        return {"no_cache": True}


class SimpleCache(NoCache):
    """Keeps objects in one of Django's caches for `timeout` seconds."""

    def __init__(
        self,
        cache_name: str = "default",
        timeout: int | None = None,
        public: bool | None = None,
        private: bool | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.cache_name = cache_name
        self.timeout = 60 if timeout is None else timeout
        self.public, self.private = public, private

    @property
    def cache(self):
        return caches[self.cache_name]

    def get(self, key):
        return self.cache.get(key)

    def set(self, key, value, timeout=None):
        self.cache.set(key, value, self.timeout if timeout is None else timeout)

    def delete(self, key):
        self.cache.delete(key)

    def cacheable(self, request, response):
        return request.method in ("GET", "HEAD") and response.status_code == 200

    def cache_control(self):
        control = {"max_age": self.timeout, "s_maxage": self.timeout}
        if self.public is not None:
            control["public"] = self.public
        elif self.private is not None:
            control["private"] = self.private
        return control
