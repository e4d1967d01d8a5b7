"""Tests of the atlas, which pass on every backend."""

import json
from contextlib import redirect_stdout
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import curls
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client, LiveServerTestCase, TestCase

from atlas.management.commands.tour import STOPS
from nonrel_backend.rest.models import ApiKey

from .models import City, Country, Location, Tag, Traveller, Visit


class AtlasTests(TestCase):
    """The models, the tour and the admin."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.japan = Country.objects.create(
            code="JP", name="Japan", continent="AS", area=Decimal("377835"),
            population=126_529_100, languages=["ja"],
        )  # fmt: skip
        cls.tokyo = City.objects.create(
            id=1850147, name="Tokyo", country=cls.japan, population=9_733_276,
            location=Location(latitude=35.6895, longitude=139.69171),
            alternate_names=["Edo", "Tokio"], timezone="Asia/Tokyo",
        )  # fmt: skip
        cls.ada = Traveller.objects.create(name="Ada", home=cls.tokyo)
        cls.ada.tags.add(Tag.objects.create(name="hiker"))
        cls.visit = Visit.objects.create(
            traveller=cls.ada,
            city=cls.tokyo,
            arrived=datetime(2019, 5, 1, 12, tzinfo=UTC),
            spent=Decimal("12.50"),
        )

    def test_every_query_of_the_tour_runs_and_explains_itself(self) -> None:
        for stop in STOPS:
            with self.subTest(stop.title):
                for row in stop.queryset():
                    self.assertTrue(stop.show(row))
        call_command("tour", stdout=StringIO())

    def test_nobody_is_in_two_places_at_once(self) -> None:
        with self.assertRaises(IntegrityError), transaction.atomic():
            Visit.objects.create(
                traveller=self.ada, city=self.tokyo, arrived=self.visit.arrived
            )
        self.assertEqual(Visit.objects.count(), 1)

    def test_a_visit_without_a_night_is_rejected(self) -> None:
        with self.assertRaises(IntegrityError), transaction.atomic():
            Visit.objects.filter(pk=self.visit.pk).update(nights=0)
        self.visit.refresh_from_db()
        self.assertEqual(self.visit.nights, 1)

    def test_deleting_a_city_deletes_its_visits_but_not_its_natives(self) -> None:
        self.tokyo.delete()
        self.assertFalse(Visit.objects.exists())
        self.assertIsNone(Traveller.objects.get().home)

    def test_a_city_is_found_by_its_other_names_and_its_location(self) -> None:
        self.assertEqual(City.objects.get(alternate_names__contains="Edo"), self.tokyo)
        north = City.objects.filter(location__latitude__gt=35)
        self.assertEqual(north.get().location.longitude, 139.69171)
        self.assertFalse(City.objects.filter(location__latitude__gt=36).exists())

    def test_the_admin_shows_a_citys_location_and_other_names(self) -> None:
        self.client.force_login(get_user_model().objects.create_superuser("admin"))
        page = self.client.get(f"/admin/atlas/city/{self.tokyo.pk}/change/")
        self.assertContains(page, 'name="location-latitude" value="35.6895"')
        self.assertContains(page, 'name="alternate_names-0" value="Edo"')

    def test_every_page_of_the_admin_opens(self) -> None:
        user = get_user_model().objects.create_superuser("admin")
        self.client.force_login(user)
        for page in (
            "/admin/",
            "/admin/atlas/country/?q=jap",
            "/admin/atlas/city/?q=japan&country__continent=AS",
            "/admin/atlas/tag/",
            f"/admin/atlas/traveller/?tags__id__exact={Tag.objects.get().pk}",
            f"/admin/atlas/traveller/{self.ada.pk}/change/",
            "/admin/atlas/visit/?arrived__year=2019",
            "/admin/atlas/visit/add/",
        ):
            with self.subTest(page):
                self.assertEqual(self.client.get(page).status_code, 200)


class ApiTests(LiveServerTestCase):
    """The resources, and who may read and write them."""

    def setUp(self) -> None:
        japan = Country.objects.create(
            code="JP", name="Japan", continent="AS", area=1, population=126_529_100
        )
        self.tokyo = City.objects.create(
            id=1850147, name="Tokyo", country=japan, population=9_733_276,
            location=Location(latitude=35.6895, longitude=139.69171),
            alternate_names=["Edo", "Tokio"], timezone="Asia/Tokyo",
        )  # fmt: skip
        self.admin = get_user_model().objects.create_superuser("admin", password="x")
        self.key = f"admin:{ApiKey.objects.create(user=self.admin).key}"

    def asked(self, path: str, status: int = 200, **options: Any) -> Any:
        """Send a request, check its status and return its JSON."""
        stop = curls.Stop("", path, status, **options)
        found, body = curls.run(stop, self.live_server_url, self.key)
        self.assertEqual(found, status, body)
        return json.loads(body) if body else None

    def test_every_request_of_the_tour_has_the_expected_status(self) -> None:
        out = StringIO()
        with redirect_stdout(out):
            right = curls.tour(self.live_server_url, self.key)
        self.assertTrue(right, out.getvalue())
        self.assertFalse(Tag.objects.exists())

    def test_a_city_has_its_location_and_its_names(self) -> None:
        found = self.asked(
            "/city/?location.latitude__gt=35&alternate_names__contains=Edo"
        )
        (city,) = found["objects"]
        self.assertEqual(
            city["location"], {"latitude": 35.6895, "longitude": 139.69171}
        )
        self.assertEqual(city["alternate_names"], ["Edo", "Tokio"])
        self.assertEqual(city["country"], "/api/v1/country/JP/")
        change = {"location.latitude": 36, "alternate_names": ["Edo"]}
        uri = f"/city/{self.tokyo.pk}/"
        self.asked(uri, 202, method="PATCH", data=change, known=True)
        self.tokyo.refresh_from_db()
        self.assertEqual(
            self.tokyo.location, Location(latitude=36, longitude=139.69171)
        )
        self.assertEqual(self.tokyo.alternate_names, ["Edo"])

    def test_only_staff_reads_users_and_no_password_is_shown(self) -> None:
        for path in (
            "/user/",
            f"/user/{self.admin.pk}/",
            f"/user/set/{self.admin.pk}/",
        ):
            self.asked(path, 401)
            found = json.dumps(self.asked(path, known=True))
            self.assertNotIn(self.admin.password, found)
            self.assertIn("admin", found)
        self.asked("/user/?password__startswith=no", 400, known=True)
        self.asked(f"/user/{self.admin.pk}/", 405, method="DELETE", known=True)
        self.admin.is_staff = self.admin.is_superuser = False
        self.admin.save()
        self.asked("/user/", 403, known=True)
        self.asked("/tag/", 403, method="POST", data={"name": "x"}, known=True)

    def test_a_session_writes_only_with_its_csrf_token(self) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(self.admin)
        send = {"data": {"name": "x"}, "content_type": "application/json"}
        self.assertEqual(client.post("/api/v1/tag/", **send).status_code, 401)
        client.cookies["csrftoken"] = "a" * 32
        token = {"X-CSRFToken": "a" * 32}
        response = client.post("/api/v1/tag/", **send, headers=token)
        self.assertEqual(response.status_code, 201)

    def test_the_openapi_document_and_its_page_are_served(self) -> None:
        paths = self.asked("/openapi.json")["paths"]
        self.assertNotIn("/api/v1/user/", paths)  # only staff may read it
        paths = self.asked("/openapi.json", known=True)["paths"]
        for name in ("user", "country", "city", "traveller", "visit", "tag"):
            self.assertIn(f"/api/v1/{name}/", paths)
        self.assertContains(Client().get("/api/v1/docs/"), "/api/v1/openapi.json")
