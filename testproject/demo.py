"""`make demo`: migrate, load the atlas, take the tour (and serve); starts a server for
a store that needs one.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nonrel_backend.testing.addresses import server  # noqa: E402


def manage(*arguments: str) -> None:
    command = [sys.executable, str(ROOT / "testproject" / "manage.py"), *arguments]
    print(f"\n$ manage.py {' '.join(arguments)}", flush=True)
    subprocess.run(command, check=True)


def main() -> int:
    with server(os.environ.get("NONREL_BACKEND") or "lmdb"):
        try:
            manage("migrate", "--verbosity=1")
            manage("loadatlas")
            manage("tour")
            if os.environ.get("SERVE"):
                serve()
        except subprocess.CalledProcessError as error:
            return error.returncode
        except KeyboardInterrupt:
            print("\nStopped.")
    return 0


def serve() -> None:
    """The admin at http://127.0.0.1:8000/, user and password "admin", until ^C."""
    os.environ["DJANGO_SUPERUSER_PASSWORD"] = "admin"
    command = [sys.executable, str(ROOT / "testproject" / "manage.py")]
    command += ["createsuperuser", "--noinput", "--username=admin"]
    # Where a store outlives the demo, the user is there already.
    subprocess.run([*command, "--email=admin@example.com"], stderr=subprocess.DEVNULL)
    print('\nSign in as "admin" with the password "admin".')
    manage("runserver", "127.0.0.1:8000", "--noreload")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
