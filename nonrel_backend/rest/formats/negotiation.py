"""Negotiation: which of the offered content types the header Accept prefers."""

from functools import lru_cache
from typing import NamedTuple


class Range(NamedTuple):
    """One part of Accept, such as `text/*;q=0.5`."""

    kind: str
    subkind: str
    quality: float

    def includes(self, kind: str, subkind: str) -> bool:
        """Return whether a content type is in the range."""
        return self.kind in ("*", kind) and self.subkind in ("*", subkind)

    @property
    def specificity(self) -> int:
        """2 for one type, 1 for all subtypes of a type, 0 for everything."""
        return (self.kind != "*") + (self.subkind != "*")


def ranges(header: str) -> list[Range]:
    """Return the ranges of a header. An unreadable one is left out, and an unreadable
    header is everything. Parameters other than `q` have no meaning here.
    """
    found = []
    for part in header.lower().split(","):
        name, *options = map(str.strip, part.split(";"))
        kind, slash, subkind = ("*/*" if name == "*" else name).partition("/")
        if not kind or not slash or not subkind or (kind == "*" and subkind != "*"):
            continue
        given = [each[2:] for each in options if each.startswith("q=")]
        found.append(Range(kind, subkind, quality(given[0]) if given else 1.0))
    return found or [Range("*", "*", 1.0)]


def quality(text: str) -> float:
    """Return a quality between 0 and 1; 1 if it is unreadable."""
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0


@lru_cache(maxsize=256)
def preferred(header: str, offered: tuple[str, ...]) -> str | None:
    """Return the offered content type that the client prefers; None if it accepts none.

    The most specific range decides about a type. Of types of one quality, the one that
    is named more exactly, then the one that is named or offered first, is preferred.
    """
    accepted, best, found = ranges(header), (0.0, 0, 0), None
    for content_type in offered:
        kind, _, subkind = content_type.partition("/")
        ranks = [
            (each.specificity, each.quality, -place)
            for place, each in enumerate(accepted)
            if each.includes(kind, subkind)
        ]
        if ranks:
            specificity, own, place = max(ranks)
            if own > 0 and (found is None or (own, specificity, place) > best):
                best, found = (own, specificity, place), content_type
    return found
