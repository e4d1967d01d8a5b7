"""Tests of the API's page and the admin in a browser: `manage.py test atlas.browser`.

CHROMIUM is the path of the browser, by default /usr/bin/chromium.
"""

import os
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from playwright.sync_api import sync_playwright

from .models import City, Country, Location, Tag

CHROMIUM = os.environ.get("CHROMIUM") or "/usr/bin/chromium"


class PageTests(StaticLiveServerTestCase):
    """The pages as a user sees them."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # Playwright runs an event loop in this thread, but not around our queries.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        driver = cls.enterClassContext(sync_playwright())
        cls.browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        cls.addClassCleanup(cls.browser.close)

    def setUp(self) -> None:
        japan = Country.objects.create(
            code="JP", name="Japan", continent="AS", area=1, population=126_529_100
        )
        self.tokyo = City.objects.create(
            id=1850147, name="Tokyo", country=japan, population=9_733_276,
            location=Location(latitude=35.6895, longitude=139.69171),
            alternate_names=["Edo"], timezone="Asia/Tokyo",
        )  # fmt: skip
        get_user_model().objects.create_superuser("admin", password="secret")
        self.page = self.browser.new_page()
        self.addCleanup(self.page.close)
        self.errors: list[Any] = []
        self.responses: list[Any] = []
        self.page.on("pageerror", lambda error: self.errors.append(error))
        self.page.on("response", lambda answer: self.responses.append(answer))

    def assert_loaded_without_errors(self) -> None:
        """Fail if a script failed, or a file is missing or from another site."""
        self.assertEqual(self.errors, [])
        wrong = [each.url for each in self.responses if each.status >= 400]
        self.assertEqual(wrong, [])
        for each in self.responses:
            self.assertTrue(each.url.startswith((self.live_server_url, "data:")))

    def test_the_page_of_the_api_lists_resources_and_sends_requests(self) -> None:
        page = self.page
        page.goto(f"{self.live_server_url}/api/v1/docs/")
        for name in ("country", "city", "traveller", "visit", "tag"):
            page.locator(f"[data-tag='{name}']").wait_for()
        self.assertEqual(page.locator("[data-tag='user']").count(), 0)
        path = page.locator("[data-path='/api/v1/city/{pk}/']")
        block = page.locator(".opblock-get", has=path)
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_placeholder("pk").fill("1850147")
        block.get_by_role("button", name="Execute").click()
        answer = block.locator(".live-responses-table")
        answer.get_by_text("35.6895").first.wait_for()
        self.assertIn("200", answer.inner_text())
        self.assert_loaded_without_errors()

    def log_in(self) -> None:
        """Log in to the admin."""
        self.page.goto(f"{self.live_server_url}/admin/login/?next=/api/v1/")
        self.page.locator("[name=username]").fill("admin")
        self.page.locator("[name=password]").fill("secret")
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("link", name="tag").wait_for()

    def test_the_page_of_the_api_writes_with_the_session(self) -> None:
        page = self.page
        self.log_in()
        page.goto(f"{self.live_server_url}/api/v1/docs/")
        page.locator("[data-tag='user']").wait_for()  # staff may read users
        path = page.locator("[data-path='/api/v1/tag/']")
        block = page.locator(".opblock-post", has=path)
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_role("button", name="Execute").click()
        block.locator(".live-responses-table").get_by_text("201").first.wait_for()
        self.assertTrue(Tag.objects.exists())
        self.assert_loaded_without_errors()

    def test_pages_for_browsers_create_change_and_delete(self) -> None:
        page = self.page
        self.log_in()
        page.get_by_role("link", name="tag").click()
        form = page.locator("form[data-method=POST]")
        form.locator("textarea").fill('{"name": "skater"}')
        form.get_by_role("button").click()
        page.get_by_role("heading", name="tag ").wait_for()
        form = page.locator("form[data-method=PATCH]")
        form.locator("textarea").fill('{"name": "surfer"}')
        form.get_by_role("button").click()
        page.get_by_role("cell", name="surfer").wait_for()
        self.assertEqual(Tag.objects.get().name, "surfer")
        page.once("dialog", lambda dialog: dialog.accept())
        page.locator("form[data-method=DELETE]").get_by_role("button").click()
        page.get_by_text("0 objects.").wait_for()
        self.assertFalse(Tag.objects.exists())
        self.assert_loaded_without_errors()

    def test_the_admin_changes_a_city_and_its_location(self) -> None:
        page = self.page
        page.goto(f"{self.live_server_url}/admin/atlas/city/{self.tokyo.pk}/change/")
        page.locator("[name=username]").fill("admin")
        page.locator("[name=password]").fill("secret")
        page.get_by_role("button", name="Log in").click()
        page.locator("[name=location-latitude]").fill("36.5")
        page.locator("[name=alternate_names-0]").fill("Edo by another name")
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator(".success").wait_for()
        self.assertIn("Tokyo", page.locator("#result_list").inner_text())
        self.tokyo.refresh_from_db()
        self.assertEqual(self.tokyo.location.latitude, 36.5)
        self.assertEqual(self.tokyo.alternate_names, ["Edo by another name"])
        self.assert_loaded_without_errors()
