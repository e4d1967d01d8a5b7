"""The OpenAPI 3.1 document of an Api."""

from typing import Any

from ..resource.resource import Resource, schema_name
from .components import Components, ref
from .filters import filter_parameters, list_parameters

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
ABOUT = (
    "`?format=` or Accept chooses the format, and `?fields=name,country.name` shows a "
    "part of the data. Writes with `If-Match` are 412 if the object has changed."
)

# The operations whose data may be a form with files.
FORMS = {("list", "post"), ("detail", "put"), ("detail", "patch")}
CONDITIONS = (
    "Besides the filters below, `name!=value` excludes, and `or=name=a|name=b` has "
    "alternatives."
)


def document(api: Any, visibility: Any = None) -> dict[str, Any]:
    """Return the document of the visible resources of an Api; of all by default."""
    writer = Writer(visibility)
    for name in sorted(api._registry):
        if writer.components.shows(api._registry[name]):
            writer.add(api._registry[name])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"API {api.api_name}",
            "version": api.api_name,
            "description": ABOUT,
        },
        "paths": writer.paths,
        "components": {
            "schemas": dict(sorted(writer.components.schemas.items())),
            "securitySchemes": writer.security,
        },
    }


class Writer:
    """Collects the paths, the schemas and the security schemes of resources."""

    def __init__(self, visibility: Any = None) -> None:
        self.components = Components(visibility)
        self.paths: dict[str, Any] = {}
        self.security: dict[str, Any] = {}

    def add(self, resource: Resource) -> None:
        """Add the paths and the schemas of a resource."""
        self.components.add(resource)
        uri = resource.get_resource_uri()
        meta, name = resource._meta, schema_name(resource)
        key = meta.detail_uri_name
        lists = self.operations(resource, "list")
        if lists:
            self.paths[uri] = lists
        details = self.operations(resource, "detail")
        if details:
            in_path = {
                "name": key,
                "in": "path",
                "required": True,
                "schema": path_schema(resource),
            }
            self.paths[f"{uri}{{{key}}}/"] = {"parameters": [in_path], **details}
            self.add_nested(resource, f"{uri}{{{key}}}/", in_path)
        keys = {
            "name": f"{key}_list",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            "description": r"Keys, separated by `;`. A `;` within a key is `\;`.",
        }
        shown = ref(f"{name}.set")
        self.paths[f"{uri}set/{{{key}_list}}/"] = {
            "parameters": [keys],
            "get": self.operation(
                resource, "get", "Read several", ("200",), shown, f"{name}.set"
            ),
        }
        shown = {"type": "object"}
        self.paths[f"{uri}schema/"] = {
            "get": self.operation(
                resource, "get", "Describe", ("200",), shown, f"{name}.schema"
            )
        }

    def add_nested(self, resource: Any, uri: str, in_path: dict[str, Any]) -> None:
        """Add the paths of the lists of relations below an object."""
        for nested in resource._meta.nested:
            related = resource.fields[nested].related
            if not self.components.shows(related):
                continue
            self.components.add(related)
            name, found = schema_name(related), {}
            operations = self.operations(related, "list")
            for method in resource.nested.methods_of(nested):
                operation = operations[method]
                operation["operationId"] = f"{schema_name(resource)}.{nested}.{method}"
                if method != "get":  # the relation is in the address
                    operation["requestBody"] = content(ref(f"{name}.change"))
                found[method] = operation
            self.paths[f"{uri}{nested}/"] = {"parameters": [in_path], **found}

    def operations(self, resource: Resource, kind: str) -> dict[str, Any]:
        """Return the operations of "list" or "detail", by method."""
        meta, name, found = resource._meta, schema_name(resource), {}
        for method in getattr(meta, f"{kind}_allowed_methods"):
            if (kind, method) not in METHODS:
                continue
            summary, statuses = METHODS[kind, method]
            shown = ref(name) if kind == "detail" else ref(f"{name}.list")
            if method != "get" and not meta.always_return_data:
                shown = {}
            elif (kind, method) == ("list", "post"):  # of one, or of a list
                shown = {"anyOf": [ref(name), shown]}
            operation = self.operation(
                resource, method, summary, statuses, shown, f"{name}.{kind}.{method}"
            )
            body = self.request_body(resource, kind, method)
            if body is not None:
                operation["requestBody"] = body
            if method != "get":
                for status in WITH_BODY:
                    operation["responses"].setdefault(status, error_response())
            parameters = self.parameters(resource, kind, method)
            if parameters:
                operation["parameters"] = parameters
            if parameters and kind == "list" and meta.filtering:
                operation["description"] = CONDITIONS
            if (kind, method) == ("list", "get") and meta.export:
                lines = {"application/jsonl": {"schema": {"type": "string"}}}
                operation["responses"]["200"]["content"] |= lines
            found[method] = operation
        return found

    def parameters(self, resource: Any, kind: str, method: str) -> list[dict[str, Any]]:
        """Return the parameters of an operation."""
        if kind == "list":
            shows = self.components.shows
            if method == "get":
                return list_parameters(resource, shows)
            if method in ("put", "delete"):
                return filter_parameters(resource, shows)
        elif method != "get" and resource._meta.require_if_match:
            return [
                {
                    "name": "If-Match",
                    "in": "header",
                    "required": True,
                    "schema": {"type": "string"},
                }
            ]
        return []

    def request_body(self, resource: Resource, kind: str, method: str) -> Any:
        """Return the body of a request; None if it has none."""
        name, collection = schema_name(resource), resource._meta.collection_name
        uri = self.components.reference(resource)
        schema = body_schema(name, kind, method, collection, uri)
        if (kind, method) == ("detail", "put"):
            has_own = f"{name}.put" in self.components.schemas
            schema = ref(f"{name}.put" if has_own else f"{name}.new")
        if schema is None:
            return None
        found = content(schema)
        uploads = getattr(resource, "uploads", None)
        if uploads is not None and uploads.names and (kind, method) in FORMS:
            form = form_schema(resource, uploads.names)
            found["content"]["multipart/form-data"] = {"schema": form}
        example = self.components.examples.get(name)
        if example is not None and (kind, method) != ("list", "put"):
            if kind == "detail":
                keys = getattr(resource, "keys", None)
                key = [] if keys is None else keys.attribute("pk")[1]
                example = {each: example[each] for each in example if each not in key}
            if (kind, method) == ("detail", "patch"):
                example = dict(list(example.items())[-1:])
            elif method == "patch":
                example = {collection: [example]}
            found["content"]["application/json"]["example"] = example
        return found | {"required": True}

    def operation(
        self,
        resource: Resource,
        method: str,
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
        authentication = resource._meta.authentication
        schemes: list[dict[str, Any]] = [
            {each: []} for each in self.schemes_of(authentication)
        ]
        if schemes:
            anyone = authentication.accepts_anyone(method)
            found["security"] = [*schemes, *([{}] if anyone else [])]
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


def form_schema(resource: Resource, files: set[str]) -> dict[str, Any]:
    """Return the schema of a form. Lists and nested data are JSON in it."""
    file = {"type": "string", "format": "binary"}
    return {
        "type": "object",
        "properties": {
            name: file if name in files else {"type": "string"}
            for name, field in resource.fields.items()
            if not field.readonly
        },
    }


def content(schema: Any) -> dict[str, Any]:
    """Return the content of a request or a response."""
    return {"content": {"application/json": {"schema": schema}}}


def error_response() -> dict[str, Any]:
    """Return the description of an error."""
    return {"description": "Rejected.", **content(ref("Error"))}


def path_schema(resource: Any) -> dict[str, Any]:
    """Return the schema of a resource's key in a URI."""
    keys = getattr(resource, "keys", None)
    if keys is not None and keys.field(keys.name)[1]:
        return {"type": "integer"}
    return {"type": "string", "minLength": 1}


def body_schema(
    name: str, kind: str, method: str, collection: str, uri: dict[str, Any]
) -> Any:
    """Return the schema of the body of a request; None if it has no body. `uri` is that
    of an object's URI.
    """
    new = ref(f"{name}.new")
    if kind == "detail":
        return {"put": new, "patch": ref(f"{name}.change")}.get(method)
    items = {"type": "array", "items": new}
    if method == "post":
        return {"anyOf": [new, items]}
    if method == "put":
        return {
            "type": "object",
            "properties": {collection: items},
            "required": [collection],
        }
    if method == "patch":
        uris = {"type": "array", "items": uri}
        return {
            "type": "object",
            "properties": {collection: items, f"deleted_{collection}": uris},
            "anyOf": [
                {"required": [collection]},
                {"required": [f"deleted_{collection}"]},
            ],
        }
    return None
