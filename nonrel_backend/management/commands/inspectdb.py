"""`manage.py inspectdb`: Django's, with the models of stores that have no schema.

Their fields are inferred from a sample. SQL databases are inspected as by Django.
"""

import re
from argparse import ArgumentParser
from collections.abc import Iterator
from keyword import iskeyword
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError
from django.db import NotSupportedError, connections

from ...conditions import is_path_key
from ...fields import EmbeddedModel
from ...fields.checks import RESERVED_NAMES
from ...introspection import (
    InferredField,
    NonrelDatabaseIntrospection,
    PartOfTable,
)

if apps.is_installed("django.contrib.gis"):
    from django.contrib.gis.management.commands.inspectdb import Command as Inspection
else:
    from django.core.management.commands.inspectdb import Command as Inspection

# The modules that the source of a field may name.
MODULES = ("nonrel_backend.fields", "nonrel_backend.mongodb.fields")
# What the name of a field must not be, besides the attributes of models.
TAKEN_NAMES = {"pk", "objects", "models", "nonrel_backend", *RESERVED_NAMES}
COMPOSITE_KEY = re.compile(r"    pk = models\.CompositePrimaryKey\((.*)\)")


class Source(str):
    """Source text, as the value of a field's option."""

    __repr__ = str.__str__


class Command(Inspection):
    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--sample",
            type=int,
            default=1_000,
            metavar="N",
            help="Infer the fields of tables without a schema from N rows (1,000).",
        )

        parser.add_argument(
            "--where",
            metavar="CONDITION",
            help="Inspect the items of DynamoDB that satisfy a condition, for a model "
            'over a part of a table: "PK begins_with USER# AND SK = PROFILE".',
        )

    def handle_inspection(self, options: dict[str, Any]) -> Iterator[str]:
        self.introspection = connections[options["database"]].introspection
        self.is_nonrel = isinstance(self.introspection, NonrelDatabaseIntrospection)
        if not self.is_nonrel:
            yield from super().handle_inspection(options)
            return
        if options["sample"] < 1:
            raise CommandError("--sample takes a positive number.")
        if options["where"]:
            try:
                self.introspection.restrict(options["where"])
            except (NotSupportedError, ValueError) as error:
                raise CommandError(str(error)) from error
        self.class_names: dict[str, str] = {}
        # The lines of the embedded models of the table that is being inspected.
        self.embedded: list[str] = []
        with self.introspection.sampling(options["sample"]):
            # A name or an error may have several lines, a comment has one.
            lines = [
                " ".join(line.splitlines())
                for line in super().handle_inspection(options)
            ]
        for line in lines:
            yield self.with_field_names(line)
            if line == f"from {self.db_module} import models":
                for module in MODULES:
                    if any(f"{module}." in each for each in lines):
                        yield f"import {module}"

    def with_field_names(self, line: str) -> str:
        """Return the line, a composite key with fields where Django has columns."""
        key = COMPOSITE_KEY.fullmatch(line)
        if key is None:
            return line
        columns = [column[1:-1] for column in key[1].split(", ")]
        names = [self.normalize_col_name(each, [], False)[0] for each in columns]
        return f"    pk = models.CompositePrimaryKey({', '.join(map(repr, names))})"

    # --- names ---

    def normalize_table_name(self, table_name: str) -> str:
        if not self.is_nonrel:
            return str(super().normalize_table_name(table_name))
        part = self.introspection.part_of(table_name)
        name = f"{table_name}_{part.suffix}" if part else table_name
        return self.class_name(table_name, super().normalize_table_name(name))

    def class_name(self, owner: str, wanted: str) -> str:
        """Return the name of the class of a table or path, which no other has."""
        if owner not in self.class_names:
            if not wanted or wanted[0].isdigit() or iskeyword(wanted):
                wanted = f"Table{wanted}"
            # Django's registry does not distinguish the case.
            taken = {name.lower() for name in self.class_names.values()}
            name, number = wanted, 2
            while name.lower() in taken:
                name, number = f"{wanted}{number}", number + 1
            self.class_names[owner] = name
        return self.class_names[owner]

    def normalize_col_name(
        self, col_name: str, used_column_names: list[str], is_relation: bool
    ) -> tuple[str, dict[str, Any], list[str]]:
        name, params, notes = super().normalize_col_name(
            col_name, used_column_names, is_relation
        )
        if not self.is_nonrel:
            return name, params, notes
        if name in TAKEN_NAMES or hasattr(EmbeddedModel, name):
            name = f"{name}_field"
            notes.append("Field renamed because models have that name.")
        if not name.isidentifier():
            name = f"field{len(used_column_names)}"
            notes.append("Field renamed because it wasn't a valid Python identifier.")
        while name in used_column_names:
            name = f"{name}_0"
        if name != col_name and not is_relation:
            params["db_column"] = col_name
        return name, params, notes

    def part_lines(
        self, table_name: str, part: PartOfTable, names: dict[str, str]
    ) -> Iterator[str]:
        """Yield the lines by which a model is of a part of a table."""
        found = []
        for column, lookup, value in part.conditions:
            if column not in names:
                raise CommandError(f"No item that was read has the attribute {column}.")
            suffix = "" if lookup == "exact" else f"__{lookup}"
            found.append(f"{names[column]}{suffix}={value!r}")
        yield ""
        yield "    class DynamoMeta:"
        yield f"        table = {table_name!r}"
        yield f"        where = models.Q({', '.join(found)})"

    # --- inferred fields ---

    def get_field_type(
        self, connection: Any, table_name: str, row: Any
    ) -> tuple[str, dict[str, Any], list[str]]:
        inferred = getattr(row, "inferred", None)
        if inferred is None:
            return super().get_field_type(connection, table_name, row)
        path = (table_name, row.name)
        notes = [inferred.note] if inferred.note else []
        return inferred.field_class, self.arguments(inferred, path), notes

    def arguments(
        self, inferred: InferredField, path: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the arguments of a field, and write the embedded models it names."""
        found: dict[str, Any] = {}
        if inferred.fields is not None:
            found["embedded_model"] = self.write_embedded(inferred.fields, path)
        if inferred.item is not None:
            found["item_field"] = Source(self.source(inferred.item, path))
        return found | inferred.options

    def source(
        self, inferred: InferredField, path: tuple[str, ...], **more: Any
    ) -> str:
        """Return the source of a field."""
        arguments = self.arguments(inferred, path) | more
        text = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        module = "" if "." in inferred.field_class else "models."
        return f"{module}{inferred.field_class}({text})"

    def write_embedded(
        self, fields: dict[str, InferredField], path: tuple[str, ...]
    ) -> str:
        """Write the embedded model of the sub-documents at a path; return its name."""
        table, *keys = path
        title = super().normalize_table_name(" ".join(keys))
        owner = self.normalize_table_name(table)
        name = self.class_name("\0".join(path), owner + title)
        lines = ["", "", f"class {name}(nonrel_backend.fields.EmbeddedModel):"]
        start = len(self.embedded)
        self.embedded += lines
        body: list[str] = []
        used: list[str] = []
        for key, inferred in fields.items():
            if not is_path_key(key):
                body.append(f"    # No path leads to the key {key!r}: it has no field.")
                continue
            field, params, notes = self.normalize_col_name(key, used, False)
            used.append(field)
            notes += [inferred.note] if inferred.note else []
            comment = f"  # {' '.join(notes)}" if notes else ""
            source = self.source(inferred, (*path, key), **params)
            body.append(f"    {field} = {source}{comment}")
        place = start + len(lines)
        self.embedded[place:place] = body
        return name

    def get_meta(
        self, table_name: str, constraints: dict[str, Any], *args: Any
    ) -> Iterator[str]:
        if not self.is_nonrel:
            yield from super().get_meta(table_name, constraints, *args)
            return
        for comment in self.introspection.comments(table_name):
            yield f"    # {comment}"
        # A constraint is none of the columns that are left without a path.
        known = {
            name: {**each, "columns": [None]} if None in each["columns"] else each
            for name, each in constraints.items()
        }
        part = self.introspection.part_of(table_name)
        for line in super().get_meta(table_name, known, *args):
            if part and line.strip().startswith("db_table ="):
                line = f"        db_table = {f'{table_name}_{part.suffix}'!r}"
            yield line
        if part:
            yield from self.part_lines(table_name, part, args[0])
        yield from self.embedded
        self.embedded = []
