"""`manage.py create_api_key USERNAME`: create a key for a user and print it."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from nonrel_backend.rest.models import ApiKey


class Command(BaseCommand):
    help = "Creates an API key for a user, replaces the old one, and prints it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str = "", **options: Any) -> None:
        users = get_user_model()._default_manager
        try:
            user = users.get_by_natural_key(username)
        except users.model.DoesNotExist as error:
            raise CommandError(f"There is no user {username!r}.") from error
        key = ApiKey.generate_key()
        found = ApiKey.objects.filter(user=user).first() or ApiKey(user=user)
        found.key = key
        found.save()
        self.stdout.write(key)
