"""The faults of Riak leave no node to answer alone."""

from random import Random

import pytest

from nonrel_backend.riak.client import messages
from nonrel_backend.testing.faults.riak import Faults

GET = messages.CODES["RpbGetReq"]


class Shortest(Random):
    def uniform(self, a, b):
        return a


@pytest.fixture
def faults(tmp_path):
    faults = Faults(tmp_path, Shortest(1), workers=None)
    yield faults
    faults.stop()


def test_a_killed_node_answers_once_it_has_what_it_has_missed(faults, monkeypatch):
    seen = []
    heal = faults.cluster.heal

    def look():
        (start_up,) = filter(None, (node.start_up for node in faults.cluster.nodes))
        seen.append((faults.cluster.cut == set(), start_up.refusal(GET) is None))

    def late():
        look()
        heal()
        look()

    monkeypatch.setattr(faults.cluster, "heal", late)
    faults.kill()
    look()
    assert seen == [(False, False), (True, False), (True, True)]
