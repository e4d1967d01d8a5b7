"""The tour of REST: show curl commands and run them, with Python if curl is missing."""

import json
import shlex
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

LONGEST_ANSWER = 400
# How many seconds the site may take to start.
PATIENCE = 60


@dataclass(frozen=True)
class Stop:
    """One request, and the status of its response."""

    title: str
    path: str
    status: int = 200
    method: str = "GET"
    data: Any = None
    # Whether to send the API key.
    known: bool = False


STOPS = [
    Stop("The resources", "/"),
    Stop(
        "The largest cities of a country, by a filter across the foreign key",
        "/city/?country__name=Japan&order_by=-population&limit=2",
    ),
    Stop(
        "Two fields of the northernmost cities, by a path into the embedded location",
        "/city/?location.latitude__gt=69&fields=name,location.latitude",
    ),
    Stop(
        "A city by another of its names",
        "/city/?alternate_names__contains=Constantinople&fields=name,country",
    ),
    Stop("The first page of visits, with a cursor", "/visit/?cursor=&limit=1"),
    Stop("Divers, with their tags in full", "/traveller/?tags__name=diver&limit=1"),
    Stop("Three countries in one request", "/country/set/IS;NO;XX/?fields=capital"),
    Stop("An invalid key", "/city/nonsense/", 404),
    Stop("Users, without a key", "/user/", 401),
    Stop("Users, with the key of a staff user", "/user/?username=admin", known=True),
    Stop("A tag, without a key", "/tag/", 401, "POST", {"name": "x"}),
    Stop(
        "A tag, with a primary key of our choice",
        "/tag/1000/", 201, "PUT", {"name": "skater"}, known=True,
    ),
    Stop(
        "A duplicate tag", "/tag/", 409, "POST", {"name": "skater"}, known=True
    ),
    Stop(
        "Invalid data: the errors by field",
        "/visit/", 400, "POST", {"nights": "many"}, known=True,
    ),
    Stop(
        "A list, written as a whole or not at all: one changed, one new",
        "/tag/", 202, "PATCH",
        {
            "objects": [
                {"resource_uri": "/api/v1/tag/1000/", "name": "roller-skater"},
                {"resource_uri": "/api/v1/tag/1001/", "name": "ice-skater"},
            ]
        },
        known=True,
    ),
    Stop("Delete both", "/tag/?name__endswith=-skater", 204, "DELETE", known=True),
]  # fmt: skip


def free_port(wanted: int) -> int:
    """Return the wanted port, or a free one if it is taken."""
    for port in (wanted, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return listener.getsockname()[1]
    raise OSError("No port is free.")


def headers(stop: Stop, user: str) -> dict[str, str]:
    """Return the headers of a request. `user` is "name:key"."""
    found = {}
    if stop.known:
        found["Authorization"] = f"ApiKey {user}"
    if stop.data is not None:
        found["Content-Type"] = "application/json"
    return found


def curl(stop: Stop, site: str, user: str) -> list[str]:
    """Return the words of the curl command."""
    line = ["curl", "-s", f"{site}/api/v1{stop.path}"]
    if stop.method != "GET":
        line += ["-X", stop.method]
    for name, value in headers(stop, user).items():
        line += ["-H", f"{name}: {value}"]
    if stop.data is not None:
        line += ["-d", json.dumps(stop.data)]
    return line


def run(stop: Stop, site: str, user: str) -> tuple[int, str]:
    """Send a request and return (status, body)."""
    if shutil.which("curl"):
        line = [*curl(stop, site, user), "-w", "\n%{http_code}"]
        body, _, status = subprocess.check_output(line, text=True).rpartition("\n")
        return int(status), body
    data = None if stop.data is None else json.dumps(stop.data).encode()
    request = Request(
        f"{site}/api/v1{stop.path}", data, headers(stop, user), method=stop.method
    )
    try:
        with urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def wait_for(site: str) -> None:
    """Return when the site accepts connections."""
    host, port = site.removeprefix("http://").split(":")
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def tour(site: str, user: str) -> bool:
    """Show and run all requests. Return whether each has the expected status."""
    wait_for(site)
    right = True
    for number, stop in enumerate(STOPS, 1):
        print(f"\n{number}. {stop.title}\n$ {shlex.join(curl(stop, site, user))}")
        status, body = run(stop, site, user)
        print(f"   {status} {shortened(body)}", flush=True)
        if status != stop.status:
            print(f"   WRONG: expected {stop.status}.", flush=True)
            right = False
    return right


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_ANSWER else f"{text[:LONGEST_ANSWER]} …"
