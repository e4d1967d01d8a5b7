"""Installed backends have short names, by the entry points of their distributions."""

import re
from pathlib import Path

import pytest

from nonrel_backend import backends


def install(folder: Path, distribution: str, *points: str) -> None:
    """Write the metadata of a distribution that has entry points."""
    info = folder / f"{distribution}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.5\n")
    text = "\n".join(["[nonrel_backend.backends]", *points, ""])
    (info / "entry_points.txt").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of distributions, in which `redisdb` is installed."""
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "django-redisdb", "redisdb = some.redisdb")
    return tmp_path


def test_an_entry_point_gives_a_backend_a_short_name(site: Path) -> None:
    assert backends.engine_of("redisdb") == "some.redisdb"
    assert re.search("redisdb +some.redisdb ", backends.listing())
    assert "django-redisdb 1.5" in backends.listing()


def test_another_name_is_the_engine_itself(site: Path) -> None:
    assert backends.engine_of("some.redisdb") == "some.redisdb"
    assert backends.engine_of("lmdb") == "nonrel_backend.lmdb"


def test_a_name_that_two_distributions_have_is_refused(site: Path) -> None:
    install(site, "other", "redisdb = other.redisdb", "lmdb = other.lmdb")
    for name in ("redisdb", "lmdb"):
        with pytest.raises(ValueError, match=f"other.{name} of other"):
            backends.engine_of(name)


def test_a_missing_driver_is_no_missing_backend(site: Path) -> None:
    (site / "shelf").mkdir()
    (site / "shelf" / "__init__.py").write_text("import nosuchdriver")
    with pytest.raises(ModuleNotFoundError, match="nosuchdriver"):
        backends.importable("shelf")


def test_options_are_settings_or_options_of_the_backend() -> None:
    found = backends.entry("redisdb", ["host=a=b", "PORT=1", "ttl=60", "tls=True"])
    assert found == {
        "ENGINE": "redisdb",
        "HOST": "a=b",
        "PORT": "1",
        "OPTIONS": {"ttl": 60, "tls": True},
    }


def test_the_environment_names_an_engine_and_its_options(
    monkeypatch: pytest.MonkeyPatch, site: Path
) -> None:
    monkeypatch.setenv("NONREL_ENGINE", "redisdb")
    monkeypatch.setenv("NONREL_OPTIONS", "name='my shop' ttl=60")
    defaults = {"NAME": "atlas", "HOST": "b", "OPTIONS": {"ttl": 1, "size": 2}}
    assert backends.completed(backends.from_environment(), defaults) == {
        "ENGINE": "some.redisdb",
        "NAME": "my shop",
        "HOST": "b",
        "OPTIONS": {"ttl": 60, "size": 2},
    }
