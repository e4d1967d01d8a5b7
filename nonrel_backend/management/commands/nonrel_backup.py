"""`manage.py nonrel_backup PATH`: copy a store while it is in use."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections


class Command(BaseCommand):
    help = "Copies a store, in a consistent state, to a new folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", help="The new folder.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)

    def handle(self, *args: Any, path: str, database: str, **options: Any) -> None:
        backup = getattr(connections[database], "backup", None)
        if backup is None:
            raise CommandError(f"{database!r} is no database of this kind.")
        try:
            backup(path)
        except DatabaseError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Copied {database} to {path}.")
