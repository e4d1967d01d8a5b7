"""Random requests that schemathesis makes from openapi.json, valid and invalid ones.

No response may be a 500, or one that the document does not describe. CASES is the
number of requests:

    CASES=2000 manage.py test atlas.fuzz
"""

import os
from collections import Counter
from http import HTTPStatus
from typing import Any

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
# In about half of the requests, keys and relations are those of existing rows.
KEYS = {"country": "JP", "city": "1850147"}
RELATIONS = {
    "country": "/api/v1/country/JP/",
    "home": "/api/v1/city/1850147/",
    "city": "/api/v1/city/1850147/",
    "traveller": "/api/v1/traveller/1/",
    "tags": ["/api/v1/tag/1/"],
}


class FuzzTests(TransactionTestCase):
    """Random requests for every operation of the API."""

    def setUp(self) -> None:
        user = get_user_model().objects.create_superuser("admin")
        self.user_key = str(user.pk)
        key = ApiKey.objects.create(user=user).key
        self.known = {"Authorization": f"ApiKey admin:{key}"}
        self.answers: Counter[int] = Counter()

    def fill(self) -> None:
        """Create one row of each model, unless it is there."""
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

    def test_all_responses_are_those_that_the_document_describes(self) -> None:
        schema = schemathesis.openapi.from_wsgi(
            "/api/v1/openapi.json", get_wsgi_application()
        )
        operations = [result.ok() for result in schema.get_all_operations()]
        # Keys and headers cannot be invalid: they may be any text.
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

    def ask(self, operation: Any, mode: GenerationMode, share: int) -> None:
        """Send `share` requests for an operation."""
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
        def answered(case: Any, there: bool, known: bool) -> None:
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
            # 501 is for what a store without transactions cannot do.
            can = response.status_code != HTTPStatus.NOT_IMPLEMENTED
            checks = [not_a_server_error, *CHECKS] if can else CHECKS
            case.validate_response(response, checks=checks)

        answered()
