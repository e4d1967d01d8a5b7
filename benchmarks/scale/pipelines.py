"""The queries by hand, with pymongo, on the collections that our backend makes."""

from collections.abc import Callable
from typing import Any

from pymongo import MongoClient

Stage = dict[str, Any]
NUMBER = {"$sum": 1}


class Pipelines:
    """The queries, a method each: the fastest pipeline that we know for each."""

    def __init__(self, uri: str, name: str) -> None:
        client: MongoClient[dict[str, Any]] = MongoClient(uri)
        database = client[name]
        self.authors = database["scale_author"]
        self.books = database["scale_book"]
        self.genres = database["scale_genre"]
        self.links = database["scale_book_genres"]

    def queries(self) -> dict[str, Callable[[], Any]]:
        return {name: getattr(self, name) for name in dir(type(self)) if name in NAMES}
