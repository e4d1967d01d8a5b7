"""A node that starts: it refuses requests that another node carries out."""

import socket
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from django import db

from nonrel_backend.riak.client import Client, Pool, Refused, errors, messages
from nonrel_backend.riak.client.client import content
from nonrel_backend.riak.client.connection import frame
from nonrel_backend.riak.errors import translate
from nonrel_backend.testing.riak.answers import Answers
from nonrel_backend.testing.riak.cluster import StandInCluster
from nonrel_backend.testing.riak.http import HttpSide
from nonrel_backend.testing.riak.server import StandInRiak
from nonrel_backend.testing.riak.starting import StartUp

from .conftest import create_tables
from .recording import exchanges
from .test_backend import author, counter, counters

# Django's class for each text, whether another node is asked for a read, and for a
# write. Besides the recorded texts they are those of riak_kv and riak_api.
TEXTS = [
    ("modified", db.OperationalError, False, False),
    ("failed", db.OperationalError, False, False),
    ("notfound", db.OperationalError, False, False),
    ("match_found", db.IntegrityError, False, False),
    ("no_type", db.ProgrammingError, False, False),
    ("No bucket-type named 'x'", db.ProgrammingError, False, False),
    ('Error no bucket type `<<"x">>`', db.ProgrammingError, False, False),
    ('Invalid bucket type: <<"x">>', db.ProgrammingError, False, False),
    ("Invalid bucket properties: not_active", db.ProgrammingError, False, False),
    ("{too_large,51}", db.DataError, False, False),
    ("key_too_large", db.DataError, False, False),
    ("precommit_fail", db.DataError, False, False),
    ("{precommit_fail,[{unknown_field_type,<<", db.DataError, False, False),
    ("{n_val_violation,3}", db.ProgrammingError, False, False),
    ("Key cannot be zero-length", db.ProgrammingError, False, False),
    ("Bucket cannot be zero-length", db.ProgrammingError, False, False),
    ("Invalid range query: <<", db.ProgrammingError, False, False),
    ("`undefined` is not a supported type", db.ProgrammingError, False, False),
    ("{precondition,{not_present,<<", db.ProgrammingError, False, False),
    ("Permission denied: User 'x'", db.ProgrammingError, False, False),
    ("Security is enabled, please STARTTLS", db.OperationalError, False, False),
    ("Authentication failed", db.OperationalError, False, False),
    ("Unknown message code: 253", db.OperationalError, False, False),
    ("Unknown message code: 9", db.OperationalError, True, True),
    ("{insufficient_vnodes,0,need,2}", db.OperationalError, True, True),
    ("insufficient_vnodes_available", db.OperationalError, True, True),
    ("{insufficient_nodes,1,need,2}", db.OperationalError, True, False),
    ("timeout", db.OperationalError, True, False),
    ("req_timeout", db.OperationalError, True, False),
    ("overload", db.OperationalError, True, False),
    ("mailbox_overload", db.OperationalError, True, False),
    ("vnode_overload", db.OperationalError, True, False),
    ("unavailable", db.OperationalError, True, False),
    ("all_nodes_down", db.OperationalError, True, False),
    ("too_many_fails", db.OperationalError, True, False),
    ("{coord_handoff_failed,noproc}", db.OperationalError, True, False),
    ("{r_val_unsatisfied,2,1}", db.OperationalError, True, False),
    ("{w_val_unsatisfied,2,1}", db.OperationalError, True, False),
    ("{pr_val_unsatisfied,3,2}", db.OperationalError, True, False),
    ("{pw_val_unsatisfied,3,2}", db.OperationalError, True, False),
    ("{dw_val_unsatisfied,2,1}", db.OperationalError, True, False),
    ("{node_confirms_val_unsatisfied,2,1}", db.OperationalError, True, False),
    (
        "Error processing incoming message: exit:{noproc,",
        db.OperationalError,
        True,
        False,
    ),
    (
        "Error processing incoming message: error:function_clause:",
        db.ProgrammingError,
        False,
        False,
    ),
]


@pytest.mark.parametrize(("text", "kind", "read_again", "written_again"), TEXTS)
def test_each_text_of_riak_has_its_error(text, kind, read_again, written_again):
    error = errors.refused(text)
    assert type(translate(error)) is kind
    assert isinstance(error, errors.Transient) is read_again
    assert isinstance(error, errors.NotReady) is written_again


def test_recorded_refusals_are_no_failures_of_a_node():
    """But for "Unknown message code": codes that Riak does not know were recorded."""
    texts = [
        reply["errmsg"]
        for each in exchanges()
        for reply in each["decoded"].get("responses", ())
        if reply["message"] == "RpbErrorResp"
    ]
    found = {
        text.partition(":")[0]
        for text in texts
        if isinstance(errors.refused(text), errors.Transient)
    }
    assert len(texts) > 40 and found == {"Unknown message code"}


# --- two nodes, of which one starts ---

PHASES = [
    {"refused": 60},
    {"unknown": 60},
    {"without_vnodes": 60},
    {"refused": 0.1, "unknown": 0.1, "without_vnodes": 0.1},
]


@pytest.fixture
def starting(open_database):
    """Return a function that starts one of two nodes anew, with tables on them."""
    with StandInCluster(2) as cluster:
        create_tables(open_database(host=cluster.host))
        open_database(host=cluster.host)

        def start(**phases):
            cluster.restart(1, StartUp(**phases))
            return cluster

        yield start


@pytest.mark.parametrize("phases", PHASES)
def test_another_node_takes_the_requests_of_one_that_starts(starting, phases):
    row = counter()
    starting(**phases)
    for number in range(50):
        assert counters().get(pk=row.pk).name == "c"
        counter(f"n{number}")
    assert counters().count() == 51 and counters().filter(name="n7").count() == 1
    assert counters().update(value=3) == 51
    assert db.connections["own"].check_store() == []


@pytest.mark.parametrize("phases", PHASES)
def test_another_node_takes_pipelines_of_one_that_starts(starting, phases):
    from tests.library.models import Counter

    starting(**phases)
    for batch in range(4):
        made = [Counter(name=f"{batch} {n}") for n in range(100)]
        counters().bulk_create(made)
        assert len(counters().in_bulk([each.pk for each in made])) == 100
    assert counters().count() == 400 and db.connections["own"].check_store() == []


def test_a_write_is_sent_once_to_the_node_that_carries_it_out(starting):
    cluster = starting(without_vnodes=60)
    for node in cluster.nodes:
        node.requests.clear()
    for _ in range(6):
        author()
    sent = [node.requests["RpbPutReq"] for node in cluster.nodes]
    assert sent == [6, 0]


def test_a_node_is_used_again_once_it_has_started(starting):
    cluster = starting(without_vnodes=0.3)
    for _ in range(4):
        author()
    time.sleep(0.9)
    for _ in range(8):
        author()
    assert cluster.nodes[1].requests["RpbPutReq"] >= 3


@pytest.mark.parametrize("phases", PHASES[:3])
def test_a_single_node_that_starts_is_a_clear_error(open_database, phases):
    server = StandInRiak()
    host = f"127.0.0.1:{server.port}"
    create_tables(open_database(host=host))
    row = counter()
    server.close()
    with StandInRiak(server.port, answers=server.answers, start_up=StartUp(**phases)):
        for work in (
            lambda: counters().get(pk=row.pk),
            lambda: counter("x"),
            lambda: list(counters().filter(name="c")),
            lambda: counters().bulk_create([counters().model(name="y")]),
            lambda: counters().count(),
            row.delete,
        ):
            with pytest.raises(db.OperationalError, match="starting|127.0.0.1"):
                work()


# --- the stand-in's start ---


def test_the_stand_in_starts_in_phases():
    answers = Answers()
    start_up = StartUp(refused=1, unknown=1, without_vnodes=1)
    with StandInRiak(answers=answers, start_up=start_up) as server:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
        seen = []
        while not seen or isinstance(seen[-1], str):
            client = Client(Pool("127.0.0.1", server.port))
            try:
                client.put("b", "k", content(b"1"))
                seen.append(client.get("b", "k").content[0].value)
            except errors.Unavailable:
                seen.append("refused")
            except Refused as error:
                seen.append(str(error))
            client.close()
    assert list(dict.fromkeys(seen)) == [
        "refused",
        "Unknown message code: 11",
        "{insufficient_vnodes,0,need,2}",
        b"1",
    ]


def test_a_closed_stand_in_answers_no_connection_that_it_has_accepted():
    server = StandInRiak()
    server.close()
    accepted, client = socket.socketpair()
    with client:
        client.sendall(frame(messages.RpbPingReq()))
        client.shutdown(socket.SHUT_WR)
        server.serve(accepted)
    assert not server.requests


def test_the_http_side_starts_in_phases():
    start_up = StartUp(refused=1, unknown=1, without_vnodes=1)
    with HttpSide(Answers(), start_up=start_up) as side:
        address = f"http://127.0.0.1:{side.port}/buckets/b/keys/k"
        seen = []
        while "not found" not in seen:
            try:
                urlopen(address)
            except HTTPError as error:
                text = error.read().decode().strip()
                is_page = "<HTML>" in text
                seen.append(str(error.code) if is_page else text)
            except OSError:
                seen.append("refused")
    assert list(dict.fromkeys(seen)) == [
        "refused",
        "404",
        "Error:\n{insufficient_vnodes,0,need,2}",
        "not found",
    ]
