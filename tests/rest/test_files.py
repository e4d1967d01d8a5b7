"""Files of a model: what is shown of them."""

from tests.rest.sites import model_resource

URI = "/api/v1/paper/"


def test_no_file_is_null(models, serve, http):
    serve(model_resource(models.Paper.objects.all(), "paper", always_return_data=True))
    created = http.post(URI, {"name": "a"})
    assert created.status_code == 201
    uri, shown = created["Location"], created.json()
    assert shown["scan"] is None and http.get(uri).json() == shown
    assert http.get(URI).json()["objects"] == [shown]
    assert http.put(uri, shown).status_code == 200
    schema = http.get(f"{URI}schema/").json()["fields"]["scan"]
    assert schema["nullable"] is True


def test_a_file_is_its_url_and_null_removes_it(models, serve, http, settings_of):
    serve(model_resource(models.Paper.objects.all(), "paper"))
    paper = models.Paper.objects.create(name="a", scan="papers/a.pdf")
    uri = f"{URI}{paper.pk}/"
    with settings_of(MEDIA_URL="/media/"):
        shown = http.get(uri).json()
        assert shown["scan"] == "/media/papers/a.pdf"
        assert http.put(uri, shown).status_code == 204
        paper.refresh_from_db()
        assert paper.scan.name == "papers/a.pdf"
        assert http.patch(uri, {"scan": "/etc/passwd"}).status_code == 400
        assert http.patch(uri, {"scan": None}).status_code == 202
    paper.refresh_from_db()
    assert not paper.scan and http.get(uri).json()["scan"] is None
