"""The tests on the newest Django, on a Python of its own: `nox -s django61 -p 3.13`."""

import nox


@nox.session(python=["3.12", "3.13"], venv_backend="venv")
def django61(session: nox.Session) -> None:
    """Our own tests and a choice of Django 6.1's suite (arguments: other apps)."""
    session.install("-e", ".[test]", "Django>=6.1,<6.2")
    session.run("python", "runtests.py")
    apps = session.posargs or ["--quick"]
    session.run("python", "runtests.py", "django", *apps)
