"""The admin's pages of three foreign collections in Chromium."""

import pytest
from django.urls import reverse

from tests.forms.test_browser import browser, server  # noqa: F401 (fixtures)

from .collections import ANN


@pytest.fixture
def page(client, server, browser):  # noqa: F811
    session = client.cookies["sessionid"].value
    context = browser.new_context(viewport={"width": 1200, "height": 1600})
    context.add_cookies([{"name": "sessionid", "value": session, "url": server}])
    found = context.new_page()
    errors: list = []
    found.on("pageerror", lambda error: errors.append(error))
    yield found
    assert errors == []
    context.close()


@pytest.mark.parametrize(
    "name, values",
    [
        # Text of the top, of a sub-document, of one within it and of a list's item.
        ("customers", ["Ann", "Elm 1", "135.75", "mail"]),
        ("posts", ["One", "0", str(ANN)]),
        ("pages", ["Page.Article", "Page"]),
    ],
)
def test_a_row_is_opened_from_the_list(
    foreign,
    page,
    server,  # noqa: F811
    name,
    values,
):
    meta = foreign[name]._meta
    page.goto(server + reverse(f"admin:foreign_{meta.model_name}_changelist"))
    links = page.locator("#result_list tbody th a")
    assert links.count() == foreign[name].objects.count()
    page.locator(f'#result_list a[href*="{ANN}"]').click()
    page.wait_for_load_state()
    shown = page.locator("#content-main input, #content-main textarea").evaluate_all(
        "inputs => inputs.map(input => input.value)"
    )
    assert set(values) <= set(shown)
