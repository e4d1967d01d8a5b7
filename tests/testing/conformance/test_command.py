"""`python -m nonrel_backend conformance`: wrong arguments are errors."""

import pytest

from nonrel_backend.testing.conformance.command import run


@pytest.mark.parametrize("sections", [["nosuchsection"], ["keys", "nosuchsection"]])
def test_an_unknown_section_is_an_error_that_lists_the_sections(
    capsys: pytest.CaptureFixture[str], sections: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["--engine", "backend_template", *sections])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert "no section 'nosuchsection'" in message
    assert "field types, lookups, conditions" in message


@pytest.mark.parametrize("engine", ["nosuchbackend", "json", "nosuch.package"])
def test_an_unknown_engine_is_an_error_that_lists_the_installed_ones(
    capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["--engine", engine])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert f"{engine!r} is neither" in message
    assert "lmdb, mongodb, riak" in message
