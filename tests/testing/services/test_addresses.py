"""The variable with the address of a server: set for a block, and not after it."""

import os
from contextlib import nullcontext

from nonrel_backend.testing.services import mongodb
from nonrel_backend.testing.services.addresses import server


def test_the_address_is_forgotten_when_the_server_has_ended(monkeypatch):
    monkeypatch.delenv("MONGODB_URI", raising=False)
    monkeypatch.setattr(mongodb, "mongodb_uri", lambda: nullcontext("mongodb://a"))
    with server("mongodb"):
        assert os.environ["MONGODB_URI"] == "mongodb://a"
    assert "MONGODB_URI" not in os.environ
