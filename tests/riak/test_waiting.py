"""What an operation of many requests waits for nodes that accept, and do not answer."""

import pytest
from django.db import OperationalError
from django.db.models import F

from nonrel_backend.riak.client import messages
from nonrel_backend.testing.riak.cluster import StandInCluster
from nonrel_backend.testing.riak.properties import NeverAnswered

from .conftest import create_tables
from .test_backend import counter, counters

# How often a request is sent that may be repeated, and so what an operation waits for.
ATTEMPTS = 3


@pytest.fixture
def deaf(open_database):
    """Yield a function that stops the nodes: they answer each third request only, of
    those that are no writes. It returns a list of the others.
    """
    with StandInCluster() as cluster:
        create_tables(open_database(host=cluster.host))
        counters().bulk_create(
            counters().model(name=f"c{number}", value=number) for number in range(20)
        )
        open_database(host=cluster.host, timeout=0.5)
        counters().get(name="c1")

        def stop():
            reads, in_vain = [], []

            def answer(request):
                if not isinstance(request, messages.RpbPutReq | messages.RpbDelReq):
                    reads.append(request)
                    if len(reads) % ATTEMPTS:
                        in_vain.append(request)
                        raise NeverAnswered

            for node in cluster.nodes:
                node.before = answer
            return in_vain

        yield stop
        for node in cluster.nodes:
            node.before = None


def iterate():
    for _ in counters().order_by("name").iterator(chunk_size=5):
        pass


WORK = {
    "filter": lambda: list(counters().filter(name__in=["c1", "c2"], value__gt=0)),
    "iterator": iterate,
    "create": lambda: counter("new"),
    "bulk_create": lambda: counters().bulk_create(
        [counters().model(name=f"new{number}") for number in range(5)]
    ),
    "update": lambda: counters().filter(name__lt="d").update(value=F("value") + 1),
    "delete": lambda: counters().filter(name__lt="d").delete(),
}


@pytest.mark.parametrize("work", WORK)
def test_an_operation_waits_for_nodes_no_longer_than_one_request(deaf, work):
    in_vain = deaf()
    try:
        WORK[work]()
    except OperationalError as error:
        assert "timed out" in str(error)
    assert 2 <= len(in_vain) <= ATTEMPTS
