"""`python -m nonrel_backend`: make a new backend, or test one.

    python -m nonrel_backend startbackend NAME [DIR]
    python -m nonrel_backend conformance --engine ENGINE

A command imports only what it needs.
"""

import sys

COMMANDS = ("startbackend", "conformance")


def main(arguments: list[str]) -> int:
    """Run a command. Return the exit code, 2 for an unknown command."""
    if not arguments or arguments[0] not in COMMANDS:
        print(f"usage: python -m nonrel_backend {{{','.join(COMMANDS)}}} ...")
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    if arguments[0] == "startbackend":
        from .startbackend import Command

        Command().run_from_argv(["python -m nonrel_backend", *arguments])
        return 0
    from .testing.conformance.command import run

    return run(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
