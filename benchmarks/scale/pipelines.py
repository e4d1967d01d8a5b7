"""The queries by hand, with pymongo, on the collections that our backend makes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bson import Decimal128, MinKey
from pymongo import MongoClient

from .names import NAMES
from .rows import author, genre

Stage = dict[str, Any]
ONE = {"$sum": 1}


def related(table: str, key: str, name: str) -> Stage:
    """Return the stage that fetches a related document by its key, in a list."""
    return {
        "$lookup": {
            "from": table,
            "localField": key,
            "foreignField": "_id",
            "as": name,
        }
    }


AUTHOR = related("scale_author", "_id", "author")
BOOK = related("scale_book", "book_id", "book")


class Pipelines:
    """The queries, a method each: the fastest commands that we know for each."""

    def __init__(self, uri: str, name: str) -> None:
        client: MongoClient[dict[str, Any]] = MongoClient(uri)
        database = client[name]
        self.authors = database["scale_author"]
        self.books = database["scale_book"]
        self.genres = database["scale_genre"]
        self.links = database["scale_book_genres"]

    def queries(self) -> dict[str, Callable[[], Any]]:
        return {name: getattr(self, name) for name in NAMES}

    def by_key(self, collection: Any, keys: list[Any]) -> dict[Any, Any]:
        return {row["_id"]: row for row in collection.find({"_id": {"$in": keys}})}

    def genre_key(self) -> Any:
        return self.genres.find_one({"name": genre(3)}, {"_id": 1})["_id"]  # type: ignore[index]

    def number(self, table: str = "scale_book") -> Any:
        """Return the number of all rows by the fastest count that is exact.

        The server's estimate counts what open transactions have written, too.
        """
        command = {"query": {"_id": {"$gte": MinKey()}}, "hint": {"_id": 1}}
        return self.books.database.command("count", table, **command)["n"]

    def group_by_related(self) -> Any:
        by_author = self.books.aggregate(
            [
                {"$group": {"_id": "$author_id", "n": ONE, "p": {"$sum": "$pages"}}},
                AUTHOR,
                {
                    "$group": {
                        "_id": {"$first": "$author.country"},
                        "number": {"$sum": "$n"},
                        "total": {"$sum": "$p"},
                    }
                },
                {"$sort": {"number": -1, "_id": 1}},
                {"$limit": 5},
            ],
            allowDiskUse=True,
        )
        return [{"author__country": row.pop("_id"), **row} for row in by_author]

    def counts(self, *stages: Stage) -> list[Any]:
        group = {"$group": {"_id": "$author_id", "n": ONE}}
        return list(self.books.aggregate([group, *stages]))

    def having_count(self) -> Any:
        found = self.counts(
            {"$match": {"n": {"$gt": 9}}},
            {"$sort": {"n": -1, "_id": 1}},
            {"$limit": 10},
        )
        return [(row["_id"], row["n"]) for row in found]

    def genres_count(self) -> Any:
        found = self.links.aggregate([{"$group": {"_id": "$genre_id", "n": ONE}}])
        counts = {row["_id"]: row["n"] for row in found}
        rows = self.genres.find().sort("name")
        return [(row["name"], counts.get(row["_id"], 0)) for row in rows]

    def m2m_avg(self) -> Any:
        (row,) = self.links.aggregate(
            [
                {"$match": {"genre_id": self.genre_key()}},
                BOOK,
                {"$group": {"_id": None, "mean": {"$avg": {"$first": "$book.pages"}}}},
            ]
        )
        return {"mean": row["mean"]}

    def distinct_count(self) -> Any:
        return len(self.books.distinct("pages"))

    def order_by_related(self) -> Any:
        found: list[Any] = []
        for row in self.authors.find({}, {"name": 1}).sort("name").batch_size(20):
            keys = self.books.find({"author_id": row["_id"]}, {"_id": 1}).sort("_id")
            found += [(book["_id"], row["name"]) for book in keys.limit(20)]
            if len(found) >= 20:
                return found[:20]
        return found

    def or_related(self) -> Any:
        row = self.authors.find_one({"name": author(77)["name"]}, {"_id": 1})
        assert row
        either = [{"author_id": row["_id"]}, {"pages": 77}]
        return list(self.books.find({"$or": either}).sort("_id").limit(20))

    def computed_top(self) -> Any:
        found = self.books.aggregate(
            [
                {"$project": {"d": {"$divide": ["$price", "$pages"]}}},
                {"$sort": {"d": -1, "_id": 1}},
                {"$limit": 10},
            ]
        )
        return [(row["_id"],) for row in found]

    def exclude_m2m_count(self) -> Any:
        links = self.links.count_documents({"genre_id": self.genre_key()})
        return self.number() - links

    def latest_book(self) -> Any:
        last = {
            "from": "scale_book",
            "localField": "_id",
            "foreignField": "author_id",
            "pipeline": [
                {"$sort": {"published": -1, "_id": -1}},
                {"$limit": 1},
                {"$project": {"title": 1}},
            ],
            "as": "book",
        }
        found = self.authors.aggregate(
            [{"$sort": {"_id": 1}}, {"$limit": 20}, {"$lookup": last}]
        )
        return [
            (row["_id"], row["book"][0]["title"] if row["book"] else None)
            for row in found
        ]

    def two_counts(self) -> Any:
        # Twenty kinds at most decide little: all who have as many books as the fifth.
        top = self.counts({"$sort": {"n": -1, "_id": 1}}, {"$limit": 50})
        least = top[4]["n"]
        found = []
        for row in (row for row in top if row["n"] >= least):
            keys = self.books.distinct("_id", {"author_id": row["_id"]})
            kinds = self.links.distinct("genre_id", {"book_id": {"$in": keys}})
            found.append((row["_id"], row["n"], len(kinds)))
        return sorted(found, key=lambda each: (-each[1], -each[2], each[0]))[:5]

    def window_first(self) -> Any:
        found = self.books.aggregate(
            [
                {"$sort": {"published": 1, "_id": 1}},
                {"$group": {"_id": "$author_id", "book": {"$first": "$_id"}}},
                {"$sort": {"book": 1}},
                {"$limit": 20},
            ],
            allowDiskUse=True,
        )
        return [(row["book"], row["_id"]) for row in found]

    def newest(self, number: int) -> list[Any]:
        found: list[Any] = []
        cursor = self.books.find().sort("published", -1).batch_size(number + 50)
        for row in cursor:
            if len(found) >= number and row["published"] != found[-1]["published"]:
                break
            found.append(row)
        found.sort(key=lambda each: each["_id"])
        found.sort(key=lambda each: each["published"], reverse=True)
        return found[:number]

    def select_related_page(self) -> Any:
        books = self.newest(50)
        found = self.by_key(self.authors, [book["author_id"] for book in books])
        return [(book, found[book["author_id"]]) for book in books]

    def admin_first(self) -> Any:
        return self.newest(1)[0]

    def related_count(self) -> Any:
        keys = self.authors.find({"age": {"$gt": 75}}).distinct("_id")
        return self.books.count_documents({"author_id": {"$in": keys}})

    def get_by_key(self) -> Any:
        return self.books.find_one({"_id": 321})

    def range_page(self) -> Any:
        wanted = {"pages": {"$gt": 990, "$lt": 995}}
        return list(self.books.find(wanted).sort("_id").limit(20))

    def average_price(self) -> Any:
        group = {
            "_id": None,
            "mean": {"$avg": "$price"},
            "most": {"$max": "$pages"},
        }
        (row,) = self.books.aggregate([{"$group": group}])
        return {"mean": row["mean"].to_decimal(), "most": row["most"]}

    def filtered_aggregates(self) -> Any:
        def number(condition: Stage) -> Stage:
            return {"$sum": {"$cond": [condition, 1, 0]}}

        group = {
            "_id": None,
            "cheap": number({"$lt": ["$price", Decimal128("10")]}),
            "dear": number({"$gt": ["$price", Decimal128("90")]}),
        }
        (row,) = self.books.aggregate([{"$group": group}])
        return {"cheap": row["cheap"], "dear": row["dear"]}

    def group_by_year(self) -> Any:
        # By day from the index alone, then by year.
        found = self.books.aggregate(
            [
                {"$sort": {"published": 1}},
                {"$group": {"_id": "$published", "n": ONE}},
                {"$group": {"_id": {"$year": "$_id"}, "number": {"$sum": "$n"}}},
                {"$sort": {"_id": 1}},
            ]
        )
        return [{"year": row["_id"], "number": row["number"]} for row in found]

    def group_by_column(self) -> Any:
        group = {"_id": "$pages", "number": ONE, "mean": {"$avg": "$price"}}
        found = self.books.aggregate(
            [{"$group": group}, {"$sort": {"number": -1, "_id": 1}}, {"$limit": 10}]
        )
        return [
            {
                "pages": row["_id"],
                "number": row["number"],
                "mean": row["mean"].to_decimal(),
            }
            for row in found
        ]

    def icontains_page(self) -> Any:
        wanted = {"title": {"$regex": "99 OF THE", "$options": "i"}}
        return list(self.books.find(wanted).sort("_id").limit(20))

    def exists_count(self) -> Any:
        return len(self.books.find({"pages": {"$gt": 990}}).distinct("author_id"))

    def not_exists_count(self) -> Any:
        found = self.books.find({"pages": {"$gt": 500}}).distinct("author_id")
        return self.number("scale_author") - len(found)

    def subquery_in_sum(self) -> Any:
        country = author(5)["country"]
        keys = self.authors.find({"country": country}).distinct("_id")
        (row,) = self.books.aggregate(
            [
                {"$match": {"author_id": {"$in": keys}}},
                {"$group": {"_id": None, "total": {"$sum": "$pages"}}},
            ]
        )
        return {"total": row["total"]}

    def years(self) -> Any:
        days = self.books.distinct("published")
        return [datetime(year, 1, 1) for year in sorted({day.year for day in days})]

    def union_page(self) -> Any:
        wanted = {"pages": {"$in": [77, 78]}}
        found = self.books.find(wanted, {"title": 1}).sort("_id").limit(20)
        return [(row["_id"], row["title"]) for row in found]

    def genres_latest(self) -> Any:
        found = []
        for each in self.genres.find().sort("name"):
            row = self.latest_of(each["_id"])
            found.append((each["name"], row and row["published"]))
        return found

    def latest_of(self, key: Any) -> Any:
        """Walk the newest books until one is of the genre."""
        rows = self.books.find({}, {"published": 1}).sort("published", -1)
        for row in rows.batch_size(50):
            if self.links.find_one({"book_id": row["_id"], "genre_id": key}):
                return row
        return None

    def prefetch_page(self) -> Any:
        keys = [row["_id"] for row in self.books.find().sort("_id").limit(50)]
        names = {row["_id"]: row["name"] for row in self.genres.find()}
        found: dict[Any, list[str]] = {key: [] for key in keys}
        for link in self.links.find({"book_id": {"$in": keys}}):
            found[link["book_id"]].append(names[link["genre_id"]])
        return [(key, sorted(found[key])) for key in keys]

    def countries_of_many(self) -> Any:
        found = self.counts(
            AUTHOR,
            {
                "$group": {
                    "_id": {"$first": "$author.country"},
                    "number": {"$sum": "$n"},
                }
            },
            {"$match": {"number": {"$gt": 100}}},
            {"$sort": {"number": -1, "_id": 1}},
            {"$limit": 5},
        )
        return [{"country": row["_id"], "number": row["number"]} for row in found]

    def m2m_and_related_count(self) -> Any:
        country = author(5)["country"]
        keys = self.authors.find({"country": country}).distinct("_id")
        books = self.books.find({"author_id": {"$in": keys}}).distinct("_id")
        wanted = {"book_id": {"$in": books}, "genre_id": self.genre_key()}
        return self.links.count_documents(wanted)

    def distinct_authors_of_genre(self) -> Any:
        (row,) = self.links.aggregate(
            [
                {"$match": {"genre_id": self.genre_key()}},
                BOOK,
                {"$group": {"_id": {"$first": "$book.author_id"}}},
                {"$count": "number"},
            ]
        )
        return row["number"]

    def deep_page(self) -> Any:
        return list(self.books.find().sort("_id").skip(self.number() // 2).limit(20))

    def oldest_by_author(self) -> Any:
        found = self.books.aggregate(
            [
                {"$group": {"_id": "$author_id", "first": {"$min": "$published"}}},
                {"$sort": {"first": 1, "_id": 1}},
                {"$limit": 10},
            ]
        )
        return [(row["_id"], row["first"]) for row in found]
