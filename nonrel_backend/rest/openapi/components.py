"""Components: the schemas of objects shown and of data sent, and examples."""

from typing import Any

from ..exceptions import RestError
from ..fields.nested import EmbeddedField
from ..fields.related import RelatedField
from ..resource.resource import Resource, schema_name
from .schemas import example_of, own_schema, sent_schema, shown_schema

ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "additionalProperties": True,
}
NULLABLE_TEXT = {"type": ["string", "null"]}
META = {
    "type": "object",
    "properties": {
        "limit": {"type": "integer"},
        "next": NULLABLE_TEXT,
        "previous": NULLABLE_TEXT,
        "total_count": {"type": ["integer", "null"]},
    },
}
# What a regular expression gives a meaning to.
SPECIAL = {ord(each): f"\\{each}" for each in r"\.^$*+?()[]{}|"}


def ref(name: str) -> dict[str, Any]:
    """Return the reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


class Components:
    """Collects the schemas of resources. `visibility` says which the reader may know;
    None for all.
    """

    def __init__(self, visibility: Any = None) -> None:
        self.visibility = visibility
        self.schemas: dict[str, Any] = {"Error": ERROR}
        self.examples: dict[str, Any] = {}

    def shows(self, resource: Resource) -> bool:
        """Return whether the document's reader may know the resource."""
        return self.visibility is None or self.visibility.shows(resource)

    def add(self, resource: Resource) -> None:
        """Add the schemas of an object shown, of data sent, and of the resources of
        full relations.
        """
        name, collection = schema_name(resource), resource._meta.collection_name
        if name in self.schemas:
            return
        self.schemas[name] = {}  # full relations may lead back
        self.schemas[name] = self.shown(resource)
        properties, required = self.sent(resource)
        new: dict[str, Any] = {"type": "object", "properties": properties}
        self.schemas[f"{name}.new"] = new | ({"required": required} if required else {})
        keys = getattr(resource, "keys", None)
        key = [] if keys is None else keys.attribute("pk")[1]
        change: dict[str, Any] = {
            "type": "object",
            "properties": {
                name: each for name, each in properties.items() if name not in key
            },
            "additionalProperties": False,
        }
        # "location.city" changes a part.
        parts = {
            f"{key}.{part}": sent_schema(each)
            for key in properties
            if isinstance(field := resource.fields[key], EmbeddedField)
            for part, each in field.fields.items()
            if not each.readonly
        }
        change["properties"] |= parts
        self.schemas[f"{name}.change"] = change
        if set(key) & set(properties):  # it is in the URI
            self.schemas[f"{name}.put"] = {
                **self.schemas[f"{name}.new"],
                "properties": {
                    each: properties[each] for each in properties if each not in key
                },
                "required": [each for each in required if each not in key],
            }
        objects = {"type": "array", "items": ref(name)}
        self.schemas[f"{name}.list"] = {
            "type": "object",
            "properties": {"meta": META, collection: objects},
            "required": [collection],
        }
        missing = {"type": "array", "items": {"type": "string"}}
        self.schemas[f"{name}.set"] = {
            "type": "object",
            "properties": {collection: objects, "not_found": missing},
            "required": [collection],
        }
        example = self.example(resource, required)
        if example is not None:
            self.examples[name] = example

    # --- responses ---

    def shown(self, resource: Resource) -> dict[str, Any]:
        """Return the schema of an object in a response to a request without
        `?fields=`.
        """
        properties, required = {}, []
        for name, field in resource.fields.items():
            if field.write_only:
                continue
            schema = self.shown_field(field) | {"description": str(field.help_text)}
            properties[name] = schema | ({"readOnly": True} if field.readonly else {})
            if field.use_in == "all":
                required.append(name)
        found: dict[str, Any] = {"type": "object", "properties": properties}
        hooks = ("dehydrate", "full_dehydrate", "alter_detail_data_to_serialize")
        listed = "alter_list_data_to_serialize"
        if all(map(resource.has_default, (*hooks, listed))):
            found["additionalProperties"] = False
            if required:
                found["required"] = required
        return found

    def shown_field(self, field: Any) -> dict[str, Any]:
        """Return the schema of a field in a response."""
        if not isinstance(field, RelatedField):
            return shown_schema(field)
        item: dict[str, Any] = {"type": "string", "format": "uri-reference"}
        if field.full:
            if not all(map(self.shows, field.related_resources)):
                return {"type": "array"} if field.is_m2m else {}
            for related in field.related_resources:
                self.add(related)
            item = {"anyOf": [item, *map(self.ref_to, field.related_resources)]}
        if field.is_m2m:
            return {"type": "array", "items": item}
        return {"anyOf": [item, {"type": "null"}]} if field.null else item

    def ref_to(self, resource: Resource) -> dict[str, Any]:
        """Return the reference to the schema of a resource's objects."""
        return ref(schema_name(resource))

    # --- requests ---

    def sent(self, resource: Resource) -> tuple[dict[str, Any], list[str]]:
        """Return the schemas of the fields that are written, and the names of those
        that a new object needs.
        """
        properties, required = {}, []
        for name, field in resource.fields.items():
            if field.readonly:
                continue
            schema = self.sent_field(field) | {"description": str(field.help_text)}
            properties[name] = schema | (
                {"writeOnly": True} if field.write_only else {}
            )
            if not (field.null or field.blank or field.has_default):
                required.append(name)
        return properties, required

    def sent_field(self, field: Any) -> dict[str, Any]:
        """Return the schema of the data of a field."""
        if not isinstance(field, RelatedField):
            return sent_schema(field)
        item: dict[str, Any] = {
            "anyOf": list(map(self.reference, field.related_resources))
        }
        if len(item["anyOf"]) == 1:
            (item,) = item["anyOf"]
        if field.full and all(map(self.shows, field.related_resources)):
            news = [ref(f"{schema_name(each)}.new") for each in field.related_resources]
            item = {"anyOf": [item, *news]}
        if field.is_m2m:
            return {"type": "array", "items": item}
        return {"anyOf": [item, {"type": "null"}]} if field.null else item

    def reference(self, resource: Resource) -> dict[str, Any]:
        """Return the schema of the URI of one of a resource's objects."""
        found: dict[str, Any] = {"type": "string", "format": "uri-reference"}
        if self.shows(resource):
            start = resource.get_resource_uri().translate(SPECIAL)
            found["pattern"] = f"^{start}[^/]+/$"
            found["x-resource"] = resource._meta.resource_name
        return found

    # --- examples ---

    def example(self, resource: Resource, required: list[str]) -> Any:
        """Return data that creates an object; None if it would need related objects
        and there are none that the reader may see.
        """
        found = {}
        for name in required:
            field = resource.fields[name]
            if isinstance(field, RelatedField):
                value = self.example_uri(field)
                if value is None:
                    return None
                found[name] = [value] if field.is_m2m else value
            else:
                found[name] = example_of(field)
        if not found:  # something to see
            for name, field in resource.fields.items():
                plain = not field.readonly and not field.is_related
                if plain and own_schema(field).get("type"):
                    return {name: example_of(field)}
        return found

    def example_uri(self, field: RelatedField) -> str | None:
        """Return the URI of the first object that a relation may lead to."""
        resource: Any = field.related_resources[0]
        if self.visibility is None or not self.shows(resource):
            return None
        request = self.visibility.request_for(resource)
        if not resource.authorizes_itself:
            return None
        bundle = resource.build_bundle(request=request)
        try:
            objects = resource.get_object_list(request)
            objects = resource.apply_authorization_limits(request, objects)
            first = resource.authorized_read_list(objects, bundle)[:1]
            return next((resource.get_resource_uri(each) for each in first), None)
        except RestError:
            return None
