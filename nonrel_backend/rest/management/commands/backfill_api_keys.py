"""`manage.py backfill_api_keys`: create a key for each user without one."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from nonrel_backend.rest.models import ApiKey


class Command(BaseCommand):
    help = "Creates an API key for each user without one, and prints NAME KEY."

    def handle(self, *args: Any, **options: Any) -> None:
        with_key = set(ApiKey.objects.values_list("user_id", flat=True))
        for user in get_user_model()._default_manager.order_by("pk").iterator():
            if user.pk not in with_key:
                key = ApiKey.objects.create(user=user).key
                self.stdout.write(f"{user.get_username()} {key}")
