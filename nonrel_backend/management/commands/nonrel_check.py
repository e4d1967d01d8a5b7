"""`manage.py nonrel_check`: compare the rows of a store with its indexes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, NotSupportedError, connections


class Command(BaseCommand):
    help = "Reports where the indexes of a store do not agree with its rows."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS)
        parser.add_argument(
            "--fix", action="store_true", help="Repair the indexes from the rows."
        )
        parser.add_argument(
            "--add-checksums",
            action="store_true",
            help="Before, give checksums to the rows of tables that have none (LMDB).",
        )

    def handle(
        self,
        *args: Any,
        database: str,
        fix: bool,
        add_checksums: bool,
        **options: Any,
    ) -> None:
        if add_checksums:
            add = getattr(connections[database], "add_checksums", None)
            if add is None:
                raise CommandError(f"The backend of {database!r} has no checksums.")
            for table in add():
                self.stdout.write(f"{table}: its rows have checksums now")
        check = getattr(connections[database], "check_store", None)
        if check is None:
            raise CommandError(f"{database!r} is no database of this kind.")
        try:
            problems = check(fix)
        except NotSupportedError as error:
            raise CommandError(str(error)) from error
        for problem in problems:
            self.stdout.write(problem)
        if problems and not fix:
            raise CommandError(f"{len(problems)} problems. Repair them with --fix.")
        self.stdout.write(f"{len(problems)} problems" if problems else "no problems")
