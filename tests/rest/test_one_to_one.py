"""The reverse of a OneToOneField: read, written as data, by URI and by null."""

import pytest

from nonrel_backend.rest import fields
from nonrel_backend.rest.authorization import ReadOnlyAuthorization
from tests.rest.sites import model_resource

JOBS, PAYMENTS = "/api/v1/job/", "/api/v1/payment/"


@pytest.fixture
def site(models, serve):
    """Return site(authorization=…, full=…), which serves jobs and payments."""

    def start(full=True, back=False, authorization=None, **options):
        payments = model_resource(
            models.Payment.objects.all(),
            "payment",
            authorization=authorization,
            **options,
        )
        badges = model_resource(models.Badge.objects.all(), "badge")
        declared = {
            "payment": fields.ToOneField(
                payments, "payment", null=True, full=full, related_name="job"
            ),
            "badge": fields.ToOneField(badges, "badge", null=True, full=True),
        }
        jobs = model_resource(
            models.Job.objects.order_by("name"),
            "job",
            declared,
            always_return_data=True,
        )
        if back:
            payments.base_fields["job"] = fields.ToOneField(jobs, "job", null=True)
            payments.base_fields["job"].contribute_to_class(payments, "job")
        serve(jobs, payments, badges)

    models.start = start
    models.a, models.b = (models.Job.objects.create(name=name) for name in "ab")
    models.paid = models.Payment.objects.create(job=models.a, amount=3)
    models.uri = f"{JOBS}{models.a.pk}/"
    return models


def stored(site):
    """Return the amount and the job of all payments."""
    found = site.Payment.objects.order_by("amount")
    return list(found.values_list("amount", "job__name"))


@pytest.mark.parametrize("full", [True, False])
def test_a_list_of_objects_of_which_some_have_none(site, http, full):
    site.start(full=full)
    a, b = http.get(JOBS).json()["objects"]
    uri = f"{PAYMENTS}{site.paid.pk}/"
    assert b["payment"] is None
    assert a["payment"]["resource_uri"] == uri if full else a["payment"] == uri
    assert http.get(site.uri).json() == a and http.put(site.uri, a).json() == a
    assert stored(site) == [(3, "a")]


@pytest.mark.parametrize("back", [True, False])
def test_data_creates_and_changes_it(site, http, back):
    site.start(back=back)
    created = http.post(JOBS, {"name": "c", "payment": {"amount": 5}})
    assert created.status_code == 201, created.content
    assert created.json()["payment"]["amount"] == 5
    assert http.get(created["Location"]).json() == created.json()
    payment = created.json()["payment"] | {"amount": 6}
    changed = http.patch(created["Location"], {"payment": payment})
    assert changed.status_code == 202 and changed.json()["payment"]["amount"] == 6
    assert stored(site) == [(3, "a"), (6, "c")]


def test_new_data_takes_the_place_of_the_old(site, http):
    site.start()
    answer = http.patch(site.uri, {"payment": {"amount": 7}})
    assert answer.status_code == 202 and answer.json()["payment"]["amount"] == 7
    assert stored(site) == [(3, None), (7, "a")]


def test_a_uri_moves_it(site, http):
    site.start()
    uri = f"{PAYMENTS}{site.paid.pk}/"
    created = http.post(JOBS, {"name": "c", "payment": uri})
    assert created.status_code == 201
    assert created.json()["payment"]["resource_uri"] == uri
    assert stored(site) == [(3, "c")]
    answer = http.patch(f"{JOBS}{site.b.pk}/", {"payment": uri})
    assert answer.status_code == 202 and stored(site) == [(3, "b")]
    assert http.get(site.uri).json()["payment"] is None


def test_null_takes_it_out(site, http):
    site.start()
    answer = http.patch(site.uri, {"payment": None})
    assert answer.status_code == 202 and answer.json()["payment"] is None
    assert stored(site) == [(3, None)]
    assert http.patch(site.uri, {"payment": None}).status_code == 202


def test_null_deletes_what_requires_it(site, http):
    site.start()
    badge = {"badge": {"color": "red"}}
    assert http.patch(site.uri, badge).json()["badge"]["color"] == "red"
    assert http.patch(site.uri, {"badge": {"color": "blue"}}).status_code == 202
    assert site.Badge.objects.get().color == "blue"
    assert http.patch(site.uri, {"badge": None}).json()["badge"] is None
    assert not site.Badge.objects.exists()


def test_it_needs_the_permission_of_its_own_resource(site, http):
    site.start(authorization=ReadOnlyAuthorization())
    uri = f"{PAYMENTS}{site.paid.pk}/"
    other = f"{JOBS}{site.b.pk}/"
    for address, payment in (
        (other, uri),
        (site.uri, None),
        (site.uri, {"amount": 9}),
        (site.uri, {"resource_uri": uri, "amount": 9}),
    ):
        answer = http.patch(address, {"name": "new", "payment": payment})
        assert answer.status_code == 401, (address, payment)
    assert stored(site) == [(3, "a")]
    assert http.patch(site.uri, {"payment": uri}).status_code == 202


def test_all_or_nothing_without_transactions(site, http, without_transactions):
    site.start()
    objects = [
        {"resource_uri": site.uri, "payment": {"amount": 8}},
        {"name": "b"},  # a duplicate
    ]
    assert http.patch(JOBS, {"objects": objects}).status_code == 409
    assert stored(site) == [(3, "a")]


def test_no_query_in_a_loop(site, http, queries):
    site.start()
    site.Payment.objects.create(job=site.b, amount=4)
    with queries() as found:
        assert len(http.get(JOBS).json()["objects"]) == 2
    assert len(found) == 4  # the count, jobs, payments, badges
