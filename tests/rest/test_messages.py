"""Messages for the user can be translated."""

import ast
from pathlib import Path

import pytest
from django.utils import translation

import nonrel_backend.rest
from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import Authorization, DjangoAuthorization
from nonrel_backend.rest.resources import ModelResource

PACKAGE = Path(nonrel_backend.rest.__file__).parent
# The position of the message in the arguments of what ends a request.
MESSAGES = {
    "ApiFieldError": 0,
    "BadRequest": 0,
    "HydrationError": 0,
    "InvalidFilterError": 0,
    "InvalidSortError": 0,
    "NotAcceptable": 0,
    "Unauthorized": 0,
    "UnsupportedDeserializationFormat": 0,
    "UnsupportedSerializationFormat": 0,
    "WrongValue": 1,
    "reject": 2,
    "wrong": 0,
}
URI = "/api/v1/note/"


def untranslated(path):
    """Yield the places of messages in a file that are plain strings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        place = MESSAGES.get(name)
        if place is None or len(node.args) <= place:
            continue
        if isinstance(node.args[place], ast.Constant | ast.JoinedStr):
            yield f"{path.relative_to(PACKAGE)}:{node.lineno}"


def test_every_message_is_translated():
    assert [
        place for path in PACKAGE.rglob("*.py") for place in untranslated(path)
    ] == []


@pytest.fixture
def marked(monkeypatch):
    """Have each translation begin with a sign."""
    translation.gettext("")  # loads the functions
    monkeypatch.setattr(
        translation._trans, "gettext", lambda message: f"»{message}", raising=False
    )


@pytest.fixture
def notes(models, serve):
    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            authorization = DjangoAuthorization()

    class NoteResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author")

        class Meta:
            queryset = models.Note.objects.all()
            authorization = Authorization()
            filtering = {"slug": ["exact"]}

    serve(AuthorResource, NoteResource)


@pytest.mark.parametrize(
    ("method", "uri", "data", "status"),
    [
        ("GET", f"{URI}1/", None, 404),
        ("GET", f"{URI}?nothing=1", None, 400),
        ("GET", f"{URI}?slug__in=1", None, 400),
        ("GET", f"{URI}?order_by=slug", None, 400),
        ("GET", f"{URI}?limit=x", None, 400),
        ("GET", f"{URI}?cursor=x", None, 400),
        ("GET", f"{URI}?format=x", None, 406),
        ("GET", f"{URI}?fields=x", None, 400),
        ("POST", f"{URI}1/", {}, 405),
        ("POST", URI, 5, 400),
        ("POST", URI, "{", 400),
        ("PATCH", URI, {}, 400),
        ("PATCH", URI, {"objects": [{"resource_uri": 5}]}, 400),
        ("POST", "/api/v1/author/", {"name": "x"}, 401),
    ],
)
def test_errors_are_translated(notes, marked, http, method, uri, data, status):
    response = http.send(method, uri, data)
    assert response.status_code == status, response.content
    assert response.json()["error"].startswith("»"), response.content


def test_errors_of_fields_are_translated(notes, marked, http):
    data = {"slug": None, "pages": "x", "created": "x", "extra": 1, "author": "/x/"}
    response = http.post(URI, {**data, "is_active": "x", "price": "x", "title": []})
    assert response.status_code == 400
    errors = response.json()["note"]
    wanted = {"slug", "pages", "created", "author", "is_active", "price", "title"}
    assert wanted <= set(errors)
    assert all(each.startswith("»") for name in wanted for each in errors[name])
    assert "»a date and time" in errors["created"][0]


def test_descriptions_are_translated(notes, marked, http):
    schema = http.get(f"{URI}schema/").json()["fields"]
    assert schema["title"]["help_text"].startswith("»Unicode string data.")
