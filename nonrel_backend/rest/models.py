"""API keys, of which the database has a hash alone, and accesses."""

import hashlib
import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.crypto import constant_time_compare


def hashed(key: str) -> str:
    """A key is long and random: one round is enough."""
    return hashlib.sha256(key.encode(errors="backslashreplace")).hexdigest()


class ApiKey(models.Model):
    """A user's key. `key` is there once, on the object that made it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_key"
    )
    key_hash = models.CharField(max_length=64, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        app_label = "nonrel_rest"

    def __init__(self, *args: Any, key: str | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.key = key

    def __str__(self) -> str:
        return f"key of {self.user_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.key_hash and not self.key:
            self.key = self.generate_key()
        if self.key:
            self.key_hash = hashed(self.key)
        super().save(*args, **kwargs)

    @staticmethod
    def generate_key() -> str:
        return secrets.token_urlsafe(32)

    def matches(self, key: str) -> bool:
        """Whether it is this one; as slow for one that is not saved."""
        same = constant_time_compare(hashed(key), self.key_hash or hashed(""))
        return same and bool(self.key_hash)


class ApiAccess(models.Model):
    """One request, as CacheDBThrottle keeps it."""

    identifier = models.CharField(max_length=255, db_index=True)
    url = models.CharField(max_length=2000, blank=True, default="")
    request_method = models.CharField(max_length=10, blank=True, default="")
    accessed = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "nonrel_rest"
        verbose_name_plural = "API accesses"

    def __str__(self) -> str:
        return f"{self.identifier} @ {self.accessed}"


def create_api_key(sender: Any, **kwargs: Any) -> None:
    """A receiver of post_save that gives every new user a key."""
    if kwargs.get("created") and not kwargs.get("raw"):
        ApiKey.objects.create(user=kwargs["instance"])
