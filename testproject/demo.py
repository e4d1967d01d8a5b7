"""`make demo`: migrate, load the atlas, run the tours of the ORM and of REST.

With SERVE=1 it serves the site then. It starts a server for a store that needs one.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import curls

ROOT = Path(__file__).resolve().parents[1]
MANAGE = [sys.executable, str(ROOT / "testproject" / "manage.py")]
PORT = 8000
sys.path.insert(0, str(ROOT))

from nonrel_backend.backends import named  # noqa: E402
from nonrel_backend.testing.services.addresses import server  # noqa: E402


def manage(*arguments: str) -> None:
    """Run a command of manage.py, and show it."""
    print(f"\n$ manage.py {' '.join(arguments)}", flush=True)
    subprocess.run([*MANAGE, *arguments], check=True)


def main() -> int:
    with server(named()):
        try:
            manage("migrate", "--verbosity=1")
            manage("loadatlas")
            manage("tour")
            create_admin()
            if not tour_rest():
                return 1
            if os.environ.get("SERVE"):
                serve()
        except subprocess.CalledProcessError as error:
            return error.returncode
        except KeyboardInterrupt:
            print("\nStopped.")
    return 0


def create_admin() -> None:
    """Create the user "admin" with the password "admin"."""
    os.environ["DJANGO_SUPERUSER_PASSWORD"] = "admin"
    command = [*MANAGE, "createsuperuser", "--noinput", "--username=admin"]
    # A store that outlives the demo has the user already: ignore the error.
    subprocess.run(
        [*command, "--email=admin@example.com"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def tour_rest() -> bool:
    """Serve the site for the tour of REST. Return whether all responses were right."""
    print("\n$ manage.py create_api_key admin", flush=True)
    key = subprocess.check_output([*MANAGE, "create_api_key", "admin"], text=True)
    print(key.strip())
    port = curls.free_port(PORT)
    print(f"\n$ manage.py runserver 127.0.0.1:{port} &", flush=True)
    site = subprocess.Popen(
        [*MANAGE, "runserver", f"127.0.0.1:{port}", "--noreload"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return curls.tour(f"http://127.0.0.1:{port}", f"admin:{key.strip()}")
    finally:
        site.terminate()
        site.wait()


def serve() -> None:
    """Serve the site at http://127.0.0.1:8000/ until ^C."""
    print('\nThe admin: log in as "admin" with the password "admin".')
    print(f"The API's page: http://127.0.0.1:{PORT}/api/v1/docs/")
    manage("runserver", f"127.0.0.1:{PORT}", "--noreload")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
