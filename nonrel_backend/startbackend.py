"""`python -m nonrel_backend startbackend`: a new backend, ready to be put on PyPI"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.core.management.templates import TemplateCommand

from . import __version__

TEMPLATE = "backend_template"
DISTRIBUTION = Path(__file__).resolve().parent / "distribution_template"
# {license: (its lines in pyproject.toml, the part of README.md)}
WITH_TEXT = (
    'license = "{license}"\nlicense-files = ["LICENSE"]',
    "{license}: see LICENSE.",
)
LICENSES = {
    "none": (
        '# TODO: license = "MIT", or another; license-files = ["LICENSE"]',
        "TODO: choose a license.",
    ),
    "MIT": WITH_TEXT,
    "BSD-3-Clause": WITH_TEXT,
    "Apache-2.0": (
        'license = "{license}"',
        "{license}. TODO: add its text, https://www.apache.org/licenses/LICENSE-2.0.txt",
    ),
}
NEXT_STEPS = """\
{folder} has a working backend, on a dictionary in memory. Go there, and run

  python -m nonrel_backend conformance --engine {name}

to see what is right, and what the store does itself. Then replace {name}/store.py by
your own store: grep -rn TODO . shows where, and docs/writing-a-backend.md in which
order. It is in the source distribution of nonrel_backend, not in its wheel:
https://pypi.org/project/nonrel_backend/#files

{name}/tests.py runs the suite as a test, and Django's own tests run, too:

  python -m unittest {name}.tests
  python -m nonrel_backend django-suite --engine {name}
"""


class Command(TemplateCommand):
    help = "Copies a working database backend, for you to put your own store into."
    missing_args_message = "You must provide the name of the backend."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="Name of the backend, and of its package.")
        parser.add_argument(
            "directory",
            nargs="?",
            help="The folder of the package, pyproject.toml and the rest; by default "
            "a new one of that name.",
        )
        parser.add_argument(
            "--license",
            choices=LICENSES,
            default="none",
            help="The license of the backend (%(default)s).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        self.app_or_project, self.a_or_an = "backend", "a"
        self.validate_name(name)
        folder = Path(options["directory"] or name)
        if options["directory"] is None and folder.exists():
            raise CommandError(f"{folder} already exists.")
        files = {folder / path: text for path, text in contents(**options).items()}
        for path in files:
            if path.exists():
                raise CommandError(f"{path} already exists. Nothing was written.")
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.stdout.write(NEXT_STEPS.format(folder=folder, name=name))


def contents(name: str, license: str, **options: Any) -> dict[str, str]:
    """Return the texts of a new backend's files by their paths."""
    found = {f"{name}/{each.name}": each for each in template_folder().glob("*.py")}
    found["pyproject.toml"] = DISTRIBUTION / "pyproject.toml-tpl"
    found["README.md"] = DISTRIBUTION / "README.md-tpl"
    found[".github/workflows/ci.yml"] = DISTRIBUTION / "ci.yml-tpl"
    if LICENSES[license] is WITH_TEXT:
        found["LICENSE"] = DISTRIBUTION / f"{license}-tpl"
    texts = {path: each.read_text() for path, each in found.items()}
    for path, text in zip(
        ("pyproject.toml", "README.md"), LICENSES[license], strict=True
    ):
        texts[path] = texts[path].replace("LICENSE", text.format(license=license), 1)
    texts["pyproject.toml"] = texts["pyproject.toml"].replace(
        '["nonrel_backend"]', f'["nonrel_backend{versions(__version__)}"]'
    )
    return {path: text.replace(TEMPLATE, name) for path, text in texts.items()}


def versions(version: str) -> str:
    """Return the range of versions that work as this one: ">=0.2.0,<0.3"."""
    major, minor = (int(part) for part in version.split(".")[:2])
    return f">={version},<{major + 1}" if major else f">={version},<0.{minor + 1}"


def template_folder() -> Path:
    """Return the template's folder.

    It is in the package where that is installed, and beside it in a checkout.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / TEMPLATE, package.parent / TEMPLATE):
        if (folder / "compiler.py").is_file():
            return folder
    raise CommandError(f"{TEMPLATE} is missing from the installation.")
