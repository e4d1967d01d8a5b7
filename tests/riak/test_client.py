"""The client with a server: pipelines, pages, dead nodes, forks, threads."""

import os
import resource
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from nonrel_backend.riak.client import (
    Client,
    ConnectionLost,
    NoSuchType,
    Pool,
    Refused,
    TimedOut,
    Unavailable,
)
from nonrel_backend.riak.client.client import content, get_request, put_request
from nonrel_backend.testing.riak.server import Dropped, StandInRiak


@pytest.fixture
def client(server):
    client = Client(Pool("127.0.0.1", server.port, timeout=10))
    yield client
    client.close()


def put_many(client, bucket, count, size=10):
    requests = [
        put_request(bucket, f"k{n:05}", content(b"x" * size, [("n_int", str(n))]))
        for n in range(count)
    ]
    return client.tell_many(requests)


def test_500_gets_are_pipelined(server, client, bucket):
    put_many(client, bucket, 500)
    arrived = []

    def first_waits(request):
        if not arrived:
            time.sleep(0.2)
        arrived.append(time.monotonic())

    server.before = first_waits
    replies = client.get_many(bucket, [f"k{n:05}" for n in range(500)])
    assert [len(reply.content) for reply in replies] == [1] * 500
    assert len(client.pool.nodes[0].idle) == 1


def test_pipelines_of_large_objects_do_not_lock_up(client, bucket):
    put_many(client, bucket, 40, size=300_000)
    found = client.get_many(bucket, [f"k{n:05}" for n in range(40)])
    assert sum(len(reply.content[0].value) for reply in found) == 12_000_000
    requests = [
        put_request(bucket, "k", content(b"x" * 300_000), return_body=True)
        for _ in range(40)
    ]
    assert len(client.tell_many(requests)) == 40


def test_a_refused_request_in_a_pipeline_does_not_affect_the_others(client, bucket):
    requests = [
        get_request(bucket, "a"),
        get_request(bucket, ""),
        get_request(bucket, "c"),
    ]
    first, second, third = client.ask_many(requests)
    assert isinstance(second, Refused)
    assert not first.content and not third.content


def test_pages_of_an_index_end_after_a_full_last_page(client, bucket):
    put_many(client, bucket, 10)
    bounds = {"range_min": b"0", "range_max": b"99"}
    pages = list(client.index_pages(bucket, "n_int", 5, **bounds))
    assert [len(page.keys) for page in pages] == [5, 5, 0]


def test_a_fold_gives_all_objects_in_the_order_of_their_keys(client, bucket):
    put_many(client, bucket, 250)
    found = [each.key for each in client.fold(bucket, 100)]
    assert found == [b"k%05d" % n for n in range(250)]


def test_an_abandoned_stream_does_not_affect_the_next_request(client, bucket):
    put_many(client, bucket, 1_000)
    stream = client.keys(bucket)
    next(stream)
    stream.close()
    assert client.get(bucket, "k00001").content[0].value == b"x" * 10


def test_counters_and_sets(client, bucket, require_type):
    require_type("cnt")
    require_type("sets")
    assert client.add_to_counter(bucket, "k", "cnt", 5, return_body=True) == 5
    assert client.add_to_counter(bucket, "k", "cnt", -7, return_body=True) == -2
    client.change_set(bucket, "k", "sets", adds=["one", "two"])
    context = client.fetch(bucket, "k", "sets").context
    left = client.change_set(
        bucket, "k", "sets", removes=["one"], context=context, return_body=True
    )
    assert left == [b"two"]


def test_a_read_is_repeated_on_a_new_connection(server, client, bucket):
    client.put(bucket, "k", content(b"1"))
    server.cut()
    assert client.get(bucket, "k").content[0].value == b"1"


def test_a_write_takes_no_connection_that_the_server_has_closed(server, client, bucket):
    client.put(bucket, "k", content(b"1"))
    server.cut()
    time.sleep(0.05)
    client.put(bucket, "k", content(b"2"))
    assert client.get(bucket, "k").content[0].value == b"2"


def test_a_connection_may_be_one_of_more_than_a_thousand_files(client, bucket):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2_048, limits[1]), limits[1]))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        for _ in range(1_100):
            stack.enter_context(open(os.devnull))
        client.put(bucket, "k", content(b"1"))
        time.sleep(1.1)
        assert client.get(bucket, "k").content[0].value == b"1"


def test_a_write_is_not_repeated_if_its_answer_is_lost(server, client, bucket):
    client.ping()

    def drop(request):
        raise Dropped

    server.after = drop
    with pytest.raises(ConnectionLost):
        client.put(bucket, "k", content(b"1"))
    server.after = None
    assert server.requests["RpbPutReq"] == 1
    assert client.get(bucket, "k").content[0].value == b"1"


def test_a_request_without_an_answer_times_out(server, bucket):
    client = Client(Pool("127.0.0.1", server.port, timeout=0.2))
    with pytest.raises(TimedOut):
        client.index_page(bucket, "n_int", key=b"1", type=b"nosuch")


def test_an_unknown_bucket_type_has_its_own_error(client, bucket):
    with pytest.raises(NoSuchType):
        client.get(bucket, "k", type=b"nosuch")


def test_a_dead_node_is_skipped_until_it_comes_back(server, start_server):
    with start_server() as other:
        hosts = f"127.0.0.1:{other.port},127.0.0.1:{server.port}"
        client = Client(Pool(hosts, timeout=2))
        for _ in range(4):
            client.ping()
        assert server.requests["RpbPingReq"] == other.requests["RpbPingReq"] == 2
    for _ in range(6):
        client.ping()
    assert server.requests["RpbPingReq"] == 8
    with start_server(other.port) as again:
        for node in client.pool.nodes:
            node.down_until = 0.0
        for _ in range(4):
            client.ping()
        assert again.requests["RpbPingReq"] == 2
    client.close()


def test_the_error_names_the_address_if_all_nodes_are_dead(server):
    server.close()
    client = Client(Pool("127.0.0.1", server.port))
    with pytest.raises(Unavailable, match=str(server.port)):
        client.ping()


def test_a_read_moves_from_a_slow_node_to_another(server, start_server):
    with start_server() as slow:
        slow.before = lambda request: time.sleep(1)
        hosts = f"127.0.0.1:{slow.port},127.0.0.1:{server.port}"
        client = Client(Pool(hosts, timeout=0.3))
        started = time.monotonic()
        for _ in range(4):
            client.ping()
        assert time.monotonic() - started < 0.9
        client.close()


def test_each_thread_has_its_own_connection(client, bucket):
    wrong = []

    def work(number):
        for turn in range(50):
            value = f"{number} {turn}".encode()
            client.put(bucket, f"k{number}", content(value))
            if client.get(bucket, f"k{number}").content[0].value != value:
                wrong.append(value)

    threads = [threading.Thread(target=work, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_child_does_not_use_its_parents_connections(client, bucket):
    client.put(bucket, "k", content(b"parent"))
    child = os.fork()
    if not child:
        ok = client.get(bucket, "k").content[0].value == b"parent"
        for _ in range(50):
            client.get(bucket, "k")
        os._exit(0 if ok else 1)
    for _ in range(50):
        assert client.get(bucket, "k").content[0].value == b"parent"
    assert os.waitpid(child, 0)[1] == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, path = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", path]
    subprocess.run([*command.split(), *more], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path, key)
    return path, context


def secured(port, path, password):
    tls = ssl.create_default_context(cafile=path)
    return Client(
        Pool("localhost", port, tls=tls, user="ann", password=password, timeout=2)
    )


def test_tls_and_password(certificate):
    path, context = certificate
    with StandInRiak(tls=context, users={"ann": "secret"}) as server:
        client = secured(server.port, path, "secret")
        client.put("b", "k", content(b"1"))
        assert client.get("b", "k").content[0].value == b"1"
        client.close()
        with pytest.raises(Unavailable, match="Authentication failed"):
            secured(server.port, path, "wrong").ping()
        with pytest.raises(Refused, match="STARTTLS first"):
            Client(Pool("localhost", server.port)).ping()


def test_a_database_with_tls_and_password(certificate, databases):
    path, context = certificate
    tls = ssl.create_default_context(cafile=path)
    with StandInRiak(tls=context, users={"ann": "secret"}) as server:

        def connected(password, **options):
            settings = databases["default"].settings_dict
            settings = {
                **settings,
                **{"HOST": "localhost", "PORT": server.port, "NAME": "secure"},
                **{"USER": "ann", "PASSWORD": password},
                "OPTIONS": {"transactions": "none", **options},
            }
            return type(databases["default"])(settings, "secure")

        database = connected("secret", tls=tls)
        assert database.catalog.names() == []
        assert database.get_database_version()[0] == 3
        with pytest.raises(OperationalError, match="Authentication failed"):
            connected("wrong", tls=tls).ensure_connection()
        with pytest.raises(ImproperlyConfigured, match="over TLS only"):
            connected("secret").ensure_connection()
