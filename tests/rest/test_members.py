"""Children of an object: who may leave them out, and who may move them."""

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.authentication import SessionAuthentication
from nonrel_backend.rest.authorization import (
    DjangoAuthorization,
    ReadOnlyAuthorization,
)
from tests.rest.sites import data_of, model_resource


@pytest.fixture
def children(site):
    site.kept, site.other = (
        site.Comment.objects.create(note=site.note, text=text) for text in ("k", "o")
    )
    return site


def texts(site, note):
    return sorted(note.comments.values_list("text", flat=True))


def test_a_superuser_may_leave_children_out(children, http):
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Permission

    children.start(
        comments={
            "authorization": DjangoAuthorization(),
            "authentication": SessionAuthentication(),
        },
        authentication=SessionAuthentication(),
    )
    users = get_user_model().objects
    http.force_login(users.create_superuser("root", password="x"))
    data = {"comments": [f"/api/v1/comment/{children.kept.pk}/"]}
    assert http.patch(children.uri, data).status_code == 202
    assert texts(children, children.note) == ["k"]
    bob = users.create_user("bob")
    bob.user_permissions.set(
        Permission.objects.filter(
            codename="view_comment", content_type__app_label="rest_tests"
        )
    )
    http.force_login(bob)
    answer = http.patch(children.uri, {"comments": []})
    assert answer.status_code == 403 and texts(children, children.note) == ["k"]


def test_children_given_by_uri_are_moved_with_their_own_permission(children, http):
    other = children.Note.objects.create(slug="o", title="O", author=children.ann)
    uri = f"/api/v1/note/{other.pk}/"
    data = {"comments": [f"/api/v1/comment/{children.kept.pk}/"]}
    children.start(comments={"authorization": ReadOnlyAuthorization()})
    assert http.patch(uri, data).status_code == 401
    assert texts(children, children.note) == ["k", "o"] and not texts(children, other)
    both = [f"/api/v1/comment/{each.pk}/" for each in (children.kept, children.other)]
    assert http.patch(children.uri, {"comments": both}).status_code == 202
    children.start(comments=True)
    assert http.patch(uri, data).status_code == 202
    assert texts(children, children.note) == ["o"] and texts(children, other) == ["k"]


def test_objects_that_may_be_without_the_relation_need_it_to_leave(models, serve, http):
    """The pupils of a mentor, whose foreign key may be null."""

    def start(authorization=None):
        pupils = model_resource(
            models.Author.objects.all(), "pupil", authorization=authorization
        )
        declared = {
            "pupils": fields.ToManyField(
                pupils, "author_set", related_name="mentor", blank=True
            )
        }
        serve(pupils, model_resource(models.Author.objects.all(), "author", declared))

    ann = models.Author.objects.create(name="Ann")
    bob = models.Author.objects.create(name="Bob", mentor=ann)
    uri = f"/api/v1/author/{ann.pk}/"
    start(ReadOnlyAuthorization())
    assert http.patch(uri, {"pupils": []}).status_code == 401
    bob.refresh_from_db()
    assert bob.mentor == ann
    start()
    assert http.patch(uri, {"pupils": []}).status_code == 202
    bob.refresh_from_db()
    assert bob.mentor is None
    assert http.patch(uri, {"pupils": [bob.pk]}).status_code == 202
    bob.refresh_from_db()
    assert bob.mentor == ann


def test_a_change_of_members_alone_is_undone(children, http, without_transactions):
    """No column of the object is written before the other object fails."""
    children.start()
    war = children.Genre.objects.create(name="war")
    objects = [
        {"resource_uri": children.uri, "genres": [f"/api/v1/genre/{war.pk}/"]},
        data_of(children, "a"),  # a duplicate
    ]
    assert http.patch("/api/v1/note/", {"objects": objects}).status_code == 409
    assert [each.name for each in children.note.genres.all()] == ["fun"]


def test_members_that_are_there_already_are_not_written(children, http, queries):
    children.start(comments=True)
    comments = [
        f"/api/v1/comment/{each.pk}/" for each in (children.kept, children.other)
    ]
    for data, table in (
        ({"comments": comments}, "rest_tests_comment"),
        ({"genres": [f"/api/v1/genre/{children.fun.pk}/"]}, "rest_tests_note_genres"),
    ):
        with queries() as found:
            assert http.patch(children.uri, data).status_code == 202
        texts = [each["sql"].replace('"', "") for each in found]
        assert not [
            x
            for x in texts
            if x.startswith((f"UPDATE {table}", f"INSERT INTO {table}"))
        ]
