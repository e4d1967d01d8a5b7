"""The page that shows an Api's OpenAPI document: Swagger UI, served from here."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import format_html
from django.views.static import serve

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
<div id="swagger-ui" data-document="{document}"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="start.js"></script>
</body>
</html>
"""
START = """\
const element = document.getElementById("swagger-ui");
SwaggerUIBundle({url: element.dataset.document, domNode: element, validatorUrl: null});
"""


def folder() -> Path | None:
    """Return the folder of Swagger UI; None if its package is not installed."""
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    root = Path(found.submodule_search_locations[0])
    return root / "static" / PACKAGE / "swagger-ui-dist"


def docs_page(api_name: str, document: str) -> HttpResponse:
    """Return the page. `document` is the URI of the OpenAPI document."""
    if folder() is None:
        text = "Install drf-spectacular-sidecar to see this page.\n"
        return HttpResponse(text, status=404, content_type="text/plain")
    return HttpResponse(format_html(PAGE, title=f"API {api_name}", document=document))


def docs_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Return one of the files of the page. Raise Http404 for any other."""
    if name == "start.js":
        return HttpResponse(START, content_type="text/javascript")
    root: Any = folder()
    if root is None or name not in FILES:
        raise Http404
    return serve(request, name, document_root=root)
