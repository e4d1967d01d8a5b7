"""`manage.py nonrel_check [--fix]`: whether rows and indexes of the store agree."""

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connections


class Command(BaseCommand):
    help = "Checks that the rows of a store and their indexes agree."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser):
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)
        parser.add_argument(
            "--fix", action="store_true", help="make the indexes agree with the rows"
        )

    def handle(self, *args, database, fix, **options):
        check = getattr(connections[database], "check_store", None)
        if check is None:
            raise CommandError(f"The store of {database!r} checks itself.")
        problems = check(fix)
        for problem in problems:
            self.stdout.write(problem)
        if problems and not fix:
            raise CommandError(f"{len(problems)} problems; --fix repairs indexes.")
        self.stdout.write(f"{len(problems)} problems" if problems else "no problems")
