"""The faults of DynamoDB: a dynoxide with its file, behind a proxy."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from nonrel_backend.dynamodb.client import DEADLINE

from ..services.dynamodb import CREDENTIALS, DynamoServer
from .judge import Promises
from .proxy import Proxy
from .store import FaultyStore
from .worker import Workers

# OPTIONS["deadline"] of a half of the runs. The others have the default.
SHORT_DEADLINE = 4.0


class Faults(FaultyStore):
    """A server that is killed, stopped and cut off."""

    def __init__(self, folder: Path, chance: Random, workers: Workers) -> None:
        super().__init__(folder, chance, workers)
        self.server = DynamoServer(folder / "dynamodb.sqlite3")
        self.proxy = Proxy(self.server.port, chance.random())
        self.deadline = chance.choice([SHORT_DEADLINE, DEADLINE])
        # The option is for each request, and a statement has several.
        self.promises = Promises(3 * self.deadline)

    def start(self) -> dict[str, Any]:
        for name, text in CREDENTIALS.items():
            os.environ.setdefault(name, text)
        self.server.start()
        options: dict[str, Any] = {
            "endpoint_url": f"http://127.0.0.1:{self.proxy.port}",
            "region": CREDENTIALS["AWS_DEFAULT_REGION"],
            "schema_wait": 0,
        }
        if self.deadline == SHORT_DEADLINE:
            options["deadline"] = SHORT_DEADLINE
        return {
            "ENGINE": "nonrel_backend.dynamodb",
            "NAME": "faults",
            "OPTIONS": options,
        }

    def faults(self) -> dict[str, Callable[[], object]]:
        return {
            "server killed": self.kill,
            "server and a worker killed": self.kill_both,
            "server stopped": self.pause,
            "replies cut": self.cut,
            "replies delayed": self.delay,
            "worker killed": self.workers.kill,
            "two workers killed at once": lambda: self.workers.kill(2),
        }

    def kill(self) -> None:
        self.server.kill()
        self.wait(0.3, 3)
        self.server.start()

    def kill_both(self) -> None:
        """Kill a worker, too, so that a new one finds no server at first."""
        self.server.kill()
        self.workers.kill()
        self.wait(0, 1)
        self.server.start()

    def pause(self) -> None:
        self.server.pause()
        self.wait(0.5, self.deadline + 3)
        self.server.resume()

    def cut(self) -> None:
        for _ in range(4):
            self.proxy.cuts = self.chance.randint(1, 6)
            time.sleep(0.25)
        self.heal()

    def delay(self) -> None:
        """Delay replies, some past the deadline."""
        self.proxy.delay = self.chance.choice([0.02, 0.3, self.deadline + 1])
        self.wait(1, 4)
        self.heal()

    def heal(self) -> None:
        self.proxy.cuts = 0
        self.proxy.delay = 0.0

    def check(self) -> list[str]:
        """Return what nonrel_check finds, but for the records of killed workers."""
        found = connections[DEFAULT_DB_ALIAS].check_store(fix=True)
        found = [each for each in found if "has ended without its writer" not in each]
        return [f"nonrel_check: {each}" for each in found]

    def stop(self) -> None:
        if self.server.process is not None:
            self.server.resume()
        self.server.stop()
        self.proxy.close()
