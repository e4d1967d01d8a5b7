"""The app of orders."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "tests.orders"
