"""`python -m nonrel_backend`: make a new backend, test one, or list those installed.

    python -m nonrel_backend startbackend NAME [DIRECTORY]
    python -m nonrel_backend conformance --engine ENGINE
    python -m nonrel_backend django-suite --engine ENGINE [APP ...]
    python -m nonrel_backend backends

A command imports only what it needs.
"""

import sys

COMMANDS = ("startbackend", "conformance", "django-suite", "backends")


def main(arguments: list[str]) -> int:
    """Run a command. Return the exit code, 2 for an unknown command."""
    command, *rest = arguments or [""]
    if command == "startbackend":
        from .startbackend import Command

        Command().run_from_argv(["python -m nonrel_backend", *arguments])
        return 0
    if command == "conformance":
        from .testing.conformance.command import run as run_conformance

        return run_conformance(rest)
    if command == "django-suite":
        from .testing.django_suite.command import run as run_django_suite

        return run_django_suite(rest)
    if command == "backends":
        from .backends import listing

        print(listing())
        return 0
    print(f"usage: python -m nonrel_backend {{{','.join(COMMANDS)}}} ...")
    return 0 if command in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
