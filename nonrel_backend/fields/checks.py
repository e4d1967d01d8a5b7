"""System checks of embedded models."""

from typing import Any

from django.core.checks import CheckMessage
from django.db import models

from ..conditions import is_path_key
from ..microseconds import hidden
from .base import DocumentField
from .model import NO_KEY, EmbeddedModel
from .registry import MODEL_KEY
from .walking import embedded_fields

# The names that a path reads as a lookup or as the model's name, never as a field.
RESERVED_NAMES = {"exact", "isnull", "in", MODEL_KEY}


def check_embedded(
    holder: DocumentField, model: Any, seen: set[Any]
) -> list[CheckMessage]:
    """Check an embedded model and the models embedded in it, each once.

    The messages are about `holder`, the column. `seen` holds the models that have been
    checked, and is added to.
    """
    if model in seen:
        return []
    seen.add(model)
    label = model._meta.label
    if not issubclass(model, EmbeddedModel):
        return [
            holder.error(
                f"{label} is not an EmbeddedModel.",
                "nonrel_backend.E012",
                "Make it a subclass of nonrel_backend.fields.EmbeddedModel.",
            )
        ]
    messages = []
    if model._meta.many_to_many:
        names = ", ".join(each.name for each in model._meta.many_to_many)
        messages.append(
            holder.error(
                f"The embedded model {label} has many-to-many relations: {names}.",
                "nonrel_backend.E013",
                "Store a list of keys: ListField(models.BigIntegerField()).",
            )
        )
    for field in model._meta.local_fields:
        if field.name == NO_KEY:
            continue
        where = f"{label}.{field.name}"
        messages += check_embedded_field(holder, field, where)
        for inner in embedded_fields(field):
            try:
                inner_models = inner.embedded_models()
            except LookupError as error:
                messages.append(
                    holder.error(f"{where}: {error}", "nonrel_backend.E010")
                )
                continue
            for inner_model in inner_models:
                messages += check_embedded(holder, inner_model, seen)
    return messages


def check_embedded_field(
    holder: DocumentField, field: models.Field, where: str
) -> list[CheckMessage]:
    """Check one field of an embedded model; `where` names it."""
    messages = []
    if isinstance(field, models.OneToOneField) or (field.unique and field.column):
        messages.append(
            holder.error(
                f"{where} is unique, which an embedded model does not support.",
                "nonrel_backend.E014",
                "Move the field to the model that embeds this one.",
            )
        )
    if (
        field.name in RESERVED_NAMES
        or (field.column and not is_path_key(field.column))
        or is_hidden_key(field)
    ):
        messages.append(
            holder.error(
                f"The name of {where} cannot be used in a path.",
                "nonrel_backend.E015",
                "Rename the field. Names of lookups are reserved; a column has no "
                "'.', does not begin with '$', and is not a datetime's with '__us'.",
            )
        )
    if isinstance(field, (models.AutoField, models.FileField)):
        messages.append(
            holder.error(
                f"{where} is a {type(field).__name__}, which cannot be embedded.",
                "nonrel_backend.E016",
                "Use a UUIDField with a default as a key, a CharField for a file name.",
            )
        )
    return messages


def is_hidden_key(field: models.Field) -> bool:
    """Return whether a column is where the microseconds of another may be hidden."""
    return any(
        other.column
        and hidden(other.column) == field.column
        and other.get_internal_type() in ("DateTimeField", "DocumentField")
        for other in field.model._meta.concrete_fields
    )
