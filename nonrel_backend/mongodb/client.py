"""The client program of `manage.py dbshell`: mongosh."""

from collections.abc import Iterable
from typing import Any

from ..client import NonrelDatabaseClient


class DatabaseClient(NonrelDatabaseClient):
    executable_name = "mongosh"

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        arguments = [cls.executable_name]
        host = settings_dict["HOST"] or "localhost"
        if host.startswith(("mongodb://", "mongodb+srv://")):
            arguments.append(host)
        else:
            arguments += ["--host", host]
            if settings_dict["PORT"]:
                arguments += ["--port", str(settings_dict["PORT"])]
        if settings_dict["USER"]:
            arguments += ["--username", settings_dict["USER"]]
            if settings_dict["PASSWORD"]:
                arguments += ["--password", settings_dict["PASSWORD"]]
        arguments.extend(parameters)
        if not host.startswith(("mongodb://", "mongodb+srv://")):
            arguments.append(settings_dict["NAME"])
        return arguments, None
