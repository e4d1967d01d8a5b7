"""The imports of nonrel_backend form no circle, and its files are short.

A package counts as a module: its `__init__.py`, which every import from outside the
package runs. An import inside a function makes a circle, too: it only hides it. An
import under TYPE_CHECKING does not.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "nonrel_backend"
MOST_LINES = 500
# The folders that may import the stores' folders.
ABOVE_STORES = ("rest", "testing")

OPTIONAL = "an optional package: the module is imported without it, too"
LIGHT = "not imported at start, because it is not needed there"
MODELS = "models can be imported only when Django's registry of apps is ready"
# {module: {what it imports inside a function: why}}, below the package
ALLOWED_BELOW: dict[str, dict[str, str]] = {
    "__main__": {
        "nonrel_backend.backends": LIGHT,
        "nonrel_backend.startbackend": LIGHT,
        "nonrel_backend.testing.conformance.command": LIGHT,
        "nonrel_backend.testing.django_suite.command": LIGHT,
    },
    "cursor": {"nonrel_backend.dml.raw_sql": LIGHT},
    "apps": {
        "nonrel_backend.documents.databases": LIGHT,
        "nonrel_backend.rest.contrib.drf": OPTIONAL,
    },
    "lmdb.checking": {"lmdb.verify": LIGHT},
    "lmdb.environment": {"lmdb": OPTIONAL},
    "rest.authentication": {
        "django.contrib.auth.models": MODELS,
        "nonrel_backend.rest.models": MODELS,
    },
    "rest.modelfields": {"nonrel_backend.rest.fields.documents": LIGHT},
    "rest.throttle": {"nonrel_backend.rest.models": MODELS},
    "operations": {"nonrel_backend.compiler": LIGHT},
    "rest.formats.xml": {
        "defusedxml.ElementTree": OPTIONAL,
        "defusedxml.common": OPTIONAL,
    },
    "testing.conformance.databases": {
        "nonrel_backend.testing.conformance.models": MODELS,
        "nonrel_backend.testing.documents.models": MODELS,
    },
    "testing.conformance.suite": {
        "nonrel_backend.testing.differential.compare": OPTIONAL,
        "nonrel_backend.testing.documents.samples": MODELS,
        "nonrel_backend.testing.documents.trials": MODELS,
    },
    "testing.faults.database": {"nonrel_backend.testing.faults.models": MODELS},
    "testing.faults.worker": {"nonrel_backend.testing.faults.operations": MODELS},
    "testing.services.addresses": {
        "nonrel_backend.testing.riak.server": OPTIONAL,
        "nonrel_backend.testing.services.dynamodb": LIGHT,
        "nonrel_backend.testing.services.mongodb": OPTIONAL,
    },
}
ALLOWED = {
    (f"nonrel_backend.{module}", target): reason
    for module, targets in ALLOWED_BELOW.items()
    for target, reason in targets.items()
}


@dataclass
class Module:
    """One module of the package and what it imports."""

    name: str
    path: Path
    # The modules it imports when it is imported, and in functions when they are called.
    at_import: set[str] = field(default_factory=set)
    in_functions: set[str] = field(default_factory=set)
    # Those of either kind, and those under TYPE_CHECKING.
    mentioned: set[str] = field(default_factory=set)

    @property
    def ancestors(self) -> set[str]:
        """The module and the packages that it is in."""
        return lineage(self.name)


def lineage(name: str) -> set[str]:
    """Return a dotted name and the names of the packages above it."""
    parts = name.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


def module_name(path: Path) -> str:
    """Return the dotted name of a file; that of the package for an `__init__.py`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_type_checking(node: ast.AST) -> TypeGuard[ast.If]:
    """Return whether a node is `if TYPE_CHECKING:`."""
    if not isinstance(node, ast.If):
        return False
    test = node.test
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def import_statements(
    node: ast.AST, kind: str = "at import"
) -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    """Yield each import below a node with when it runs: "at import", "in a function" or
    "for types".
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, kind
        elif is_type_checking(child):
            for part in child.body:
                yield from import_statements(ast.Module([part], []), "for types")
            for part in child.orelse:
                yield from import_statements(ast.Module([part], []), kind)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = kind if kind == "for types" else "in a function"
            yield from import_statements(child, inner)
        else:
            yield from import_statements(child, kind)


def imported(
    node: ast.Import | ast.ImportFrom, importer: Module, names: set[str]
) -> set[str]:
    """Return the modules that an import names.

    `names` are the package's modules: `from .a import b` names the module `a.b` if
    there is one, else `a`. Of a module outside the package only `a` is known.
    """
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    source = node.module or ""
    if node.level:
        is_package = importer.path.name == "__init__.py"
        base = importer.name.split(".")
        base = base[: len(base) - node.level + is_package]
        source = ".".join([*base, source] if source else base)
    inside = {f"{source}.{alias.name}" for alias in node.names} & names
    has_others = len(inside) < len(node.names)
    return inside | ({source} if has_others else set())


def runs(importer: Module, target: str, names: set[str]) -> set[str]:
    """Return the package's modules that run when one module imports another.

    They are the target and the packages above it, without those that are above the
    importer: their `__init__` has begun already.
    """
    return {target} & names | (lineage(target) & names) - importer.ancestors


def read_package() -> dict[str, Module]:
    """Return every module of the package by name, with its imports."""
    paths = sorted(PACKAGE.rglob("*.py"))
    modules = {module_name(path): Module(module_name(path), path) for path in paths}
    names = set(modules)
    for module in modules.values():
        for node, kind in import_statements(ast.parse(module.path.read_text())):
            targets = imported(node, module, names)
            module.mentioned |= targets
            if kind == "in a function":
                module.in_functions |= targets
            elif kind == "at import":
                for target in targets:
                    module.at_import |= runs(module, target, names)
    return modules


def reachable(start: set[str], edges: dict[str, set[str]]) -> set[str]:
    """Return the modules that can be reached from these, themselves included."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += edges[name]
    return found


def circles(modules: dict[str, Module]) -> list[list[str]]:
    """Return the groups of modules that import each other, at once or in functions."""
    names = set(modules)
    edges = {name: set(module.at_import) for name, module in modules.items()}
    for name, module in modules.items():
        for target in module.in_functions:
            edges[name] |= runs(module, target, names)
    reach = {name: reachable(edges[name], edges) for name in names}
    groups = {
        tuple(sorted(other for other in reach[name] if name in reach[other]))
        for name in names
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def deferred(modules: dict[str, Module]) -> set[tuple[str, str]]:
    """Return (module, target) of each import in a function that could be at the top."""
    names = set(modules)
    edges = {name: module.at_import for name, module in modules.items()}
    return {
        (module.name, target)
        for module in modules.values()
        for target in module.in_functions
        if module.name not in reachable(runs(module, target, names), edges)
    }


def folder(name: str) -> str:
    """Return the folder of the package that a module is in, or is."""
    return name.partition(".")[2].partition(".")[0]


def stores(modules: dict[str, Module]) -> set[str]:
    """Return the folders of the stores: those with a module `features`."""
    return {
        folder(name)
        for name in modules
        if name.endswith(".features") and name.count(".") == 2
    }


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return read_package()


def test_no_modules_import_each_other(modules: dict[str, Module]) -> None:
    found = [" <-> ".join(group) for group in circles(modules)]
    assert not found, "\n".join(["import circles:", *found])


def test_imports_that_could_be_at_the_top_are(modules: dict[str, Module]) -> None:
    found = [f"{a} imports {b}" for a, b in sorted(deferred(modules) - set(ALLOWED))]
    assert not found, "\n".join(["imports in functions, for no reason:", *found])


def test_the_imports_allowed_in_functions_are_there(
    modules: dict[str, Module],
) -> None:
    unused = sorted(set(ALLOWED) - deferred(modules))
    assert not unused, f"remove from ALLOWED: {unused}"


def test_no_file_is_long(modules: dict[str, Module]) -> None:
    lengths = {
        name: len(module.path.read_text().splitlines())
        for name, module in modules.items()
    }
    found = [f"{name}: {n} lines" for name, n in lengths.items() if n > MOST_LINES]
    assert not found, "\n".join([f"files of more than {MOST_LINES} lines:", *found])


def test_no_thread_waits_for_what_another_caches(modules: dict[str, Module]) -> None:
    # In Python 3.11 functools' cached_property has one lock for all instances of a
    # class, which is held while the property asks the store. Django's has none.
    # The planner's statement asks no store, and has its types.
    own = re.compile(r"^from functools import .*\bcached_property\b", re.MULTILINE)
    found = [
        name for name, each in modules.items() if own.search(each.path.read_text())
    ]
    assert found == ["nonrel_backend.planner.select"]


def test_neither_the_toolkit_nor_a_store_imports_a_store(
    modules: dict[str, Module],
) -> None:
    known = stores(modules)
    assert {"lmdb", "mongodb", "riak"} <= known
    found = [
        f"{module.name} imports {target}"
        for module in modules.values()
        if folder(module.name) not in ABOVE_STORES
        for target in sorted(module.mentioned & set(modules))
        if folder(target) in known and folder(target) != folder(module.name)
    ]
    assert not found, "\n".join(found)


# --- the test itself, on packages made for it ---


def package(tmp_path: Path, files: dict[str, str]) -> dict[str, Module]:
    """Write a package named "p" and return its modules."""
    for name, text in files.items():
        path = tmp_path / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in {(tmp_path / "p" / name).parent for name in files}:
        (path / "__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "PACKAGE", tmp_path / "p")
        return read_package()


CIRCLES: list[tuple[dict[str, str], list[list[str]]]] = [
    ({"a.py": "from . import b", "b.py": "from .a import x"}, [["p.a", "p.b"]]),
    ({"a.py": "import p.b", "b.py": "import p.a"}, [["p.a", "p.b"]]),
    # An import from inside a package does not wait for its __init__.
    (
        {
            "q/__init__.py": "from .a import x",
            "q/a.py": "from . import b",
            "q/b.py": "",
        },
        [],
    ),
    # It does for a name that the __init__ defines.
    (
        {"q/__init__.py": "from .a import x", "q/a.py": "from . import y"},
        [["p.q", "p.q.a"]],
    ),
    # An import from outside runs the __init__.
    (
        {
            "q/__init__.py": "from .a import x",
            "q/a.py": "from .. import c",
            "c.py": "from .q.b import y",
            "q/b.py": "",
        },
        [["p.c", "p.q", "p.q.a"]],
    ),
    # What runs in a function counts, what is only for types does not.
    (
        {"a.py": "def f():\n    from . import b", "b.py": "from . import a"},
        [["p.a", "p.b"]],
    ),
    (
        {
            "a.py": "import typing\nif typing.TYPE_CHECKING:\n    from . import b",
            "b.py": "from . import a",
        },
        [],
    ),
    # Nor does it hide what stands in another branch, or in a class or a `try`.
    (
        {
            "a.py": "if TYPE_CHECKING:\n    pass\nelse:\n    from . import b",
            "b.py": "class B:\n    try:\n        from . import a\n    except E: 1",
        },
        [["p.a", "p.b"]],
    ),
]


@pytest.mark.parametrize(("files", "expected"), CIRCLES)
def test_circles_are_found(
    tmp_path: Path, files: dict[str, str], expected: list[list[str]]
) -> None:
    assert circles(package(tmp_path, files)) == expected


def test_deferred_imports_are_found_unless_they_break_a_circle(
    tmp_path: Path,
) -> None:
    found = package(
        tmp_path,
        {
            "a.py": "def f():\n    import json\n    from . import b, c",
            "b.py": "from . import a",
            "c.py": "",
        },
    )
    assert deferred(found) == {("p.a", "json"), ("p.a", "p.c")}
