"""Uploads: forms with files, files in base64, and what is left of them."""

import base64
import io
import json
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import CharField, FileField, Form
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import SessionAuthentication
from nonrel_backend.rest.authorization import Authorization
from nonrel_backend.rest.resources import DocumentResource, ModelResource
from nonrel_backend.rest.stores import DictStore
from nonrel_backend.rest.validation import FormValidation

image_module = pytest.importorskip("PIL.Image")
URI = "/api/v1/photo/"


def picture(width=3):
    stream = io.BytesIO()
    image_module.new("RGB", (width, 2)).save(stream, "PNG")
    return stream.getvalue()


def png(name="a.png", width=3):
    return SimpleUploadedFile(name, picture(width), "image/png")


def text(name="a.txt", content=b"hello"):
    return SimpleUploadedFile(name, content)


def in_base64(content):
    return base64.b64encode(content).decode()


@pytest.fixture
def media(tmp_path, settings_of):
    with settings_of(MEDIA_ROOT=str(tmp_path), MEDIA_URL="/media/"):
        yield tmp_path


def stored(media):
    """Return the paths of the files that are stored, below the folder."""
    found = [each for each in Path(media).rglob("*") if each.is_file()]
    return sorted(str(each.relative_to(media)) for each in found)


def photo_resource(models, **options):
    class AuthorResource(ModelResource):
        class Meta:
            queryset = models.Author.objects.all()
            authorization = Authorization()

    class PhotoResource(ModelResource):
        author = fields.ForeignKey(AuthorResource, "author", null=True)

        Meta = type(
            "Meta",
            (),
            {
                "queryset": models.Photo.objects.all(),
                "authorization": Authorization(),
                "always_return_data": True,
                **options,
            },
        )

    return AuthorResource, PhotoResource


@pytest.fixture
def photos(models, serve, media):
    serve(*photo_resource(models))
    return models.Photo.objects


def send(http, method, uri, **data):
    body = encode_multipart(BOUNDARY, data)
    return http.generic(method, uri, body, content_type=MULTIPART_CONTENT)


def test_a_form_with_files(photos, models, http, media):
    ann = models.Author.objects.create(name="ann")
    made = send(
        http, "POST", URI, name="x", image=png(), notes=text(), rank="5", taken="",
        tags='["a"]', author=f"/api/v1/author/{ann.pk}/",
    )  # fmt: skip
    assert made.status_code == 201, made.content
    found = http.get(made["Location"]).json()
    assert found == made.json()
    assert found["image"] == "/media/photos/a.png"
    assert found["notes"] == "/media/notes/a.txt"
    assert (found["rank"], found["tags"], found["width"]) == (5, ["a"], 3)
    assert found["taken"] is None and found["author"] == f"/api/v1/author/{ann.pk}/"
    assert (media / "photos/a.png").read_bytes() == picture()
    uri = made["Location"]
    assert send(http, "PUT", uri, name="y", image=png("b.png", 7)).status_code == 200
    changed = send(http, "PATCH", uri, notes=text("c.txt"))
    assert changed.status_code == 202, changed.content
    photo = photos.get()
    assert (photo.name, photo.width, photo.notes.name) == ("y", 7, "notes/c.txt")
    found = http.get(uri).json()
    assert http.put(uri, found).json() == found
    assert http.patch(uri, {"notes": None}).json()["notes"] is None
    author = send(http, "POST", URI, name="z", image=png(), author='{"name": "bob"}')
    assert author.status_code == 201 and models.Author.objects.count() == 2


def test_files_in_base64(photos, http, media):
    content = in_base64(picture())
    data = {
        "name": "x",
        "image": {"name": "a.png", "content": content},
        "notes": f"data:text/plain;charset=utf-8;base64,{in_base64(b'hi')}",
    }
    made = http.post(URI, data)
    assert made.status_code == 201, made.content
    assert stored(media) == ["notes/upload.txt", "photos/a.png"]
    data["image"]["name"] = "../../etc/b.png"
    made = http.patch(made["Location"], {"image": data["image"]})
    assert made.json()["image"] == "/media/photos/b.png"
    for wrong in (
        "x", "/etc/passwd", "/media/photos/a.png", 5, [], {}, {"name": "a.png"},
        {"name": "a.png", "content": "??"}, {"name": "a.png", "content": 5},
        {"name": "", "content": content}, {"name": "a\0.png", "content": content},
        {"name": "a.png", "content": in_base64(b"no image")},
        {"name": "a.png", "content": ""}, {"name": "a.exe", "content": content},
        {"name": "a.png", "content": content, "x": 1},
        f"data:text/plain;base64,{content}", "data:;base64,?",
    ):  # fmt: skip
        response = http.post(URI, {"name": "y", "image": wrong})
        assert response.status_code == 400, wrong
        assert "image" in response.json()["photo"], wrong
    assert http.post(URI, {**data, "name": "y", "notes": None}).status_code == 201


def test_files_that_the_model_rejects(photos, http, media):
    for wrong in (
        {"image": text("a.png", b"no image")},
        {"image": png("a.exe")},
        {"image": png(f"{'a' * 70}.png")},
        {"image": png(), "notes": text("a.html")},
        {"image": png(), "notes": text("a.txt", b"")},
        {"image": png(), "tags": text()},
        {"image": png(), "name": text()},
        {"image": png(), "unknown": text()},
        {"image": png(), "rank": "x"},
        {"image": png(), "tags": "{"},
        {"image": png(), "rank": "-1"},
        {},
    ):
        response = send(http, "POST", URI, **{"name": "x", **wrong})
        assert response.status_code == 400, (wrong, response.content)
    assert stored(media) == [] and not photos.exists()


def test_sizes_are_limited(models, serve, media, http, settings_of):
    serve(*photo_resource(models, max_upload_size=1000))
    response = send(http, "POST", URI, name="x", image=png(), notes=text("a.txt", b"x"))
    assert response.status_code == 201
    big = text("a.txt", b"x" * 1001)
    with settings_of(DATA_UPLOAD_MAX_MEMORY_SIZE=2000):
        response = send(http, "POST", URI, name="y", image=png(), notes=big)
        assert response.status_code == 400 and "1000 bytes" in response.json()["error"]
        for method, uri in (("POST", URI), ("PUT", f"{URI}1/"), ("PATCH", f"{URI}1/")):
            big = text("a.txt", b"x" * 9000)
            response = send(http, method, uri, name="y", image=png(), notes=big)
            assert response.status_code == 413, method
        response = send(http, "POST", URI, name="y" * 3000, image=png())
        assert response.status_code == 413
    notes = {"name": "a.txt", "content": in_base64(b"x" * 1001)}
    image = {"name": "a.png", "content": in_base64(picture())}
    data = {"name": "y", "image": image, "notes": notes}
    assert http.post(URI, data).status_code == 400
    assert models.Photo.objects.count() == 1 and len(stored(media)) == 2


def test_a_file_whose_row_fails_is_deleted(photos, http, media, monkeypatch, models):
    image = {"name": "a.png", "content": in_base64(picture())}
    assert http.post(URI, {"name": "x", "image": image}).status_code == 201
    before = stored(media)
    uri = f"{URI}{photos.get().pk}/"
    assert send(http, "POST", URI, name="x", image=png()).status_code == 409
    assert send(http, "POST", URI, name="y", image=png(), rank="-1").status_code == 400
    items = [{"name": "y", "image": image}, {"name": "x", "image": image}]
    assert http.post(URI, items).status_code == 409
    data = {"objects": [{"resource_uri": uri, "image": image}, items[1]]}
    assert http.patch(URI, data).status_code == 409
    assert send(http, "PATCH", uri, image=png(), rank="-1").status_code == 400
    assert stored(media) == before
    assert http.get(uri).json()["image"] == "/media/photos/a.png"

    def fail(self, *arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(models.Photo, "_do_update", fail)
    http.raise_request_exception = False
    assert send(http, "PUT", uri, name="x", image=png()).status_code == 500
    assert stored(media) == before and photos.count() == 1


def test_a_file_is_deleted_without_transactions_too(
    photos, http, media, without_transactions
):
    image = {"name": "a.png", "content": in_base64(picture())}
    items = [{"name": "y", "image": image}, {"name": "y", "image": image}]
    assert http.post(URI, items).status_code == 409
    assert stored(media) == [] and not photos.exists()


def test_large_files_come_through_the_disk(photos, http, media, settings_of):
    with settings_of(FILE_UPLOAD_MAX_MEMORY_SIZE=10):
        made = send(http, "POST", URI, name="x", image=png(), notes=text())
        assert made.status_code == 201, made.content
        assert send(http, "POST", URI, name="x", image=png()).status_code == 409
    assert stored(media) == ["notes/a.txt", "photos/a.png"]


def test_lists_and_unreadable_forms(photos, http, media):
    body = encode_multipart(BOUNDARY, {"name": "x", "tags": ["a", "b"]})
    assert http.generic("POST", URI, body, content_type=MULTIPART_CONTENT)
    for content_type in ("multipart/form-data", "multipart/form-data; boundary="):
        for method, uri in (("POST", URI), ("PUT", f"{URI}1/")):
            response = http.generic(method, uri, body, content_type=content_type)
            assert response.status_code == 400, response.content
    response = http.generic("POST", URI, "name=x", content_type="text/plain")
    assert response.status_code == 415


def test_a_validation_by_a_form_sees_the_files(models, serve, media, http):
    class PhotoForm(Form):
        name = CharField()
        image = FileField()

        def clean_image(self):
            if self.cleaned_data["image"].size > len(picture()):
                raise ValidationError("Too big.")
            return self.cleaned_data["image"]

    serve(*photo_resource(models, validation=FormValidation(form_class=PhotoForm)))
    made = send(http, "POST", URI, name="x", image=png())
    assert made.status_code == 201, made.content
    response = send(http, "POST", URI, name="y", image=png(width=20000))
    assert response.status_code == 400 and "Too big." in response.content.decode()


def test_only_resources_with_files_read_forms(models, serve, media, http):
    documents = DictStore()

    class MemoResource(DocumentResource):
        file = fields.FileField("file", null=True)

        class Meta:
            resource_name = "memo"
            store = documents
            authorization = Authorization()

    author, photo = photo_resource(models)
    photo.base_fields["image"].readonly = photo.base_fields["notes"].readonly = True
    serve(author, photo, MemoResource)
    for uri in (URI, "/api/v1/author/", "/api/v1/memo/"):
        assert send(http, "POST", uri, name="x", file=text()).status_code == 415
    data = {"file": {"name": "a", "content": "aGk="}}
    assert http.post("/api/v1/memo/", data).status_code == 400


def test_what_is_stored_outside_of_requests_is_shown(photos, http, media):
    photo = photos.create(name="x", image=ContentFile(picture(), "c.png"))
    found = http.get(f"{URI}{photo.pk}/").json()
    assert found["image"] == "/media/photos/c.png" and found["notes"] is None
    assert json.loads(json.dumps(found)) == found


def test_forms_of_users_with_a_session(models, serve, media):
    from django.contrib.auth import get_user_model

    from tests.rest.conftest import Http

    serve(*photo_resource(models, authentication=SessionAuthentication()))
    client = Http(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_user("ann"))
    token = "a" * 32
    client.cookies["csrftoken"] = token
    data = {"name": "x", "image": png()}
    assert send(client, "POST", URI, **data).status_code == 401
    data = {"name": "x", "image": png(), "csrfmiddlewaretoken": token}
    made = send(client, "POST", URI, **data)
    assert made.status_code == 201, made.content
    body = encode_multipart(BOUNDARY, {"image": png("b.png")})
    headers = {"X-CSRFToken": token}
    for method in ("PATCH", "PUT"):
        body = encode_multipart(BOUNDARY, {"name": method, "image": png("b.png")})
        changed = client.generic(
            method, made["Location"], body, MULTIPART_CONTENT, headers=headers
        )
        assert changed.status_code in (200, 202), changed.content
    assert len(stored(media)) == 3  # Django keeps what is replaced


def test_forms_are_in_the_openapi_document(photos, http):
    paths = http.get("/api/v1/openapi.json").json()["paths"]
    for uri, method in ((URI, "post"), (f"{URI}{{pk}}/", "put")):
        found = paths[uri][method]["requestBody"]["content"]["multipart/form-data"]
        image = found["schema"]["properties"]["image"]
        assert image == {"type": "string", "format": "binary"}
    content = paths["/api/v1/author/"]["post"]["requestBody"]["content"]
    assert list(content) == ["application/json"]
