"""Measure a long list over REST: its export as JSON Lines, and deep pages."""

import json
import time
from statistics import median
from typing import Any

from .local import resident_megabytes

URI = "/v1/reading/"
# The row after which memory is measured, and the depths of the pages.
EARLY = 100_000
DEPTHS = (1, 10_000, 100_000)
STRIDE = 1000
TIMES = 200


def export(shop: Any) -> dict[str, Any]:
    """Export the whole list. The process must have done nothing before."""
    before, early, count, size = resident_megabytes(), 0.0, 0, 0
    start = time.perf_counter()
    response = shop.client.get(URI, {"format": "jsonl"})
    for line in response.streaming_content:
        count += line.count(b"\n")
        size += len(line)
        if count == EARLY:
            early = resident_megabytes()
    seconds = time.perf_counter() - start
    last = json.loads(line)
    if last["id"] != count:
        raise AssertionError(f"The last of {count} lines is {last}.")
    return {
        "rows": count,
        "seconds": seconds,
        "bytes": size,
        "early": early - before,
        "growth": resident_megabytes() - before,
    }


def depth(shop: Any) -> dict[str, Any]:
    """Return the CPU seconds of a page of 20, by the number of rows before it."""
    found: dict[str, dict[str, float]] = {"cursor": {}, "offset": {}}
    uri, passed = f"{URI}?cursor=&limit=1", 0
    for wanted in DEPTHS:
        while passed < wanted:
            page = shop.client.get(uri).json()
            passed += len(page["objects"])
            step = min(STRIDE, max(1, wanted - passed))
            uri = with_limit(page["meta"]["next"], step)
        if page["objects"][-1]["id"] != wanted:
            raise AssertionError(f"{passed} rows deep is {page['objects'][-1]}.")
        for kind, address in (
            ("cursor", with_limit(page["meta"]["next"], 20)),
            ("offset", f"{URI}?offset={wanted}&limit=20"),
        ):
            found[kind][str(wanted)] = median(
                timed(shop, address, wanted) for _ in range(TIMES)
            )
        uri = with_limit(page["meta"]["next"], STRIDE)
    return found


def with_limit(uri: str, limit: int) -> str:
    first, _, rest = uri.partition("limit=")
    return f"{first}limit={limit}" + rest.lstrip("0123456789")


def timed(shop: Any, uri: str, before: int) -> float:
    start = time.process_time()
    page = shop.client.get(uri).json()
    spent = time.process_time() - start
    if page["objects"][0]["id"] != before + 1:
        raise AssertionError(f"{uri} begins with {page['objects'][0]}.")
    return spent


def section(exported: dict, deep: dict) -> str:
    lines = [
        f"JSON Lines of {exported['rows']:,} rows ({exported['bytes'] / 1e6:.0f} MB): "
        f"{exported['seconds']:.0f} s; {exported['early']:.1f} MB more than before it "
        f"after {EARLY:,} rows, {exported['growth']:.1f} MB at the end"
    ]
    for kind, found in deep.items():
        times = ", ".join(
            f"{1000 * spent:.2f} ms {int(rows):,} rows deep"
            for rows, spent in found.items()
        )
        lines.append(f"CPU of a page of 20 by {kind}: {times}")
    return "\n".join(lines)
