"""Measure what it costs to read a body of REST: `python -m benchmarks.bodies`.

Bodies of two lengths in each format, as clients send them and as an attacker would.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django
from django.conf import settings

from benchmarks.report import as_table

# Bytes.
LENGTHS = (600_000, 2_400_000)
ROW = {
    "resource_uri": "/api/v1/page/17/", "text": "some text of a page", "pages": 120,
    "price": "9.50", "ok": True, "none": None, "tags": ["a", "b"],
}  # fmt: skip


def filled(
    unit: bytes, before: bytes = b"", after: bytes = b""
) -> Callable[[int], bytes]:
    """Return a function that repeats a unit up to a length in bytes."""
    around = len(before) + len(after)
    return lambda length: before + unit * ((length - around) // len(unit)) + after


def rows(serializer: Any, kind: str) -> Callable[[int], bytes]:
    """Return a function that serializes as many rows as a length in bytes takes."""
    content_type = serializer.get_mime_for_format(kind)

    def made(count: int) -> bytes:
        text = serializer.serialize({"objects": [ROW] * count}, content_type)
        return text if isinstance(text, bytes) else text.encode()

    size = len(made(100)) / 100
    return lambda length: made(int(length / size))


def bodies(serializer: Any) -> dict[tuple[str, str], Callable[[int], bytes]]:
    """Return what makes each body, by its format and its name."""
    found = {(kind, "rows"): rows(serializer, kind) for kind in serializer.formats}
    return found | {
        ("json", "[1,1"): filled(b"1,", b"[", b"1]"),
        ("json", "[{},"): filled(b"{},", b"[", b"{}]"),
        ("xml", "<a/>"): filled(b"<a/>", b"<objects>", b"</objects>"),
        ("yaml", "[a,a"): filled(b"a,", b"[", b"a]"),
        ("yaml", "[[],"): filled(b"[],", b"[", b"[]]"),
        ("yaml", "- a"): filled(b"- a\n"),
        ("yaml", "? a"): filled(b"? a\n"),
        ("yaml", "dates"): filled(b"2020-01-01 10:00:00,", b"[", b"1]"),
        ("yaml", "1:1"): filled(b"1:1", b"[", b"]"),
        # A list of as many empty lists as its length says.
        ("msgpack", "[[]"): lambda length: (
            b"\xdd" + (length - 5).to_bytes(4, "big") + b"\x90" * (length - 5)
        ),
    }


def cost(serializer: Any, kind: str, body: bytes) -> str:
    """Return the seconds of the processor that reading takes, and whether it is 400."""
    from nonrel_backend.rest.exceptions import BadRequest

    start, status = time.process_time(), ""
    try:
        serializer.deserialize(body, serializer.get_mime_for_format(kind))
    except BadRequest:
        status = " (400)"
    return f"{time.process_time() - start:.3f}{status}"


def main() -> None:
    """Print the table."""
    settings.configure()
    django.setup()
    from nonrel_backend.rest.serializers import Serializer

    serializer = Serializer()
    table = [
        [kind, f"`{name}`", *(cost(serializer, kind, make(each)) for each in LENGTHS)]
        for (kind, name), make in bodies(serializer).items()
    ]
    print(as_table(["format", "body", *(f"{each:,} bytes" for each in LENGTHS)], table))


if __name__ == "__main__":
    main()
