"""The widgets in a real browser: the admin's page of a city.

SCREENSHOTS names a folder for pictures.
"""

import os

import pytest

from tests.browser import chromium


@pytest.fixture(scope="module")
def server(databases):
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.test import override_settings
    from django.test.testcases import LiveServerThread

    thread = LiveServerThread("localhost", StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    with override_settings(ALLOWED_HOSTS=["localhost"]):
        yield f"http://localhost:{thread.port}"
    thread.terminate()


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    from playwright.sync_api import sync_playwright

    # Django refuses queries in a thread that runs an event loop, as playwright's does.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        found.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def documents(databases, browser):
    """Return the models, without rows in the store.

    SQLite is left out: in memory it is a different database in the browser's thread.
    """
    from tests.documents import models

    models.City.objects.all().delete()
    return models


@pytest.fixture
def page(documents, server, browser):
    from django.contrib.auth import get_user_model
    from django.test import Client

    users = get_user_model().objects
    user = users.filter(username="boss").first() or users.create_superuser(
        "boss", "boss@example.com", "secret"
    )
    client = Client()
    client.force_login(user)
    session = client.cookies["sessionid"].value
    context = browser.new_context(viewport={"width": 1200, "height": 1600})
    context.add_cookies(
        [
            {"name": "sessionid", "value": session, "url": server},
        ]
    )
    page = context.new_page()
    errors: list = []
    page.on("pageerror", lambda error: errors.append(error))
    yield page
    assert errors == []
    context.close()


@pytest.fixture
def city(documents):
    return documents.City.objects.create(
        name="Kyoto",
        tags=["one", "two", "three"],
        sizes={"height": 5},
        address=documents.Address(city="Kyoto", place=documents.Place(lat=35.0)),
        comments=[documents.Comment(author="ann", labels=["x"])],
        shape=documents.Square(name="s", side=1.0),
    )


def opened(page, server, city):
    page.goto(f"{server}/admin/documents/city/{city.pk}/change/")
    return page


def rows(page, name):
    return page.locator(f".field-{name} > div .nonrel-rows").first


def button(row, action):
    return row.locator(f"> .nonrel-tools > [data-nonrel={action}]")


def items(within):
    return within.locator("> .nonrel-items > .nonrel-row")


def save(page):
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_load_state()


def picture(page, name):
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=os.path.join(folder, f"{name}.png"), full_page=True)


def test_rows_are_added_removed_and_moved(page, server, city):
    tags = rows(opened(page, server, city), "tags")
    picture(page, "change")
    assert items(tags).count() == 3
    button(items(tags).nth(0), "remove").click()  # two, three
    button(items(tags).nth(1), "up").click()  # three, two
    tags.locator("> [data-nonrel=add]").click()
    page.keyboard.type("four")  # the new row has the focus
    button(items(tags).nth(0), "down").click()  # two, three, four
    button(items(tags).nth(0), "up").click()  # it is the first already
    save(page)
    city.refresh_from_db()
    assert city.tags == ["two", "three", "four"]


def test_keys_and_values_are_edited(page, server, city):
    sizes = rows(opened(page, server, city), "sizes")
    items(sizes).nth(0).locator("input[type=number]").fill("7")
    sizes.locator("> [data-nonrel=add]").click()
    page.keyboard.type("$a.b")
    items(sizes).nth(1).locator("input[type=number]").fill("8")
    save(page)
    city.refresh_from_db()
    assert city.sizes == {"height": 7, "$a.b": 8}


def test_an_embedded_form_within_an_embedded_form(documents, page, server, city):
    opened(page, server, city)
    page.locator("[name=address-city]").fill("Nara")
    page.locator("[name=address-place-lat]").fill("34.5")
    phones = page.locator(".nonrel-rows:has(> [name='address-phones-rows'])")
    phones.locator("> [data-nonrel=add]").click()
    page.keyboard.type("123")
    save(page)
    city.refresh_from_db()
    assert city.address == documents.Address(
        city="Nara", place=documents.Place(lat=34.5), phones=["123"]
    )


def test_lists_of_forms_with_lists(documents, page, server, city):
    comments = rows(opened(page, server, city), "comments")
    comments.locator("> [data-nonrel=add]").click()
    comments.locator("> [data-nonrel=add]").click()
    for number, author in ((1, "bob"), (2, "cid")):
        row = items(comments).nth(number)
        row.locator("[name$=-author]").fill(author)
        labels = row.locator(".nonrel-rows:has(> [name$='-labels-rows'])")
        labels.locator("> [data-nonrel=add]").click()
        page.keyboard.type(f"label of {author}")
    button(items(comments).nth(2), "up").click()
    picture(page, "comments")
    save(page)
    city.refresh_from_db()
    Comment = documents.Comment
    assert city.comments == [
        Comment(author="ann", labels=["x"]),
        Comment(author="cid", labels=["label of cid"]),
        Comment(author="bob", labels=["label of bob"]),
    ]


def test_invalid_input_keeps_what_was_typed(page, server, city):
    opened(page, server, city)
    page.locator("[name=address-since]").fill("no date")
    page.locator("[name=address-city]").fill("Osaka")
    comments = rows(page, "comments")
    items(comments).nth(0).locator("[name$=-author]").fill("")
    items(comments).nth(0).locator("[name$=-stars]").fill("4")
    tags = rows(page, "tags")
    tags.locator("> [data-nonrel=add]").click()
    page.keyboard.type("typed and kept")
    save(page)
    picture(page, "invalid")
    assert page.locator(".field-address .errorlist").first.is_visible()
    assert "Enter a valid date" in page.locator(".field-address").inner_text()
    assert page.locator("[name=address-since]").input_value() == "no date"
    assert page.locator("[name=address-city]").input_value() == "Osaka"
    assert page.locator("[name=comments-0-stars]").input_value() == "4"
    tags = rows(page, "tags")
    assert items(tags).nth(3).locator("input:visible").input_value() == "typed and kept"
    page.locator("[name=address-since]").fill("2020-01-02")
    page.locator("[name=comments-0-author]").fill("zoe")
    save(page)
    city.refresh_from_db()
    assert str(city.address.since) == "2020-01-02"
    assert city.comments[0].author == "zoe"
    assert city.tags[-1] == "typed and kept"


def test_a_new_city_is_added(documents, page, server):
    page.goto(f"{server}/admin/documents/city/add/")
    page.locator("[name=name]").fill("New")
    page.locator("[name=shape]").fill(
        '{"_model": "documents.Square", "name": "s", "side": 1}'
    )
    save(page)
    city = documents.City.objects.get()
    assert (city.name, city.tags, city.address) == ("New", [], None)


# --- inlines, and models with fields that are not shown ---


@pytest.fixture
def orders(databases, browser):
    """Return the models, without rows in the store."""
    from tests.orders import models

    models.Order.objects.all().delete()
    models.Customer.objects.all().delete()
    return models


@pytest.fixture
def customer(orders):
    line = orders.Line(name="a", amount=1234567, serial="S9")
    customer = orders.Customer.objects.create(name="x")
    orders.Order.objects.create(
        customer=customer, tags=["old"], first=line, lines=[line]
    )
    return customer


def opened_customer(page, server, customer):
    page.goto(f"{server}/admin/orders/customer/{customer.pk}/change/")
    return page


def test_lists_in_inlines_that_were_added_in_the_page(orders, page, server, customer):
    opened_customer(page, server, customer)
    for number in (1, 2):
        page.locator(".add-row a").click()
        inline = page.locator(f"#order_set-{number}")
        tags = inline.locator(".field-tags > div .nonrel-rows").first
        for tag in ("first", "second"):
            tags.locator("> [data-nonrel=add]").click()
            page.keyboard.type(f"{tag} of {number}")
        lines = inline.locator(".field-lines > div .nonrel-rows").first
        lines.locator("> [data-nonrel=add]").click()
        page.keyboard.type(f"line of {number}")
    page.locator("#order_set-1 .inline-deletelink").click()
    save(page)
    picture(page, "inline")
    orders_found = list(orders.Order.objects.order_by("pk"))
    assert [order.tags for order in orders_found] == [
        ["old"],
        ["first of 2", "second of 2"],
    ]
    assert orders_found[1].lines[0].name == "line of 2"


def test_an_unchanged_page_changes_nothing(orders, page, server, customer):
    before = orders.Order.objects.get()
    opened_customer(page, server, customer)
    picture(page, "orders")
    page.locator("[name=order_set-0-lines-0-name]").fill("b")
    save(page)
    after = orders.Order.objects.get()
    assert after.lines[0].name == "b"
    for old, new in ((before.first, after.first), (before.lines[0], after.lines[0])):
        assert (new.serial, new.key, new.created) == ("S9", old.key, old.created)


def test_numbers_are_shown_whole(page, server, customer):
    opened_customer(page, server, customer)
    for name in ("order_set-0-first-amount", "order_set-0-lines-0-amount"):
        width = page.locator(f"[name={name}]").evaluate(
            """input => {
              const canvas = document.createElement("canvas").getContext("2d");
              canvas.font = getComputedStyle(input).font;
              const digits = canvas.measureText("-9223372036854775808").width;
              return input.clientWidth - digits;
            }"""
        )
        assert width > 20  # the buttons of a number's input


def test_an_error_is_shown_once(page, server, customer):
    opened_customer(page, server, customer)
    page.locator("[name=location-lat]").fill("1.5")
    save(page)
    picture(page, "location")
    shown = page.locator(".field-location").inner_text()
    assert shown.count("Give both, or none.") == 1


def test_rows_added_after_an_error_have_keys_of_their_own(
    orders, page, server, customer
):
    opened_customer(page, server, customer)
    page.locator("[name=location-lat]").fill("1.5")
    for tag in ("one", "two"):
        rows = page.locator("#order_set-0 .field-tags > div .nonrel-rows").first
        rows.locator("> [data-nonrel=add]").click()
        page.keyboard.type(tag)
        save(page)
    page.locator("[name=location-lng]").fill("1.5")
    save(page)
    assert orders.Order.objects.get().tags == ["old", "one", "two"]
