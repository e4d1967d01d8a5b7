"""The app with the models of these tests."""

from django.apps import AppConfig


class RestTestsConfig(AppConfig):
    name = "tests.rest"
    label = "rest_tests"
