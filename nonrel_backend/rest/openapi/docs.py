"""The page that shows an Api's OpenAPI document: Swagger UI, served from here."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.utils.html import format_html
from django.views.static import serve

from ..formats.html import FILES as BROWSABLE
from ..formats.html import request_header

# The files that the page loads. No other file of the package is served.
FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
PACKAGE = "drf_spectacular_sidecar"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="swagger-ui.css">
</head>
<body>
<div id="swagger-ui" data-document="{document}" data-token="{token}"
  data-header="{header}"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="start.js"></script>
</body>
</html>
"""
START = """\
const element = document.getElementById("swagger-ui");
const { document: url, token, header } = element.dataset;
// The credentials that the user has given, by the name of their scheme.
let known = {};

function credentials() {
  for (const { schema, value } of Object.values(known)) {
    if (schema.get("in") === "header") return { [schema.get("name")]: value };
    if (schema.get("scheme") === "basic") {
      const { username, password } = value;
      const bytes = new TextEncoder().encode(`${username}:${password}`);
      return { Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
    }
    if (schema.get("scheme") === "bearer") return { Authorization: `Bearer ${value}` };
  }
  return {};
}

function prepared(request) {
  const own = new URL(request.url, location).origin === location.origin;
  if (request.loadSpec) Object.assign(request.headers, credentials());
  else if (own && request.method !== "GET") request.headers[header] = token;
  return request;
}

// The document has what the user may read: load it again for another user.
const reloading = (original, system, change) => (payload) => {
  const answer = original(payload);
  change(payload);
  system.specActions.download(url);
  return answer;
};
const login = (given) => { known = { ...known, ...given }; };
const logout = (names) => { for (const name of names) delete known[name]; };

SwaggerUIBundle({
  url,
  domNode: element,
  validatorUrl: null,
  requestInterceptor: prepared,
  plugins: [{
    statePlugins: {
      auth: {
        wrapActions: {
          authorize: (original, system) => reloading(original, system, login),
          logout: (original, system) => reloading(original, system, logout),
        },
      },
    },
  }],
});
"""


def folder() -> Path | None:
    """Return the folder of Swagger UI; None if its package is not installed."""
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    root = Path(found.submodule_search_locations[0])
    return root / "static" / PACKAGE / "swagger-ui-dist"


def docs_page(request: HttpRequest, api_name: str, document: str) -> HttpResponse:
    """Return the page. `document` is the URI of the OpenAPI document."""
    if folder() is None:
        text = "Install drf-spectacular-sidecar to see this page.\n"
        return HttpResponse(text, status=404, content_type="text/plain")
    content = format_html(
        PAGE,
        title=f"API {api_name}",
        document=document,
        token=get_token(request),
        header=request_header(),
    )
    return HttpResponse(content)


def docs_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return one of the files of the page. Raise Http404 for any other."""
    if name == "start.js":
        return HttpResponse(START, content_type="text/javascript")
    if name in BROWSABLE:
        content, content_type = BROWSABLE[name]
        return HttpResponse(content, content_type=content_type)
    root: Any = folder()
    if root is None or name not in FILES:
        raise Http404
    return serve(request, name, document_root=root)
