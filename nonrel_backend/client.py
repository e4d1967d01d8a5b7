"""`manage.py dbshell`: no shell unless the backend names one."""

from typing import Any

from django.core.management.base import CommandError
from django.db.backends.base.client import BaseDatabaseClient


class NonrelDatabaseClient(BaseDatabaseClient):
    """Base of a backend's DatabaseClient.

    A backend that has a shell sets `executable_name` and `settings_to_cmd_args_env`.
    """

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: list[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        # The command prints it without a traceback.
        raise CommandError(
            "This store has no command-line shell: `manage.py shell` has its models."
        )
