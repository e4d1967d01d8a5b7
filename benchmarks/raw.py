"""The operations with pymongo alone, the least work for the same answers."""

import re
from typing import Any

from bson import Decimal128, ObjectId
from pymongo import ASCENDING, MongoClient, UpdateOne

from . import data
from .answers import Bag

BATCH = 5_000
INDEXES = {
    "author": ["name", "country"],
    "book": [
        "title",
        "author_id",
        "published",
        "created",
        "rating",
        "shelf",
    ],
    "link": ["genre_id"],
}


def document(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as it is stored: without NULLs, in MongoDB's own types."""
    found = {name: value for name, value in row.items() if value is not None}
    if "price" in found:
        found["price"] = Decimal128(found["price"])
    if "published" in found:
        day = found["published"]
        found["published"] = data.datetime(day.year, day.month, day.day)
    return found


class RawShop:
    """The operations, a method each; see `OrmShop`."""

    def __init__(self, scale: data.Scale, uri: str, name: str) -> None:
        self.scale = scale
        self.client: MongoClient[dict[str, Any]] = MongoClient(uri)
        self.database = self.client[name]
        self.authors = self.database["author"]
        self.books = self.database["book"]
        self.genres = self.database["genre"]
        self.links = self.database["link"]

    def some(self, turn: int, of: int) -> int:
        return 1 + turn * 7919 % of

    def book_number(self, turn: int) -> int:
        return self.some(turn, self.scale.books)

    def author_number(self, turn: int) -> int:
        return self.some(turn, self.scale.authors)

    # --- the data ---

    def load(self) -> None:
        for name, columns in INDEXES.items():
            for column in columns:
                self.database[name].create_index(column)
        self.authors.create_index("email", unique=True)
        self.genres.create_index("name", unique=True)
        self.links.create_index(
            [("book_id", ASCENDING), ("genre_id", ASCENDING)], unique=True
        )
        for collection, rows in (
            (self.authors, data.authors(self.scale)),
            (self.genres, data.genres(self.scale)),
            (self.books, data.books(self.scale)),
        ):
            collection.insert_many(
                [{"_id": number, **document(row)} for number, row in rows]
            )
        self.links.insert_many(
            [
                {"book_id": book, "genre_id": genre}
                for book, genre in data.links(self.scale)
            ]
        )

    def state(self) -> Any:
        stocks = self.books.find({}, {"_id": 0, "title": 1, "stock": 1}).sort("title")
        return [
            collection.count_documents({})
            for collection in (self.authors, self.books, self.links)
        ] + [[(each["title"], each["stock"]) for each in stocks]]

    def new_book(self, number: int) -> dict[str, Any]:
        row = document(data.book_row(number, 1, data.PASSING_SHELF))
        return {"_id": ObjectId(), **row}

    def insert_passing_books(self, count: int) -> None:
        first = self.scale.books + 1
        self.books.insert_many(
            [self.new_book(number) for number in range(first, first + count)]
        )

    # --- writing ---

    def create(self, turn: int) -> Any:
        self.books.insert_one(self.new_book(self.scale.books + turn))

    def after_create(self) -> None:
        self.books.delete_many({"shelf": data.PASSING_SHELF})

    def bulk_create_10k(self, turn: int) -> Any:
        first = self.scale.authors + 1
        made = self.authors.insert_many(
            [
                data.author_row(number)
                for number in range(first, first + self.scale.fifth)
            ]
        )
        return len(made.inserted_ids)

    def after_bulk_create_10k(self) -> None:
        last = data.author_row(self.scale.authors)["name"]
        self.authors.delete_many({"name": {"$gt": last}})

    def update_5k(self, turn: int) -> Any:
        change = {"$set": {"stock": turn + 1}}
        return self.books.update_many({"shelf": 3}, change).matched_count

    def update_F_5k(self, turn: int) -> Any:  # noqa: N802 (the operation's name)
        change = {"$inc": {"stock": 1}}
        return self.books.update_many({"shelf": 4}, change).matched_count

    def before_save(self) -> None:
        self.held: Any = self.books.find_one({"_id": 7})

    before_save_update_fields = before_save

    def save(self, turn: int) -> Any:
        self.held["stock"] = turn + 1
        self.books.replace_one({"_id": 7}, self.held)

    def save_update_fields(self, turn: int) -> Any:
        self.held["stock"] = turn + 1
        self.books.update_one({"_id": 7}, {"$set": {"stock": turn + 1}})

    def before_delete_x100(self) -> None:
        self.insert_passing_books(self.scale.books // 500)
        self.held_books = list(self.books.find({"shelf": data.PASSING_SHELF}))

    def delete_x100(self, turn: int) -> Any:
        for book in self.held_books:
            self.links.delete_many({"book_id": book["_id"]})
            self.books.delete_one({"_id": book["_id"]})
        return len(self.held_books)

    def before_bulk_update_500(self) -> None:
        books = self.books.find({"shelf": 5}).sort("_id")
        self.held_books = list(books.limit(self.scale.books // 100))

    def bulk_update_500(self, turn: int) -> Any:
        return self.books.bulk_write(
            [
                UpdateOne({"_id": book["_id"]}, {"$set": {"stock": turn + number}})
                for number, book in enumerate(self.held_books)
            ]
        ).matched_count

    def before_delete_qs_5k(self) -> None:
        self.insert_passing_books(self.scale.tenth)

    def delete_qs_5k(self, turn: int) -> Any:
        shelf = {"shelf": data.PASSING_SHELF}
        keys = [book["_id"] for book in self.books.find(shelf, {"_id": 1})]
        gone = self.links.delete_many({"book_id": {"$in": keys}}).deleted_count
        return gone + self.books.delete_many(shelf).deleted_count

    def atomic_2_writes(self, turn: int) -> Any:
        row = data.author_row(self.scale.authors + turn + 1)
        change = {"$set": {"country": f"No {turn}"}}
        with self.client.start_session() as session, session.start_transaction():
            self.authors.insert_one(row, session=session)
            found = self.authors.update_one({"_id": 1}, change, session=session)
            return found.matched_count

    def after_atomic_2_writes(self) -> None:
        self.after_bulk_create_10k()
        country = data.author_row(1)["country"]
        self.authors.update_one({"_id": 1}, {"$set": {"country": country}})

    # --- one row, few rows ---

    def get_pk(self, turn: int) -> Any:
        return self.books.find_one({"_id": self.book_number(turn)})

    def get_indexed_unique(self, turn: int) -> Any:
        row = data.author_row(self.author_number(turn))
        return self.authors.find_one({"email": row["email"]})

    def get_or_create_hit(self, turn: int) -> Any:
        return self.get_indexed_unique(turn), False

    def range_order_50(self, turn: int) -> Any:
        number = self.book_number(turn)
        low, high = data.moment(number), data.moment(number + 100)
        found = self.books.find({"created": {"$gte": low, "$lt": high}})
        return list(found.sort("created").limit(50))

    def first(self, turn: int) -> Any:
        return self.books.find_one({}, sort=[("title", 1)])

    def exists(self, turn: int) -> Any:
        wanted = {"title": data.title(self.book_number(turn))}
        return self.books.find_one(wanted, {"_id": 1}) is not None

    def q_or(self, turn: int) -> Any:
        return Bag(
            self.books.find(
                {
                    "$or": [
                        {"author_id": self.author_number(turn)},
                        {"title": data.title(self.book_number(turn))},
                    ]
                }
            )
        )

    def startswith(self, turn: int) -> Any:
        prefix = re.escape(data.title(self.book_number(turn))[:11])
        return Bag(self.books.find({"title": {"$regex": f"^{prefix}"}}))

    def icontains(self, turn: int) -> Any:
        wanted = f"{self.book_number(turn):06d} OF"
        return Bag(self.books.find({"title": {"$regex": wanted, "$options": "i"}}))

    def exclude(self, turn: int) -> Any:
        found = self.books.find({"rating": {"$ne": 1 + turn % 5}})
        return list(found.sort("_id").limit(20))

    def year_lookup(self, turn: int) -> Any:
        year = data.FIRST_YEAR + self.some(turn, data.YEARS) - 1
        low, high = data.datetime(year, 1, 1), data.datetime(year + 1, 1, 1)
        return Bag(self.books.find({"published": {"$gte": low, "$lt": high}}))

    def json_contains_first(self, turn: int) -> Any:
        code = self.scale.books // 2 + turn
        return self.books.find_one({"data.code": code}, sort=[("_id", 1)])

    def in_bulk_500(self, turn: int) -> Any:
        first = self.book_number(turn) % (self.scale.books // 2)
        keys = [first + each for each in range(1, self.scale.books // 100)]
        found = self.books.find({"_id": {"$in": keys}})
        return {each["_id"]: each for each in found}

    # --- many rows ---

    def values_list_10k(self, turn: int) -> Any:
        found = self.books.find({}, {"title": 1, "pages": 1}).sort("_id")
        return [
            (each["_id"], each["title"], each["pages"])
            for each in found.limit(self.scale.fifth)
        ]

    def iterate_10k(self, turn: int) -> Any:
        return list(self.books.find().sort("_id").limit(self.scale.fifth))

    # --- relations ---

    def author_keys(self, wanted: dict[str, Any]) -> list[int]:
        return [each["_id"] for each in self.authors.find(wanted, {"_id": 1})]

    def fk_filter(self, turn: int) -> Any:
        name = data.author_row(self.author_number(turn))["name"]
        keys = self.author_keys({"name": name})
        return Bag(self.books.find({"author_id": {"$in": keys}}))

    def fk_filter_by_id(self, turn: int) -> Any:
        return Bag(self.books.find({"author_id": self.author_number(turn)}))

    def fk_filter_count(self, turn: int) -> Any:
        country = data.author_row(self.author_number(turn))["country"]
        keys = self.author_keys({"country": country})
        return self.books.count_documents({"author_id": {"$in": keys}})

    subquery_in = fk_filter_count

    def reverse_fk_filter(self, turn: int) -> Any:
        wanted = {"title": data.title(self.book_number(turn))}
        found = self.books.find(wanted, {"author_id": 1, "_id": 0})
        keys = [each["author_id"] for each in found]
        return Bag(self.authors.find({"_id": {"$in": keys}}))

    def m2m_filter(self, turn: int) -> Any:
        name = data.genre_row(1 + turn % data.GENRES)["name"]
        genre: Any = self.genres.find_one({"name": name}, {"_id": 1})
        links = self.links.find({"genre_id": genre["_id"]}, {"book_id": 1, "_id": 0})
        # Without a limit: the book of a link may be missing.
        keys = [each["book_id"] for each in links]
        return list(self.books.find({"_id": {"$in": keys}}).sort("_id").limit(50))

    def m2m_manager_all(self, turn: int) -> Any:
        links = self.links.find({"book_id": 7}, {"genre_id": 1, "_id": 0})
        keys = [each["genre_id"] for each in links]
        return Bag(self.genres.find({"_id": {"$in": keys}}))

    def select_related_1k(self, turn: int) -> Any:
        books = list(self.books.find().sort("_id").limit(self.scale.books // 50))
        keys = list({book["author_id"] for book in books})
        found = self.authors.find({"_id": {"$in": keys}})
        authors = {author["_id"]: author for author in found}
        return [(book, authors[book["author_id"]]) for book in books]

    def prefetch_m2m_200(self, turn: int) -> Any:
        books = list(self.books.find().sort("_id").limit(self.scale.two_hundred))
        keys = [book["_id"] for book in books]
        links = list(self.links.find({"book_id": {"$in": keys}}, {"_id": 0}))
        wanted = {"_id": {"$in": list({link["genre_id"] for link in links})}}
        genres = {genre["_id"]: genre for genre in self.genres.find(wanted)}
        of_book: dict[int, Bag] = {key: Bag() for key in keys}
        for link in links:
            of_book[link["book_id"]].append(genres[link["genre_id"]])
        return [(book, of_book[book["_id"]]) for book in books]

    def prefetch_rev_fk_200(self, turn: int) -> Any:
        authors = list(self.authors.find().sort("_id").limit(self.scale.two_hundred))
        of_author: dict[int, Bag] = {author["_id"]: Bag() for author in authors}
        for book in self.books.find({"author_id": {"$in": list(of_author)}}):
            of_author[book["author_id"]].append(book)
        return [(author, of_author[author["_id"]]) for author in authors]

    # --- counts and aggregates ---

    def count_filtered(self, turn: int) -> Any:
        return self.books.count_documents({"rating": 1 + turn % 5})

    def count_all(self, turn: int) -> Any:
        return self.books.estimated_document_count()

    def isnull_count(self, turn: int) -> Any:
        return self.books.count_documents({"subtitle": None})

    def grouped(
        self, match: dict[str, Any], group: dict[str, Any], *more: Any
    ) -> list[Any]:
        start = [{"$match": match}] if match else []
        return list(self.books.aggregate([*start, {"$group": group}, *more]))

    def average(self, match: dict[str, Any]) -> dict[str, Any]:
        found = self.grouped(match, {"_id": None, "average": {"$avg": "$pages"}})
        return {"average": found[0]["average"]}

    def aggregate_avg(self, turn: int) -> Any:
        return self.average({})

    def aggregate_avg_filtered(self, turn: int) -> Any:
        return self.average({"rating": 1 + turn % 5})

    def group_values_count(self, turn: int) -> Any:
        groups = self.grouped(
            {}, {"_id": "$rating", "number": {"$sum": 1}}, {"$sort": {"_id": 1}}
        )
        return [{"rating": each["_id"], "number": each["number"]} for each in groups]

    def annotate_count_top10(self, turn: int) -> Any:
        groups = self.grouped(
            {},
            {"_id": "$author_id", "number": {"$sum": 1}},
            {"$sort": {"number": -1, "_id": 1}},
            {"$limit": 10},
        )
        found = self.authors.find({"_id": {"$in": [each["_id"] for each in groups]}})
        names = {author["_id"]: author["name"] for author in found}
        return [(names[each["_id"]], each["number"]) for each in groups]
