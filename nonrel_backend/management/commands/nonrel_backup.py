"""`manage.py nonrel_backup PATH`: a consistent copy of the store, while it is used."""

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connections


class Command(BaseCommand):
    help = "Copies a store, as it is now, to a new folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser):
        parser.add_argument("path", help="the folder to be made")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)

    def handle(self, *args, path, database, **options):
        backup = getattr(connections[database], "backup", None)
        if backup is None:
            raise CommandError(f"The store of {database!r} has backups of its own.")
        backup(path)
        self.stdout.write(f"{database} copied to {path}")
