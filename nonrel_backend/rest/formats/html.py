"""HTML: plain pages of a list and of an object for browsers, with forms to write."""

import json
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ..fields.nested import NestedField
from ..resource.addresses import address

HTML = "text/html"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
{files}</head>
<body data-token="{token}" data-header="{header}">
<nav>{way}</nav>
<h1>{title}</h1>
{content}
</body>
</html>
"""
FORM = """<form data-method="{method}">
<h2>{method}</h2>
{body}<button>{method}</button>
<pre class="answer"></pre>
</form>
"""
STYLE = """\
body { font: 16px/1.4 system-ui, sans-serif; margin: 1em auto; max-width: 75em;
  padding: 0 1em; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { border: 1px solid #ccc; padding: .2em .5em; text-align: left;
  vertical-align: top; }
pre { background: #f4f4f4; overflow-x: auto; padding: .5em; white-space: pre-wrap; }
pre:empty { display: none; }
textarea { box-sizing: border-box; font: 14px monospace; width: 100%; }
label { display: inline-block; margin: 0 1em .5em 0; }
nav a + a::before { content: " / "; }
"""
SCRIPT = """\
// Sends the data of a form as JSON, since forms cannot, and shows the response.
const { token, header } = document.body.dataset;
for (const form of document.querySelectorAll("form[method=get]")) {
  form.addEventListener("submit", () => {  // an empty filter is none
    for (const input of form.elements) input.disabled = input.value === "";
  });
}
for (const form of document.querySelectorAll("form[data-method]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { method } = form.dataset;
    if (method === "DELETE" && !confirm("Delete it?")) return;
    const headers = { Accept: "application/json", [header]: token };
    const body = form.elements.data?.value;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await fetch(location.pathname, { method, headers, body });
    const text = await response.text();
    form.querySelector(".answer").textContent =
      `${response.status} ${response.statusText}\\n${text}`;
    if (!response.ok) return;
    if (method === "POST") location.assign(response.headers.get("Location") || "");
    else if (method === "DELETE") location.assign("../");
    else location.reload();
  });
}
"""
# The files of the pages, in the folder of the Api's documentation.
FILES = {"browse.css": (STYLE, "text/css"), "browse.js": (SCRIPT, "text/javascript")}


def page(endpoint: Any, request: HttpRequest, data: Any) -> str:
    """Return the page that shows the data of a response."""
    meta = endpoint._meta
    data = meta.serializer.to_simple(data)
    # As the OpenAPI document does, resources have fields; an Api has none.
    fields = getattr(endpoint, "fields", {})
    title = f"{meta.resource_name} {request.path.rstrip('/').rpartition('/')[2]}"
    if "error" in data:
        title, content = "Error", dumped(data)
    elif not fields:
        content = resources(data)
    elif isinstance(data.get(meta.collection_name), list):
        title, content = meta.resource_name, of_list(endpoint, request, data)
    else:
        content = of_object(endpoint, data)
    header = request_header()
    return format_html(
        PAGE, title=title, files=files_of(endpoint), way=way(endpoint), content=content,
        token=get_token(request), header=header,
    )  # fmt: skip


def request_header() -> str:
    """Return the name of the header that has the CSRF token."""
    name = settings.CSRF_HEADER_NAME.removeprefix("HTTP_")
    return name.replace("_", "-")


def files_of(endpoint: Any) -> SafeString:
    """Return the elements that load the page's files; none without an Api."""
    name = getattr(endpoint, "api_name", None) or endpoint._meta.api_name
    found = [
        address(f"api_{name}_docs", {"api_name": name, "name": file}) for file in FILES
    ]
    if name is None or not all(found):
        return SafeString("")
    return format_html(
        '<link rel="stylesheet" href="{}">\n<script src="{}" defer></script>\n', *found
    )


def way(endpoint: Any) -> SafeString:
    """Return links to the Api and to the list."""
    name = getattr(endpoint, "api_name", None) or endpoint._meta.api_name
    top = address(f"api_{name}_top_level", {"api_name": name})
    links = [(top, name)] if name and top else []
    if hasattr(endpoint, "get_resource_uri"):
        links.append((endpoint.get_resource_uri(), endpoint._meta.resource_name))
    return format_html_join("", '<a href="{}">{}</a>', links)


# --- what pages show ---


def resources(data: Any) -> SafeString:
    """Return the list of an Api's resources."""
    links = [
        (each.get("list_endpoint", ""), name)
        for name, each in data.items()
        if isinstance(each, dict)
    ]
    items = format_html_join("\n", '<li><a href="{}">{}</a></li>', links)
    return format_html("<ul>\n{}\n</ul>", items)


def of_list(resource: Any, request: HttpRequest, data: Any) -> SafeString:
    """Return a page of a list: filters, pages, a table, and a form for POST."""
    meta, objects = data.get("meta", {}), data[resource._meta.collection_name]
    names = list(dict.fromkeys(name for each in objects for name in each))
    head = format_html_join("", "<th>{}</th>", ((name,) for name in names))
    rows = format_html_join(
        "\n", "<tr>{}</tr>", ((row(resource, names, each),) for each in objects)
    )
    places = [("previous", meta.get("previous")), ("next", meta.get("next"))]
    links = [(uri, name) for name, uri in places if uri]
    return format_html(
        "{}<p>{} {}</p>\n<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody>\n"
        "</table>\n{}",
        filter_form(resource, request),
        f"{meta['total_count']} objects."
        if meta.get("total_count") is not None
        else "",
        format_html_join(" ", '<a href="{}">{}</a>', links),
        head,
        rows,
        forms(resource, resource._meta.list_allowed_methods, ["post"], {}),
    )


def row(resource: Any, names: list[str], data: Any) -> SafeString:
    """Return the cells of an object."""
    cells = ((value(resource, name, data.get(name)),) for name in names)
    return format_html_join("", "<td>{}</td>", cells)


def of_object(resource: Any, data: Any) -> SafeString:
    """Return an object, and forms for PATCH and DELETE."""
    rows = [(name, value(resource, name, each)) for name, each in data.items()]
    table = format_html_join("\n", "<tr><th>{}</th><td>{}</td></tr>", rows)
    sent = {
        name: each
        for name, each in data.items()
        if name in resource.fields and not resource.fields[name].readonly
    }
    allowed = resource._meta.detail_allowed_methods
    written = forms(resource, allowed, ["patch", "delete"], sent)
    return format_html("<table>\n{}\n</table>\n{}", table, written)


def value(resource: Any, name: str, data: Any) -> Any:
    """Return a value; a reference to another object is a link."""
    field = resource.fields.get(name)
    if isinstance(data, list) and field is not None and field.is_related:
        return format_html_join(" ", "{}", ((value(resource, name, x),) for x in data))
    if isinstance(data, str):
        is_uri = name == "resource_uri" or (field is not None and field.is_related)
        if is_uri and data.startswith("/"):
            return format_html('<a href="{}">{}</a>', data, data)
        return data
    return "" if data is None else json.dumps(data, ensure_ascii=False)


def dumped(data: Any) -> SafeString:
    """Return data as JSON."""
    return format_html("<pre>{}</pre>", json.dumps(data, ensure_ascii=False, indent=2))


# --- forms ---


def filter_form(resource: Any, request: HttpRequest) -> SafeString:
    """Return a form of the filters by equality, and of the ordering."""
    fields = [
        (name, name, request.GET.get(name, ""))
        for name, allowed in resource._meta.filtering.items()
        if name in resource.fields
        and not isinstance(resource.fields[name], NestedField)
        and (isinstance(allowed, int) or "exact" in allowed)
    ]
    if resource._meta.ordering:
        given = request.GET.get("order_by", "")
        fields.append(
            ("order_by", f"order_by ({', '.join(resource._meta.ordering)})", given)
        )
    if not fields:
        return SafeString("")
    inputs = format_html_join(
        "\n", '<label>{1} <input name="{0}" value="{2}"></label>', fields
    )
    return format_html('<form method="get">{} <button>Filter</button></form>\n', inputs)


def forms(
    resource: Any, allowed: list[str], methods: Iterable[str], data: Any
) -> SafeString:
    """Return a form for each method that is allowed."""
    found = SafeString("")
    for method in methods:
        if method in allowed:
            found += format_html(
                FORM, method=method.upper(), body=body(resource, method, data)
            )
    return found


def body(resource: Any, method: str, data: Any) -> SafeString:
    """Return the field for the data of a form; empty if there is none."""
    if method == "delete":
        return SafeString("")
    if method == "post":
        data = {
            name: field.default if field.has_default else None
            for name, field in resource.fields.items()
            if not field.readonly and not (field.null or field.blank)
        }
        data = resource._meta.serializer.to_simple(data)
    text = json.dumps(data, ensure_ascii=False, indent=2)
    rows = min(text.count("\n") + 2, 30)
    return format_html('<textarea name="data" rows="{}">{}</textarea>\n', rows, text)
