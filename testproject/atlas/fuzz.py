"""Requests that schemathesis makes up of openapi.json, right ones and wrong ones: none
is a 500, and none is answered as the document does not say.

manage.py test atlas.fuzz, with CASES=2000 of them.
"""

import os
from collections import Counter
from http import HTTPStatus

import schemathesis
from django.contrib.auth import get_user_model
from django.core.wsgi import get_wsgi_application
from django.test import TransactionTestCase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from nonrel_backend.rest.models import ApiKey

from .models import City, Country, Tag, Traveller, Visit

CASES = int(os.environ.get("CASES") or 200)
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# Every second path, and relation in a body, leads to what is there.
KEYS = {"country": "JP", "city": "1850147"}
RELATIONS = {
    "country": "/api/v1/country/JP/",
    "home": "/api/v1/city/1850147/",
    "city": "/api/v1/city/1850147/",
    "traveller": "/api/v1/traveller/1/",
    "tags": ["/api/v1/tag/1/"],
}


class FuzzTests(TransactionTestCase):
    def setUp(self):
        user = get_user_model().objects.create_superuser("admin")
        self.user_key = str(user.pk)
        key = ApiKey.objects.create(user=user).key
        self.known = {"Authorization": f"ApiKey admin:{key}"}
        self.answers = Counter()

    def fill(self):
        """One of each; a request may have deleted them."""
        country, _ = Country.objects.get_or_create(
            code="JP", defaults={"name": "Japan", "area": 1, "population": 1}
        )
        city, _ = City.objects.get_or_create(
            id=1850147, defaults={"name": "Tokyo", "country": country, "population": 1}
        )
        traveller, _ = Traveller.objects.get_or_create(
            id=1, defaults={"name": "Ada", "home": city}
        )
        Tag.objects.get_or_create(id=1, defaults={"name": "hiker"})
        Visit.objects.get_or_create(
            id=1,
            defaults={
                "traveller": traveller, "city": city, "arrived": "2020-01-01T00:00Z"
            },
        )  # fmt: skip

    def test_nothing_is_answered_as_it_is_not_said(self):
        schema = schemathesis.openapi.from_wsgi(
            "/api/v1/openapi.json", get_wsgi_application()
        )
        operations = [result.ok() for result in schema.get_all_operations()]
        # Of a key and of a header nothing can be wrong: both are any text.
        asked = [
            (operation, mode)
            for operation in operations
            for mode in GenerationMode
            if mode == GenerationMode.POSITIVE or operation.body or operation.query
        ]
        share = -(-CASES // len(asked))
        for operation, mode in asked:
            with self.subTest(operation.label, mode=mode):
                self.ask(operation, mode, share)
        print(f"{sum(self.answers.values())} requests: {dict(self.answers)}")

    def ask(self, operation, mode, share):
        resource = operation.path.split("/")[3]

        @settings(
            max_examples=share,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(generation_mode=mode),
            there=st.booleans(),
            known=st.sampled_from([True] * 9 + [False]),
        )
        def answered(case, there, known):
            self.fill()
            if there:
                key = KEYS.get(resource, "1")
                key = self.user_key if resource == "user" else key
                case.path_parameters = dict.fromkeys(case.path_parameters, key)
                if isinstance(case.body, dict):
                    relations = case.body.keys() & RELATIONS.keys()
                    case.body |= {name: RELATIONS[name] for name in relations}
            headers = {"Accept-Encoding": "identity"} | (self.known if known else {})
            response = case.call(headers=headers)
            self.answers[response.status_code] += 1
            # What a store without transactions cannot do is refused by 501.
            can = response.status_code != HTTPStatus.NOT_IMPLEMENTED
            checks = [not_a_server_error, *CHECKS] if can else CHECKS
            case.validate_response(response, checks=checks)

        answered()
