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
    assert "field types, lookups, ordering" in message
