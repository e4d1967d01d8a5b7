"""The OpenAPI 3.1 document of an Api."""

from typing import Any, cast

from ..constants import ALL, ALL_WITH_RELATIONS
from ..fields.nested import nullable
from ..fields.related import RelatedField
from ..resource.resource import Resource, schema_name

KEY = {"type": "string"}
# The status codes of all requests, and of those with a body.
ALWAYS = ("400", "401", "403", "404", "405", "406", "429", "503")
WITH_BODY = ("409", "412", "413", "415", "428", "501")
# (list or detail, method): what it does, and its status codes.
METHODS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("list", "get"): ("List", ("200",)),
    ("list", "post"): ("Create one, or a list", ("201",)),
    ("list", "put"): ("Replace the list", ("200", "204")),
    ("list", "patch"): ("Change, create and delete, all or nothing", ("202",)),
    ("list", "delete"): ("Delete what the filters leave", ("204",)),
    ("detail", "get"): ("Read", ("200", "300", "304", "412")),
    ("detail", "put"): ("Store", ("200", "201", "204")),
    ("detail", "patch"): ("Change", ("202",)),
    ("detail", "delete"): ("Delete", ("204",)),
}
LIST_PARAMETERS: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 0},
    "offset": {"type": "integer", "minimum": 0},
    "cursor": {"type": "string"},
    "order_by": {"type": "string"},
    "fields": {"type": "string"},
}
HEADERS = ("If-Match", "If-None-Match")
LOOKUPS_OF_ALL = (
    "exact iexact in gt gte lt lte range contains icontains startswith endswith isnull"
).split()
ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "additionalProperties": True,
}


def document(api: Any, visibility: Any = None) -> dict[str, Any]:
    """Return the document of the visible resources of an Api; of all by default."""
    writer = Writer(visibility)
    for name in sorted(api._registry):
        if writer.shows(api._registry[name]):
            writer.add(api._registry[name])
    schemas = {"Error": ERROR, **writer.schemas}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"API {api.api_name}", "version": api.api_name},
        "paths": writer.paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": writer.security,
        },
    }


class Writer:
    """Collects the paths, the schemas and the security schemes of resources."""

    def __init__(self, visibility: Any = None) -> None:
        self.visibility = visibility
        self.paths: dict[str, Any] = {}
        self.schemas: dict[str, Any] = {}
        self.security: dict[str, Any] = {}

    def shows(self, resource: Resource) -> bool:
        """Return whether the document's reader may know the resource."""
        return self.visibility is None or self.visibility.shows(resource)

    def add(self, resource: Resource) -> None:
        """Add the paths and the schemas of a resource."""
        self.add_schemas(resource)
        uri = resource.get_resource_uri()
        meta, name = resource._meta, schema_name(resource)
        key = meta.detail_uri_name
        lists = self.operations(resource, "list")
        if "get" in lists:
            lists["get"]["parameters"] = list_parameters(resource)
        if lists:
            self.paths[uri] = lists
        details = self.operations(resource, "detail")
        if details:
            in_path = {"name": key, "in": "path", "required": True, "schema": KEY}
            self.paths[f"{uri}{{{key}}}/"] = {"parameters": [in_path], **details}
            for nested in meta.nested:
                related = cast(RelatedField, resource.fields[nested]).related
                if self.shows(related):
                    address = f"{uri}{{{key}}}/{nested}/"
                    operations = self.nested_operations(resource, nested)
                    self.paths[address] = {"parameters": [in_path], **operations}
        keys = {
            "name": f"{key}_list",
            "in": "path",
            "required": True,
            "schema": KEY,
            "description": "Keys, separated by ;.",
        }
        self.paths[f"{uri}set/{{{key}_list}}/"] = {
            "parameters": [keys],
            "get": self.operation(
                resource, "Read several", ("200",), list_ref(name), f"{name}.set"
            ),
        }
        self.paths[f"{uri}schema/"] = {
            "get": self.operation(
                resource, "Describe", ("200",), {"type": "object"}, f"{name}.schema"
            )
        }

    def nested_operations(self, resource: Any, nested: str) -> dict[str, Any]:
        """Return the operations of the list of a relation, by method."""
        related, found = resource.fields[nested].related, {}
        self.add_schemas(related)
        name, operations = schema_name(related), self.operations(related, "list")
        for method in resource.nested.methods_of(nested):
            operation = operations[method]
            operation["operationId"] = f"{schema_name(resource)}.{nested}.{method}"
            if method == "get":
                operation["parameters"] = list_parameters(related)
            else:  # the relation is in the address
                operation["requestBody"] = content(ref(f"{name}.change"))
            found[method] = operation
        return found

    def operations(self, resource: Resource, kind: str) -> dict[str, Any]:
        """Return the operations of "list" or "detail", by method."""
        meta, name, found = resource._meta, schema_name(resource), {}
        for method in getattr(meta, f"{kind}_allowed_methods"):
            if (kind, method) not in METHODS:
                continue
            summary, statuses = METHODS[kind, method]
            shown = ref(name) if kind == "detail" else list_ref(name)
            if method != "get" and not meta.always_return_data:
                shown = {}
            operation = self.operation(
                resource, summary, statuses, shown, f"{name}.{kind}.{method}"
            )
            body = request_body(name, kind, method, meta.collection_name)
            if body is not None:
                operation["requestBody"] = content(body) | {"required": True}
            if method != "get":
                for status in WITH_BODY:
                    operation["responses"].setdefault(status, error_response())
            if kind == "detail":
                operation["parameters"] = [
                    {"name": each, "in": "header", "schema": {"type": "string"}}
                    for each in HEADERS
                ]
            found[method] = operation
        return found

    def operation(
        self,
        resource: Resource,
        summary: str,
        statuses: tuple[str, ...],
        shown: Any,
        name: str,
    ) -> dict[str, Any]:
        """Return an operation. `shown` is the schema of its response."""
        responses: dict[str, Any] = {
            status: {"description": "Done."}
            | (content(shown) if shown and status in ("200", "201", "202") else {})
            for status in statuses
        }
        responses |= {status: error_response() for status in ALWAYS}
        if "412" in statuses:
            responses["412"] = error_response()
        found: dict[str, Any] = {
            "summary": summary,
            "operationId": name,
            "tags": [resource._meta.resource_name],
            "responses": responses,
        }
        schemes = self.schemes_of(resource._meta.authentication)
        if schemes:
            found["security"] = [{each: []} for each in schemes]
        return found

    def schemes_of(self, authentication: Any) -> list[str]:
        """Return the names of the security schemes of an authentication."""
        found = []
        for each in getattr(authentication, "backends", [authentication]):
            if each.scheme is not None:
                name = type(each).__name__.removesuffix("Authentication")
                self.security[name] = each.scheme
                found.append(name)
        return found

    def schema_of(self, field: Any) -> dict[str, Any]:
        """Return the schema of a field; that of related data only if it is visible."""
        if isinstance(field, RelatedField) and field.full:
            if not all(map(self.shows, field.related_resources)):
                return {"type": "array"} if field.is_m2m else {}
        return nullable(field)

    def add_schemas(self, resource: Resource) -> None:
        """Add the schemas of an object shown, of data sent, and of the resources of
        full relations.
        """
        name, meta = schema_name(resource), resource._meta
        if name in self.schemas:
            return
        shown: dict[str, Any] = {}
        sent: dict[str, Any] = {}
        required: list[str] = []
        self.schemas[name] = {"type": "object", "properties": shown}
        for key, field in resource.fields.items():
            described = self.schema_of(field) | {"description": str(field.help_text)}
            if field.write_only:
                described |= {"writeOnly": True}
            else:
                shown[key] = described | ({"readOnly": True} if field.readonly else {})
            if not field.readonly:
                sent[key] = described
                if not (field.null or field.blank or field.has_default):
                    required.append(key)
            if isinstance(field, RelatedField) and field.full:
                for related in filter(self.shows, field.related_resources):
                    self.add_schemas(related)
        new: dict[str, Any] = {"type": "object", "properties": sent}
        if required:
            new["required"] = required
        self.schemas[f"{name}.new"] = new
        self.schemas[f"{name}.change"] = {"type": "object", "properties": sent}
        self.schemas[f"{name}.list"] = {
            "type": "object",
            "properties": {
                "meta": {"type": "object"},
                meta.collection_name: {"type": "array", "items": ref(name)},
                "not_found": {"type": "array", "items": {"type": "string"}},
            },
        }


def ref(name: str) -> dict[str, Any]:
    """Return the reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_ref(name: str) -> dict[str, Any]:
    """Return the reference to the schema of a list."""
    return ref(f"{name}.list")


def content(schema: Any) -> dict[str, Any]:
    """Return the content of a request or a response."""
    return {"content": {"application/json": {"schema": schema}}}


def error_response() -> dict[str, Any]:
    """Return the description of an error."""
    return {"description": "Rejected.", **content(ref("Error"))}


def request_body(name: str, kind: str, method: str, collection: str) -> Any:
    """Return the schema of the body of a request; None if it has no body."""
    new, change = ref(f"{name}.new"), ref(f"{name}.change")
    if kind == "detail":
        return {"put": new, "patch": change}.get(method)
    items = {"type": "array", "items": new}
    if method == "post":
        return {"oneOf": [new, items]}
    if method == "put":
        return {
            "type": "object",
            "properties": {collection: items},
            "required": [collection],
        }
    if method == "patch":
        uris = {"type": "array", "items": {"type": "string"}}
        objects = {"type": "array", "items": {"type": "object"}}
        return {
            "type": "object",
            "properties": {collection: objects, f"deleted_{collection}": uris},
        }
    return None


def list_parameters(resource: Resource) -> list[dict[str, Any]]:
    """Return the parameters of GET on a list: pages, orderings, filters."""
    schemas = dict(LIST_PARAMETERS)
    for name, allowed in resource._meta.filtering.items():
        field = resource.fields.get(name.partition(".")[0])
        if field is None:
            continue
        own = field.json_schema() if name in resource.fields else {}
        all_lookups = allowed in (ALL, ALL_WITH_RELATIONS)
        for lookup in LOOKUPS_OF_ALL if all_lookups else allowed:
            key = name if lookup == "exact" else f"{name}__{lookup}"
            schemas[key] = lookup_schema(lookup, own, field.is_related)
    return [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in schemas.items()
    ]


def lookup_schema(lookup: str, own: dict[str, Any], related: bool) -> dict[str, Any]:
    """Return the schema of a filter by a lookup. `own` is the schema of the field."""
    if lookup == "isnull":
        return {"type": "boolean"}
    if lookup in ("exact", "gt", "gte", "lt", "lte") and not related:
        return own if own.get("type") in ("string", "integer", "number") else {}
    return {"type": "string"}
