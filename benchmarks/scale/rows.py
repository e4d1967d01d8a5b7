"""The rows of authors and genres, without Django."""

from typing import Any

GENRES, COUNTRIES = 20, 200


def author(number: int) -> dict[str, Any]:
    return {
        "name": f"Author {number * 7919 % 1_000_003:07d}",
        "country": f"Country {number % COUNTRIES:03d}",
        "age": 20 + number * 31 % 70,
    }


def genre(number: int) -> str:
    return f"Genre {number:02d}"
