"""What is wrong with an embedded model, found before it is used."""

from django.db import models

from .base import DocumentField
from .model import EmbeddedModel, NoKey
from .registry import MODEL_KEY


def embedded_within(field):
    """The embedded fields that a field is, or has as items."""
    if hasattr(field, "embedded_models"):
        yield field
    elif isinstance(field, DocumentField):
        for inner in field.item_fields():
            yield from embedded_within(inner)


def check_embedded(field, model, seen: set) -> list:
    """What is wrong with an embedded model; each is looked at once."""
    if model in seen:
        return []
    seen.add(model)
    if not issubclass(model, EmbeddedModel):
        return [
            field.error(
                f"{model._meta.label} is no EmbeddedModel.",
                "E012",
                "Only subclasses of nonrel_backend.fields.EmbeddedModel are embedded.",
            )
        ]
    found = []
    label = model._meta.label
    if model._meta.many_to_many:
        names = ", ".join(each.name for each in model._meta.many_to_many)
        found.append(
            field.error(
                f"{label} is embedded and cannot keep many-to-many relations: {names}.",
                "E013",
                "Hold a list of keys: ListField(models.BigIntegerField()).",
            )
        )
    for each in model._meta.local_fields:
        if isinstance(each, NoKey):
            continue
        where = f"{label}.{each.name}"
        if isinstance(each, models.OneToOneField) or (each.unique and each.column):
            found.append(
                field.error(
                    f"{where} is unique, which an embedded model cannot be.",
                    "E014",
                    "Hold what is unique in a column of the model that embeds it.",
                )
            )
        if each.name in RESERVED_NAMES or (
            each.column and (each.column.startswith("$") or "." in each.column)
        ):
            found.append(
                field.error(
                    f"{where} is named as a lookup is.",
                    "E015",
                    "Paths could not name it: rename it.",
                )
            )
        if isinstance(each, (models.AutoField, models.FileField)):
            found.append(
                field.error(
                    f"{where} is a {type(each).__name__}, which cannot be embedded.",
                    "E016",
                    "Use a UUIDField with a default, or a CharField for a name.",
                )
            )
        for inner in embedded_within(each):
            try:
                inside = inner.embedded_models()
            except LookupError as error:
                found.append(field.error(f"{where}: {error}", "E010"))
                continue
            for other in inside:
                found += check_embedded(field, other, seen)
    return found


# What a path's next part means before it can be a field's name.
RESERVED_NAMES = {"exact", "isnull", "in", MODEL_KEY}
