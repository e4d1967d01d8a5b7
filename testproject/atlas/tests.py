"""The atlas behaves the same on every backend."""

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import TestCase

from atlas.management.commands.tour import STOPS

from .models import City, Country, Location, Tag, Traveller, Visit


class AtlasTests(TestCase):
    @classmethod
    def setUpTestData(cls):
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

    def test_every_stop_of_the_tour_answers_and_explains(self):
        for stop in STOPS:
            with self.subTest(stop.title):
                for row in stop.queryset():
                    self.assertTrue(stop.show(row))
        call_command("tour", stdout=StringIO())

    def test_nobody_is_in_two_places_at_once(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            Visit.objects.create(
                traveller=self.ada, city=self.tokyo, arrived=self.visit.arrived
            )
        self.assertEqual(Visit.objects.count(), 1)

    def test_a_visit_of_no_night_is_refused(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            Visit.objects.filter(pk=self.visit.pk).update(nights=0)
        self.visit.refresh_from_db()
        self.assertEqual(self.visit.nights, 1)

    def test_a_city_takes_its_visits_along_and_leaves_its_natives(self):
        self.tokyo.delete()
        self.assertFalse(Visit.objects.exists())
        self.assertIsNone(Traveller.objects.get().home)

    def test_a_city_is_found_by_its_other_names_and_where_it_is(self):
        self.assertEqual(City.objects.get(alternate_names__contains="Edo"), self.tokyo)
        north = City.objects.filter(location__latitude__gt=35)
        self.assertEqual(north.get().location.longitude, 139.69171)
        self.assertFalse(City.objects.filter(location__latitude__gt=36).exists())

    def test_the_admin_shows_a_citys_location_and_other_names(self):
        self.client.force_login(get_user_model().objects.create_superuser("admin"))
        page = self.client.get(f"/admin/atlas/city/{self.tokyo.pk}/change/")
        self.assertContains(page, 'name="location-latitude" value="35.6895"')
        self.assertContains(page, 'name="alternate_names-0" value="Edo"')

    def test_every_page_of_the_admin_opens(self):
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
