"""Installed backends by their short names: the entry points nonrel_backend.backends"""

from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec

from . import __version__

GROUP = "nonrel_backend.backends"
# A checkout that is not installed has these, too.
OWN = {name: f"nonrel_backend.{name}" for name in ("lmdb", "mongodb", "riak")}


@dataclass(frozen=True, order=True)
class Backend:
    """A backend: its short name, ENGINE in DATABASES, and the distribution it is of."""

    name: str
    engine: str
    distribution: str
    version: str


def installed() -> list[Backend]:
    """Return the installed backends, ours among them, by name."""
    found = {
        Backend(name, engine, "nonrel_backend", __version__)
        for name, engine in OWN.items()
    }
    for point in entry_points(group=GROUP):
        if OWN.get(point.name) != point.value and point.dist is not None:
            dist = point.dist
            found.add(Backend(point.name, point.value, dist.name, dist.version))
    return sorted(found)


def engine_of(name: str) -> str:
    """Return the ENGINE of a backend: of its short name, or the name as it is.

    Raise ValueError if two distributions have backends of that short name.
    """
    found = {each.engine: each for each in installed() if each.name == name}
    if len(found) > 1:
        several = " and ".join(
            f"{each.engine} of {each.distribution}" for each in found.values()
        )
        raise ValueError(f"{name!r} is the short name of {several}. Name the ENGINE.")
    return next(iter(found), name)


def importable_engine(name: str) -> str:
    """Return engine_of(name). Raise ValueError if there is no such package."""
    engine = engine_of(name)
    try:
        missing = find_spec(f"{engine}.base") is None
    except ModuleNotFoundError as error:
        # Another module, such as the store's driver, is missing in the package.
        if not f"{engine}.base.".startswith(f"{error.name}."):
            raise
        missing = True
    if missing:
        names = ", ".join(each.name for each in installed())
        raise ValueError(
            f"{name!r} is neither a package with a module `base` nor the short name of "
            f"an installed backend: {names}."
        )
    return engine


def listing() -> str:
    """Return a line for each installed backend: name, ENGINE, distribution."""
    rows = [
        (each.name, each.engine, f"{each.distribution} {each.version}")
        for each in installed()
    ]
    first, second = (max(len(row[place]) for row in rows) for place in (0, 1))
    return "\n".join(f"{a:{first}}  {b:{second}}  {c}" for a, b, c in rows)
