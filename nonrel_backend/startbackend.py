"""Copies backend_template/ to begin a backend with."""

from importlib.util import find_spec
from pathlib import Path

from django.core.management.base import CommandError
from django.core.management.templates import TemplateCommand

TEMPLATE = "backend_template"
NEXT = """\
{folder} is a backend that works, on a dictionary in memory. Now, from the folder that
holds {package}:

  python -m nonrel_backend conformance --engine {package}

says what is right, and what the store does by itself. Then put your own store in the
place of store.py: grep -rn TODO {folder} shows where, and docs/writing-a-backend.md of
nonrel_backend in which order. {package}/tests.py is the suite as a test of yours:

  python -m unittest {package}.tests
"""


class Command(TemplateCommand):
    help = "Copies a database backend that works, to put your own store into."
    missing_args_message = "You must provide the name of the backend."

    def add_arguments(self, parser):
        parser.add_argument("name", help="Name of the backend.")
        parser.add_argument(
            "directory",
            nargs="?",
            help="The folder for it, which is made where it is not there.",
        )

    def handle(self, *args, **options):
        name = options.pop("name")
        directory = options.pop("directory")
        if directory is not None:
            Path(directory).mkdir(parents=True, exist_ok=True)
        options |= {
            "template": str(template_folder()),
            "extensions": [],
            "files": [],
            "exclude": None,
        }
        super().handle("backend", name, directory, **options)
        folder = Path(directory or name)
        package = folder.resolve().name
        for each in template_folder().glob("*.py"):
            path = folder / each.name
            text = path.read_text()
            for found in (f'"ENGINE": "{TEMPLATE}"', f"{TEMPLATE}.tests"):
                text = text.replace(found, found.replace(TEMPLATE, package))
            path.write_text(text.replace(TEMPLATE, name))
        self.stdout.write(NEXT.format(folder=folder, package=package))


def template_folder() -> Path:
    spec = find_spec(TEMPLATE)
    if spec is None or not spec.submodule_search_locations:
        raise CommandError(f"{TEMPLATE} is not installed beside nonrel_backend.")
    return Path(spec.submodule_search_locations[0])
