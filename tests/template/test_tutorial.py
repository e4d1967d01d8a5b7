"""The files and commands of docs/writing-a-backend.md do what it says."""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "writing-a-backend.md").read_text()
PARTS = re.split(r"^(?=## Part two|## Publish it)", DOCUMENT, flags=re.M)
BLOCK = re.compile(r"([^\n]+(?:\n[^\n]+)*)?\n\n```(python|console)\n(.*?)```", re.S)


def steps(part: str) -> list[tuple[str, str, str]]:
    """Return (the text before a block, its kind, the block), in order."""
    found = BLOCK.finditer(part)
    return [(match[1], match[2], match[3]) for match in found]


def place_of(node: Any) -> tuple[int, int]:
    """Return the slice of the lines of a definition, with its decorators."""
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return first - 1, node.end_lineno


def with_methods(source: str, class_name: str, methods: str) -> str:
    """Return the source with methods added to a class, or replaced in it."""
    methods = dedent(methods)
    names = {getattr(node, "name", "") for node in ast.parse(methods).body}
    lines = source.splitlines()
    tree = ast.parse(source)
    found: Any
    (found,) = (each for each in tree.body if getattr(each, "name", "") == class_name)
    old = [each for each in found.body if getattr(each, "name", "") in names]
    added = indent(methods, "    ").rstrip().splitlines()
    lines[found.end_lineno : found.end_lineno] = ["", *added]
    for each in reversed(old):
        first, last = place_of(each)
        del lines[first:last]
    return "\n".join(lines) + "\n"


def before_classes(source: str, block: str) -> str:
    """Return the source with a block before its first class."""
    first = next(n for n in ast.parse(source).body if isinstance(n, ast.ClassDef))
    lines = source.splitlines()
    lines[place_of(first)[0] : place_of(first)[0]] = block.splitlines()
    return "\n".join(lines) + "\n"


def edit(folder: Path, text: str, block: str, last: Path | None) -> Path:
    """Put a block where the text says, and return the file.

    `last` is the file of the block before.
    """
    sentence = " ".join(text.split())
    if written := re.search(r"[Ww]rite `([^`]+)`:$", sentence):
        path = folder / written[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(block)
    elif added := re.search(r"[Aa]dd to `(\w+)` in `([^`]+)`:$", sentence):
        path = folder / added[2]
        path.write_text(with_methods(path.read_text(), added[1], block))
    elif added := re.search(r"Add to `([^`]+)` before the classes:$", sentence):
        path = folder / added[1]
        path.write_text(before_classes(path.read_text(), block))
    elif sentence == "and to its imports:":
        assert last is not None
        path = last
        docstring, rest = path.read_text().split("\n", 1)
        path.write_text(f"{docstring}\n{block}{rest}")
    else:
        pytest.fail(f"The text does not say where this goes: {sentence}")
    compile(path.read_text(), path, "exec")
    return path


def run(folder: Path, command: str) -> str:
    """Run a command and return its output."""
    words = shlex.split(command)
    assert words.pop(0) == "python"
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_tutorial_has_three_parts() -> None:
    assert len(PARTS) == 3


@pytest.mark.parametrize("part", PARTS, ids=["one", "two", "publish"])
def test_the_commands_of_the_tutorial_print_what_it_shows(
    part: str, tmp_path: Path
) -> None:
    found = steps(part)
    assert part.count("```python") == sum(kind == "python" for _, kind, _ in found)
    assert part.count("```console") == sum(kind == "console" for _, kind, _ in found)
    last: Path | None = None
    for text, kind, block in found:
        if kind == "python":
            last = edit(tmp_path, text, block, last)
            continue
        command = shown = ""
        for line in block.splitlines():
            if line.startswith("$ cd "):
                tmp_path /= line.removeprefix("$ cd ")
            elif line.startswith("$ "):
                command = line.removeprefix("$ ")
                shown = run(tmp_path, command)
            else:
                assert line in shown, f"{command}\n{shown}"
                shown = shown[shown.index(line) + len(line) :]
