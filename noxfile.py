"""Runs before a release: the newest Django, faults, other people's packages."""

import os

import nox

# These apps test each part of the ORM, in some minutes.
APPS = """
    aggregation aggregation_regress annotations backends basic bulk_create composite_pk
    constraints custom_pk db_functions defer expressions expressions_case
    expressions_window field_defaults filtered_relation foreign_object
    generic_relations get_or_create indexes inspectdb introspection lookup m2m_through
    many_to_many many_to_one migrations model_fields model_inheritance model_options
    null_queries one_to_one ordering prefetch_related queries raw_query schema
    select_related timezones transactions update validation
""".split()

# What the suites of other packages need, and the packages that require more or ask for
# their installed version. They themselves run in the folders of their source
# distributions; wagtail pins older versions of some.
PACKAGE_REQUIREMENTS = """
    azure-identity azure-mgmt-cdn<15 azure-mgmt-frontdoor<3 boto3 celery<5.6 chardet
    coreapi dj-database-url django-celery-results django-crispy-forms django-environ
    django-extensions django-guardian django-import-export django-pattern-library
    django-reversion django-simple-history factory-boy freezegun inflection jinja2<3.2
    markdown openpyxl psycopg[binary] pygments pytest-benchmark pytest-django pytz
    responses setuptools tablib[all] uritemplate wagtail==8.0.1
""".split()

STORES = ("lmdb", "mongodb", "riak", "dynamodb", "template")


@nox.session(python=["3.12", "3.13"], venv_backend="venv")
def django61(session: nox.Session) -> None:
    """Run our own tests and some apps of Django 6.1's suite; arguments name others."""
    session.install("-e", ".[test]", "Django>=6.1,<6.2")
    apps = session.posargs or APPS
    # Fewer random tests than with the older Django. CI is unset, so that tests in a
    # browser are skipped without one.
    few = {"FUZZ_QUERIES": "200", "FUZZ_REFUSED": "100", "FUZZ_DOCUMENTS": "100"}
    few |= {"LMDB_KILLS": "20", "CI": ""}
    own = [f"test-{backend}" for backend in ("mongodb", "riak", "lmdb")]
    session.run("make", "--jobs=2", f"BIN={session.bin}", *own, env=few, external=True)
    for backend in ("lmdb", "mongodb"):
        session.run("python", "runtests.py", "django", "--backend", backend, *apps)


@nox.session(python="3.13", venv_backend="venv")
def django61_all(session: nox.Session) -> None:
    """Run all apps of Django 6.1's suite; their tables are in docs/."""
    session.install("-e", ".[test]", "Django>=6.1,<6.2")
    for backend in ("lmdb", "mongodb"):
        page = f"docs/django-suite-61-{backend}.md"
        command = ["runtests.py", "django", "--backend", backend, "--save", page]
        session.run("python", *command, *session.posargs, env={"CI": ""})


@nox.session(venv_backend="venv")
def dynamodb(session: nox.Session) -> None:
    """Run all our tests on DynamoDB, and all apps of Django's suite.

    Arguments are those of the suite's run.
    """
    session.install("-e", ".[test,browser]")
    session.run("python", "runtests.py", "--backend", "dynamodb", env={"CI": ""})
    command = ["runtests.py", "django", "--backend", "dynamodb", "--timeout", "3000"]
    save = ["--save", "docs/django-suite-dynamodb.md"]
    session.run("python", *command, *(session.posargs or save), env={"CI": ""})


@nox.session(venv_backend="venv")
def faults(session: nox.Session) -> None:
    """Run five minutes of faults on each backend; arguments are those of the runs."""
    session.install("-e", ".[test]")
    for backend in ("lmdb", "mongodb", "riak", "dynamodb"):
        command = ["-m", "nonrel_backend.testing.faults", "--backend", backend]
        session.run("python", *command, "--seconds", "300", *session.posargs)
    env = {"KILLED_ROWS": "2000", "KILLS": "100", "FUZZ_CONFLICTS": "2000", "CI": ""}
    tests = ["tests/dynamodb/test_kills.py", "tests/dynamodb/test_conflicts.py"]
    session.run("python", "runtests.py", "--backend", "dynamodb", *tests, env=env)


@nox.session(venv_backend="venv")
def rules(session: nox.Session) -> None:
    """Force each rule of the planner, and have stores refuse parts of statements.

    Arguments name some of the backends.
    """
    session.install("-e", ".[test]")
    tests = ["tests/testing/differential/test_queries.py", "-k", "forced or refused"]
    for backend in session.posargs or STORES:
        env = {"FUZZ_FORCED": "20000", "FUZZ_REFUSED": "20000", "CI": ""}
        session.run("python", "runtests.py", "--backend", backend, *tests, env=env)
    runs = session.run("python", "-m", "nonrel_backend.testing.forcing", silent=True)
    for rules in str(runs).split():
        command = ["runtests.py", "django", "--quick", "--backend", "mongodb"]
        session.run("python", *command, env={"FORCED_RULES": rules, "CI": ""})


@nox.session(venv_backend="venv")
def schemathesis(session: nox.Session) -> None:
    """Send random requests by the OpenAPI document of the atlas, served by make demo.

    SITE names the site, by default http://127.0.0.1:8000, and KEY is "name:key".
    """
    session.install("schemathesis>=4.32,<5")
    site = os.environ.get("SITE", "http://127.0.0.1:8000")
    # Resources accept more than the document says: a number for a text, a key for a
    # URI, a PUT without what is to stay. DELETE and PUT on lists leave no objects.
    command = f"""
        schemathesis run {site}/api/v1/openapi.json --seed 1 --max-examples 5
        --exclude-checks negative_data_rejection
        --exclude-operation-id-regex list[.](delete|put)$
    """.split()
    key = f"Authorization: ApiKey {os.environ['KEY']}"
    hooks = {"PYTHONPATH": "testproject", "SCHEMATHESIS_HOOKS": "schemathesis_hooks"}
    session.run(*command, "--header", key, *session.posargs, env=hooks)


@nox.session(venv_backend="venv")
def packages(session: nox.Session) -> None:
    """Run ten packages' own suites, compared with SQLite; arguments name some."""
    # Not editable: the packages' own `tests` are to be found.
    session.install(".[test]", *PACKAGE_REQUIREMENTS)
    session.run("python", "runtests.py", "packages", *session.posargs)
