"""ApiKey, of which the database stores only a hash, and ApiAccess."""

import hashlib
import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.crypto import constant_time_compare


def hashed(key: str) -> str:
    """Return the hash of a key. One round is enough, as keys are long and random."""
    return hashlib.sha256(key.encode(errors="backslashreplace")).hexdigest()


class ApiKey(models.Model):
    """A user's API key. Only the object that was created has the `key` itself."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_key"
    )
    key_hash = models.CharField(max_length=64, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        app_label = "nonrel_rest"

    def __init__(self, *args: Any, key: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key

    def __str__(self) -> str:
        return f"key of {self.user_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the hash of the key. Generate a key if there is none."""
        if not self.key_hash and not self.key:
            self.key = self.generate_key()
        if self.key:
            self.key_hash = hashed(self.key)
        super().save(*args, **kwargs)

    @staticmethod
    def generate_key() -> str:
        """Return a random key."""
        return secrets.token_urlsafe(32)

    def matches(self, key: str) -> bool:
        """Return whether a key is this one, in the same time if this one is unsaved."""
        same = constant_time_compare(hashed(key), self.key_hash or hashed(""))
        return same and bool(self.key_hash)


class ApiAccess(models.Model):
    """One request, recorded by CacheDBThrottle."""

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
    """Create a key for a new user. A receiver of post_save."""
    if kwargs.get("created") and not kwargs.get("raw"):
        ApiKey.objects.create(user=kwargs["instance"])
