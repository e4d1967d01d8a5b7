"""`manage.py dbshell`: no shell unless the backend names one."""

from django.db import NotSupportedError
from django.db.backends.base.client import BaseDatabaseClient


class NonrelDatabaseClient(BaseDatabaseClient):
    """A backend sets `executable_name` and `settings_to_cmd_args_env`."""

    @classmethod
    def settings_to_cmd_args_env(cls, settings_dict, parameters):
        raise NotSupportedError("This store has no command-line shell.")
