"""`python -m nonrel_backend startbackend`: copy the template for a new backend."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.core.management.templates import TemplateCommand

TEMPLATE = "backend_template"
NEXT_STEPS = """\
{folder} is a working backend, on a dictionary in memory. From the folder that contains
{package}, run

  python -m nonrel_backend conformance --engine {package}

to see what is right, and what the store does itself. Then replace store.py by your own
store: grep -rn TODO {folder} shows where, and docs/writing-a-backend.md of
nonrel_backend in which order. {package}/tests.py runs the suite as a test:

  python -m unittest {package}.tests
"""


class Command(TemplateCommand):
    help = "Copies a working database backend, for you to put your own store into."
    missing_args_message = "You must provide the name of the backend."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="Name of the backend.")
        parser.add_argument(
            "directory",
            nargs="?",
            help="The folder for the backend; it is created if it does not exist.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options.pop("name")
        directory = options.pop("directory")
        template = template_folder()
        if directory is not None:
            Path(directory).mkdir(parents=True, exist_ok=True)
        options |= {
            "template": str(template),
            "extensions": [],
            "files": [],
            "exclude": None,
        }
        super().handle("backend", name, directory, **options)
        folder = Path(directory or name)
        package = folder.resolve().name
        for each in template.glob("*.py"):
            path = folder / each.name
            text = path.read_text()
            # These name the package, the rest of the template the backend.
            for found in (f'"ENGINE": "{TEMPLATE}"', f"{TEMPLATE}.tests"):
                text = text.replace(found, found.replace(TEMPLATE, package))
            path.write_text(text.replace(TEMPLATE, name))
        self.stdout.write(NEXT_STEPS.format(folder=folder, package=package))


def template_folder() -> Path:
    """Return the template's folder.

    It is in the package where that is installed, and beside it in a checkout.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / TEMPLATE, package.parent / TEMPLATE):
        if (folder / "compiler.py").is_file():
            return folder
    raise CommandError(f"{TEMPLATE} is missing from the installation.")
