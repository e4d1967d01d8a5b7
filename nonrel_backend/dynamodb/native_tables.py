"""Creation, changes and deletion of DynamoDB's tables, and waiting for these."""

import time
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError

from ..kv.parallel import each
from .errors import code_of

NOT_FOUND, IN_USE = "ResourceNotFoundException", "ResourceInUseException"
# Seconds that a table may take to become active: OPTIONS["wait"].
WAIT = 300.0
# Seconds between two looks.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0


class NativeTables:
    """The tables of one database, by their names in DynamoDB."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        reply: dict[str, Any] = self.store.db_connection.call(operation, **parameters)
        return reply

    # --- looking ---

    def describe(self, name: str) -> dict[str, Any] | None:
        """Return DynamoDB's description of a table, None if there is none."""
        try:
            found: dict[str, Any] = self.call("describe_table", TableName=name)["Table"]
        except Exception as error:
            if code_of(error) == NOT_FOUND:
                return None
            raise
        return found

    def described(self, table: str) -> tuple[str, dict[str, Any] | None]:
        """Return (name in DynamoDB, description) of a table that we did not make."""
        plain = self.store.prefix + table
        for name in dict.fromkeys((plain, self.store.physical(table))):
            found = self.describe(name)
            if found is not None:
                return name, found
        return plain, None

    def names(self) -> Iterator[str]:
        """Yield the names of all tables with the prefix of the database."""
        prefix = self.store.prefix
        start: dict[str, str] = {}
        while True:
            reply = self.call("list_tables", **start)
            yield from (each for each in reply["TableNames"] if each.startswith(prefix))
            if "LastEvaluatedTableName" not in reply:
                return
            start = {"ExclusiveStartTableName": reply["LastEvaluatedTableName"]}

    # --- changing ---

    def create(self, name: str, schema: dict[str, Any]) -> bool:
        """Create a table, and wait until it is active; return False if there is one.

        `schema` are parameters of CreateTable.
        """
        created = True
        try:
            self.call("create_table", TableName=name, **schema, **self.options())
        except Exception as error:
            if code_of(error) != IN_USE:
                raise
            created = False
        self.wait(name)
        if created and self.store.option("point_in_time_recovery", False):
            self.call(
                "update_continuous_backups",
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )
        return created

    def ensure(self, name: str, schema: dict[str, Any]) -> None:
        """Create a table if there is none with this key."""
        if not self.create(name, schema):
            self.check(name, schema)

    def check(self, name: str, schema: dict[str, Any]) -> None:
        """Raise ProgrammingError if a table has another key than `schema`."""
        found = self.describe(name)
        if found is not None and found["KeySchema"] != schema["KeySchema"]:
            raise ProgrammingError(
                f"DynamoDB has a table {name} with another key. Delete it, or set "
                "OPTIONS['prefix'] to a prefix of this project's own."
            )

    def take(self, name: str, schema: dict[str, Any]) -> None:
        """Create a table, or take over an empty one with the same key.

        Raise ProgrammingError if there is another one.
        """
        if self.create(name, schema):
            return
        self.check(name, schema)
        if self.call("scan", TableName=name, Limit=1, ConsistentRead=True)["Items"]:
            raise ProgrammingError(
                f"DynamoDB has a table {name} already, with items. Delete it, or let "
                "the model have managed = False to use it as it is."
            )

    def delete(self, name: str) -> None:
        """Delete a table, if there is one, and wait until it is gone."""
        try:
            self.call("delete_table", TableName=name, repeatable=True)
        except Exception as error:
            if code_of(error) == NOT_FOUND:
                return
            if code_of(error) != IN_USE:
                raise
        for _ in self.looks(f"to delete {name}"):
            if self.describe(name) is None:
                return

    def wait(self, name: str) -> None:
        """Wait until a table and its indexes are active."""
        for _ in self.looks(f"to make {name} active"):
            found = self.describe(name)
            if found is None:
                continue
            parts = [found, *found.get("GlobalSecondaryIndexes", ())]
            states = {each.get("TableStatus") or each["IndexStatus"] for each in parts}
            if states == {"ACTIVE"}:
                return

    def looks(self, what: str) -> Iterator[None]:
        """Yield whenever it is time to look; at last raise OperationalError."""
        longest: float = self.store.option("wait", WAIT)
        until, pause = time.monotonic() + longest, FIRST_PAUSE
        while True:
            yield
            if time.monotonic() + pause > until:
                break
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        raise OperationalError(
            f"DynamoDB took longer than OPTIONS['wait'] = {longest} seconds {what}. "
            "Run migrate again when it has finished."
        )

    def clear(self) -> None:
        """Delete all tables that have been made in this database."""
        prefix = len(self.store.prefix)
        # A name with a dot is one of another database: see table_name().
        own = [name for name in self.names() if "." not in name[prefix:]]

        def delete(name: str) -> None:
            if self.store.option("deletion_protection", False):
                self.call(
                    "update_table", TableName=name, DeletionProtectionEnabled=False
                )
                self.wait(name)
            self.delete(name)

        for _ in each(delete, own):
            pass

    # --- options ---

    def options(self) -> dict[str, Any]:
        """Return the parameters of CreateTable that OPTIONS set."""
        option = self.store.option
        found = dict(self.billing())
        if option("tags", None):
            found["Tags"] = [
                {"Key": str(key), "Value": str(value)}
                for key, value in option("tags", {}).items()
            ]
        if option("encryption_key", None):
            found["SSESpecification"] = {
                "Enabled": True,
                "SSEType": "KMS",
                "KMSMasterKeyId": option("encryption_key", ""),
            }
        if option("deletion_protection", False):
            found["DeletionProtectionEnabled"] = True
        return found

    def billing(self) -> dict[str, Any]:
        """Return the parameters of CreateTable for OPTIONS["billing"]."""
        throughput = self.throughput()
        mode = "PROVISIONED" if throughput else "PAY_PER_REQUEST"
        return {"BillingMode": mode, **throughput}

    def throughput(self) -> dict[str, Any]:
        """Return the throughput of a new table or index; empty for "on demand"."""
        billing = self.store.option("billing", "on demand")
        if billing == "on demand":
            return {}
        try:
            read, write = int(billing["read"]), int(billing["write"])
        except (KeyError, TypeError, ValueError):
            raise ImproperlyConfigured(
                f"OPTIONS['billing'] is {billing!r}, but must be \"on demand\" or "
                '{"read": units, "write": units}.'
            ) from None
        units = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
        return {"ProvisionedThroughput": units}
