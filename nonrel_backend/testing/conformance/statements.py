"""Queries and writes that must give the same on every backend as on SQLite.

They are texts of Python expressions. `db` is the alias of the database; `listed` and
the like are functions of `differential/answers.py`.
"""

BOOKS = "Book.objects.using(db)"
AUTHORS = "Author.objects.using(db)"
TAGS = "Tag.objects.using(db)"
PLACES = "Place.objects.using(db)"

ORDERING = [
    f"listed({BOOKS}.order_by('{sign}{column}', 'pk'))"
    for column in ("title", "pages", "in_print")
    for sign in ("", "-")
] + [
    f"listed({BOOKS}.order_by('author__name', '-pages', 'pk'))",
    f"listed({BOOKS}.order_by(Lower('title'), 'pk'))",
    f"listed({BOOKS}.order_by('title', '-pk').reverse())",
    f"listed({BOOKS}.order_by('pages').values_list('pages').distinct())",
    f"len({BOOKS}.order_by('?'))",
]

# Orders by columns with NULLs, which come first in ascending order.
NULLS = [
    f"listed({rows}.order_by({by}, 'pk'))"
    for rows, columns in {
        BOOKS: ["rating", "price", "published"],
        AUTHORS: ["email", "born", "mentor"],
        "Copy.objects.using(db)": ["shelf", "bought", "opened", "lent_for", "worth"],
    }.items()
    for column in columns
    for by in (
        f"'{column}'",
        f"'-{column}'",
        f"F('{column}').asc(nulls_last=True)",
        f"F('{column}').desc(nulls_first=True)",
    )
] + [
    f"listed({BOOKS}.order_by('{first}', '{second}', 'pk'))"
    for first, second in (
        ("rating", "price"),
        ("rating", "-price"),
        ("-rating", "price"),
        ("-rating", "-price"),
        ("in_print", "rating"),
        ("in_print", "-rating"),
        ("-in_print", "published"),
        ("editor__born", "rating"),
    )
]
NULLS += [
    f"listed({BOOKS}.order_by('-rating', '-price', '-pk'){bounds})"
    for bounds in ("", "[:9]")
]
NULLS += [
    f"listed({BOOKS}.filter(pages__gt=0).order_by('{by}', 'pk'){bounds})"
    for by in ("rating", "-rating")
    for bounds in ("", "[:3]", "[3:9]")
]

# Conditions on columns with an index, and their negations; and several conditions.
NEW_YEAR = "datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)"
ON_COLUMNS = [
    f"{column}__{lookup}"
    for column, low, high in (
        ("pages", "0", "7"),
        ("title", "'a'", "'b%c'"),
        ("published", NEW_YEAR, "datetime.datetime.max.replace(tzinfo=datetime.UTC)"),
        ("author", "2", "5"),
        ("pk", "3", "11"),
    )
    for lookup in (
        *(f"{each}={low}" for each in ("exact", "gt", "gte", "lt", "lte")),
        f"in=[{high}, {low}]",
        f"range=({low}, {high})",
        "isnull=True",
    )
] + ["title__startswith='b%'", "title__startswith='日'"]
TOGETHER = [
    "Q(pages__gt=2) | Q(author=1)",
    "Q(pages=1) | Q(author=2) | Q(pk=7)",
    "Q(pages__lt=3) | Q(title='a', author__gt=2)",
    "Q(pages__gt=0), Q(author__gt=2)",
    "Q(pages__gt=-7), Q(author__in=[1, 2, 3]), Q(title__gte='')",
    "Q(pages__gt=-7), Q(rating__isnull=False), Q(price__gt=0)",
    "Q(rating__gt=0), Q(price__gt=0), Q(in_print=True), Q(author__gt=1)",
    "Q(pages__in=[0, 1, 2, 3, 7]), ~Q(pages__in=[1, 2])",
    "Q(rating__gt=0), Q(price__gt=0)",
    "Q(pages__gt=0) ^ Q(author__gt=3)",
    "~(Q(pages__gt=0) & Q(rating__gt=1))",
    "~(Q(published__isnull=True) | Q(price__gt=1))",
    "Q(pages__gt=F('author_id'))",
    "Q(author_id=F('editor_id'))",
    "~Q(author_id=F('editor_id'))",
    "Q(pages__gte=F('editor_id')) | Q(pages__lt=F('author_id'))",
    "Q(rating__gt=F('pages'))",
    "~Q(rating__gt=F('pages'))",
]
CONDITIONS = [
    f"unordered({BOOKS}.filter({condition}))"
    for each in ON_COLUMNS
    for condition in (each, f"~Q({each})")
] + [f"unordered({BOOKS}.filter({each}))" for each in TOGETHER]
CONDITIONS += [
    f"unordered(Copy.objects.using(db).filter({sign}Q(worth__{lookup})))"
    for sign in ("", "~")
    for lookup in ("gt=-1", "lte=0", "lt=5", "in=[0, -1]", "isnull=True")
]

# Filters, orders and limits that meet.
PAGES = [
    f"listed({BOOKS}.filter({conditions}).order_by({by}){bounds})"
    for conditions in (
        "pages__gt=0",
        "in_print=True, pages__gt=-7",
        "title__gt='', pages__lt=100, author__gt=1",
        "rating__isnull=False",
        "pk__in=[1, 2, 3, 5, 8, 13]",
        "pk__gt=3, pk__lt=20",
        "pk=1, title='none'",
        "title='a'",
        "pages__in=[0, 1, 2, 3, 7, 100]",
    )
    for by in (
        "'pk'",
        "'-pk'",
        "'pages', 'pk'",
        "'-title', 'pages', 'pk'",
        "'in_print', '-pages', '-pk'",
    )
    for bounds in ("[:1]", "[:2]", "[1:3]", "[2:]", "[0:50]")
] + [
    f"{BOOKS}.filter({conditions}).count()"
    for conditions in (
        "pages__gt=0, in_print=True",
        "title__gt='', pages__lt=100, author__gt=1",
        "title__gt='', pages__lt=100, author__gt=1, rating__isnull=False",
    )
]

SLICING = [
    f"listed({BOOKS}.order_by('{by}', 'pk'){bounds})"
    for by in ("pk", "-rating", "author__name")
    for bounds in ("[:1]", "[:5]", "[3:7]", "[20:]", "[0:0]", "[100:]", "[1:9:3]")
] + [
    f"{BOOKS}.order_by('{by}', 'pk').{method}()"
    for by in ("pages", "-pages")
    for method in ("first", "last")
]
SLICING += [
    f"{BOOKS}.filter(pages__gt=0).order_by('pk')[1:4].count()",
    f"{BOOKS}.order_by('pk')[2:2].exists()",
    f"listed({BOOKS}.order_by('pk').iterator(chunk_size=2))",
    f"{BOOKS}.order_by('pk')[3]",
    f"{BOOKS}.earliest('pk')",
    f"unordered({AUTHORS}.filter(pk__in={BOOKS}.order_by('pk')[:3].values('author')))",
]

JOINS = [
    f"unordered({BOOKS}.filter(author__name__startswith='x'))",
    f"unordered({BOOKS}.filter(editor__isnull=True))",
    f"unordered({BOOKS}.exclude(editor__name='a'))",
    f"unordered({BOOKS}.filter(author__mentor__name__gt=''))",
    f"unordered({BOOKS}.filter(genres__name='g1'))",
    f"unordered({BOOKS}.exclude(genres__name='g1'))",
    f"unordered({BOOKS}.filter(genres__name='g1').filter(genres__name='g2'))",
    f"unordered({AUTHORS}.filter(books__pages__gt=2).distinct())",
    f"unordered({AUTHORS}.filter(books__copies__shelf__isnull=False))",
    f"unordered({AUTHORS}.filter(Q(books__pages=1) | Q(edited__pages=2)))",
    f"unordered({BOOKS}.filter(author=F('editor')))",
    f"unordered({BOOKS}.filter(pages__gt=F('author__pk')))",
    f"unordered({BOOKS}.filter(author__in={AUTHORS}.filter(born__isnull=True)))",
    f"unordered({AUTHORS}.filter(Exists({BOOKS}.filter(author=OuterRef('pk')))))",
    f"unordered({AUTHORS}.filter(~Exists({BOOKS}.filter(editor=OuterRef('pk')))))",
    f"unordered({AUTHORS}.annotate(b=Subquery({BOOKS}.filter(author=OuterRef('pk'))"
    ".order_by('pk').values('title')[:1])))",
    f"with_related({BOOKS}.select_related('editor').order_by('pk'), 'editor')",
    f"with_many({BOOKS}.prefetch_related('genres').order_by('pk'), 'genres')",
    f"with_many({AUTHORS}.prefetch_related('edited').order_by('pk'), 'edited')",
    f"unordered({BOOKS}.values('title', 'author__name', 'copies__shelf'))",
    "unordered(Novel.objects.using(db).filter(title__gt='', series__isnull=False))",
    "unordered(Copy.objects.using(db).values('token', 'book__author__name'))",
]

AGGREGATES = [
    f"{BOOKS}.{method}"
    for method in (
        "count()",
        "filter(pages__gt=1).count()",
        "filter(author__name__gt='a').count()",
        "exists()",
        "filter(pk=-1).exists()",
        "aggregate(Sum('pages'), Avg('pages'), Min('title'), Max('published'))",
        "aggregate(n=Count('rating'), m=Count('rating', distinct=True))",
        "aggregate(n=Count('pk', filter=Q(pages__gt=1)), s=Sum('price'))",
        "filter(pk=-1).aggregate(Sum('pages'), Count('pk'))",
        "aggregate(s=Sum(F('pages') * 2 + 1))",
        "order_by('pk')[:5].aggregate(Sum('pages'))",
    )
] + [
    f"unordered({BOOKS}.values('author').annotate(n=Count('pk'), s=Sum('pages')))",
    f"unordered({BOOKS}.values('author__name').annotate(n=Max('rating')))",
    f"unordered({BOOKS}.values('in_print').annotate(n=Count('pk')).filter(n__gt=3))",
    f"unordered({BOOKS}.values('published__year').annotate(n=Count('pk')))",
    f"unordered({AUTHORS}.annotate(n=Count('books'), m=Max('books__pages')))",
    f"unordered({AUTHORS}.annotate(n=Count('books')).filter(n__lt=2))",
    f"unordered({BOOKS}.annotate(r=Window(Rank(), 'author', ['pages', 'pk'])))",
    f"unordered({BOOKS}.values_list('pages').union({AUTHORS}.values_list('pk')))",
    f"unordered({BOOKS}.annotate(x=Case(When(pages__gt=1, then=1), default=0)))",
    f"unordered({BOOKS}.annotate(x=Concat('title', 'author__name')))",
    f"listed({BOOKS}.dates('published', 'year'))",
]

# Each runs on the rows of `differential.data`; then all tables are compared.
WRITES = [
    "Genre(name='new').save(using=db)",
    "Genre(pk=1, name='changed').save(using=db)",
    "Genre(pk=77, name='given').save(using=db)",
    "Genre(pk=1, name='twice').save(using=db, force_insert=True)",
    "Genre(pk=77, name='none').save(using=db, force_update=True)",
    "Book(pk=2, title='t', author_id=1, pages=5).save(using=db)",
    "Book(pk=2, title='only').save(using=db, update_fields=['title'])",
    f"{BOOKS}.filter(pages__gt=1).update(title='u', rating=None)",
    f"{BOOKS}.update(pages=F('pages') + 1)",
    f"{BOOKS}.filter(pk__in=[1, 2, 99]).update(price=Decimal('1.50'), notes=[1])",
    f"{BOOKS}.filter(pages=10**6).update(title='none')",
    f"{BOOKS}.filter(author__name__gt='').update(in_print=False)",
    f"{BOOKS}.update(rating=Case(When(pages__gt=1, then=F('pages')), default=0.5))",
    f"{BOOKS}.update(title=Concat(Value('x'), 'title'))",
    f"{BOOKS}.update(title=Subquery({AUTHORS}.filter(pk=OuterRef('author_id'))"
    ".values('name')[:1]))",
    f"{BOOKS}.filter(pages__lt=0).update(pages=-5000)",
    f"{BOOKS}.update(title=None)",
    # What is counted are the rows matched, changed or not.
    f"{BOOKS}.filter(pages__gt=0).update(in_print=True)",
    f"{BOOKS}.filter(pages__gt=0).update(pages=F('pages'))",
    f"{BOOKS}.filter(pk=3).update(pages=3) and {BOOKS}.filter(pk=3).update(pages=3)",
    f"{BOOKS}.filter(pages__gt=0, in_print=True).update(price=None)",
    f"{BOOKS}.filter(pages__gt=0).order_by('-pages', 'pk').update(title='o')",
    f"{BOOKS}.filter(pages__gt=0, in_print=True, author__gt=1).delete()",
    f"{BOOKS}.filter(rating__isnull=True).update(rating=1, price=None)",
    f"{BOOKS}.filter(pages__gt=1).delete()",
    f"{BOOKS}.filter(author__name__gt='a').delete()",
    f"{BOOKS}.all().delete()",
    f"{AUTHORS}.get(pk=1).delete()",
    "Copy.objects.using(db).filter(shelf__isnull=True).delete()",
    "Copy.objects.using(db).filter(worth__gt=0, shelf__gt='').update(shelf='s')",
    "Copy.objects.using(db).filter(worth__gt=0).update(shelf=None, worth=3)",
    "Copy.objects.using(db).filter(shelf__isnull=True).update(shelf=None)",
    "Copy.objects.using(db).filter(worth__gt=-9, shelf__gte='', seen__isnull=False)"
    ".delete()",
    "Copy.objects.using(db)._raw_delete(db) and None",
    # Rows with NULL, too, which stays NULL.
    "Copy.objects.using(db).filter(Q(worth__range=(-1, 9)) | Q(worth=None))"
    ".update(worth=F('worth') + 1)",
    "Copy.objects.using(db).filter(worth__range=(-1, 9)).update(worth=F('worth') - 2)",
    f"{BOOKS}.get_or_create(pk=1)",
    "Genre.objects.using(db).get_or_create(name='g1')",
    "Genre.objects.using(db).get_or_create(name='fresh')",
    "Genre.objects.using(db).update_or_create(name='g1', defaults={'name': 'h1'})",
    f"{BOOKS}.get(pk=1).genres.set([1, 3])",
    f"{BOOKS}.get(pk=1).genres.add(1, 2, 2)",
    f"{BOOKS}.get(pk=1).genres.clear()",
    "Novel(pk=80, title='n', author_id=1, pages=1, series='s').save(using=db)",
    "Novel.objects.using(db).update(series='s', title='t')",
    "Novel.objects.using(db).all().delete()",
]

BULK = [
    "len(Genre.objects.using(db).bulk_create([Genre(name=str(n)) for n in range(50)]))",
    "unordered(Genre.objects.using(db).bulk_create([Genre(name=n) for n in 'pq']))",
    "Genre.objects.using(db).bulk_create([Genre(name='r'), Genre(name='g1')])",
    "len(Genre.objects.using(db).bulk_create([Genre(name='r'), Genre(name='g1')], "
    "ignore_conflicts=True))",
    "len(Genre.objects.using(db).bulk_create([Genre(pk=1, name='u'), Genre(pk=90, "
    "name='v')], update_conflicts=True, unique_fields=['pk'], update_fields=['name']))",
    "len(Genre.objects.using(db).bulk_create([Genre(name=str(n)) for n in range(9)], "
    "batch_size=4))",
    f"{BOOKS}.bulk_update([Book(pk=1, pages=5), Book(pk=2, pages=6)], ['pages'])",
    f"{BOOKS}.bulk_update([Book(pk=1, title='a', pages=F('pages') + 1)], "
    "['title', 'pages'])",
    "unordered(Genre.objects.using(db).in_bulk([1, 2, 99]))",
    "unordered(Genre.objects.using(db).in_bulk(['g1'], field_name='name'))",
]

# Slices of rows that the same transaction has written.
AFTER_WRITES = [
    f"({write}, listed({BOOKS}.filter({conditions}).order_by({by}){bounds}))"
    for write in (
        "Book(pk=70, title='b', author_id=1, pages=2).save(using=db)",
        f"{BOOKS}.filter(pk__in=[2, 3, 5]).update(pages=4, title='b')",
        f"{BOOKS}.filter(pk__in=[2, 3, 5, 7]).delete()",
    )
    for conditions in ("pages__gt=0", "pages__gt=-7, in_print=True", "title__gte='a'")
    for by in ("'pages', 'pk'", "'-title', '-pk'")
    for bounds in ("[:2]", "[1:4]")
]

KEYS = [
    "Genre.objects.using(db).create(name='a').pk > 0",
    "(lambda a, b: b.pk > a.pk)("
    "*[Genre.objects.using(db).create(name=n) for n in 'ab'])",
    "Genre.objects.using(db).create(pk=500, name='a').pk",
    "(Genre.objects.using(db).create(pk=500, name='a'), "
    "Genre.objects.using(db).create(name='b').pk > 500)[1]",
    # No key is given again, nor one that the caller has used.
    "(lambda pk: (Genre.objects.using(db).filter(pk=pk).delete(), "
    "Genre.objects.using(db).create(name='b').pk > pk))"
    "(Genre.objects.using(db).create(name='a').pk)",
    "(Genre.objects.using(db).create(pk=500, name='a').delete(), "
    "Genre.objects.using(db).create(name='b').pk > 500)",
    "(Genre.objects.using(db).bulk_create([Genre(pk=600, name='a'), Genre(pk=50, "
    "name='b')]) and None, Genre.objects.using(db).create(name='c').pk > 600)",
    "(Genre(pk=700, name='a').save(using=db), "
    "Genre.objects.using(db).create(name='b').pk > 700)",
    "(Genre.objects.using(db).create(pk=2, name='g2'), 1)",
    "Genre.objects.using(db).create(pk=1, name='a')",
    "Genre.objects.using(db).get(pk='2')",
    "Genre.objects.using(db).get(pk=-1)",
    "Genre.objects.using(db).filter(pk__in=[3, 1, 1]).count()",
    "Genre.objects.using(db).filter(pk__gt=2).count()",
    "Copy.objects.using(db).filter(worth__gte=0).update(token=UUID(int=400))",
    "Copy.objects.using(db).filter(pk=UUID(int=2)).update(token=UUID(int=400))",
    "Copy.objects.using(db).filter(pk=UUID(int=2)).update(token=UUID(int=400)) and "
    "listed(Copy.objects.using(db).filter(worth__gte=-(2**63)).order_by('worth', "
    "'token'))",
    "Copy.objects.using(db).get(pk=UUID(int=2))",
    "Copy.objects.using(db).create(token=UUID(int=2))",
    "Copy.objects.using(db).create(token=UUID(int=9)).pk",
    "Copy.objects.using(db).filter(pk=UUID(int=2)).delete()",
    f"{TAGS}.create(name='new').pk",
    f"{TAGS}.create(name='a')",
    f"listed({TAGS}.filter(pk__in=['a', 'c', '日本']).order_by('pk'))",
    f"listed({TAGS}.filter(pk__gte='a').order_by('-pk'))",
    f"{TAGS}.filter(pk='a').update(name='c')",
    f"{TAGS}.filter(pk='a').update(name='b')",
    f"{TAGS}.filter(pk='a').update(name='c') and listed({TAGS}.filter(pk='c'))",
    f"{TAGS}.filter(pk='a').update(name='c') and {TAGS}.filter(pk='c').delete()",
    f"{PLACES}.filter(number=1).update(number=7) and {PLACES}.get(pk=('a', 7))",
    f"{PLACES}.filter(number=1).update(number=2)",
    f"{TAGS}.filter(pk='').delete()",
    f"{TAGS}.get(pk='b').save()",
    f"{PLACES}.create(room='c', number=1).pk",
    f"{PLACES}.create(room='a', number=1)",
    f"{PLACES}.get(pk=('a', 2))",
    f"{PLACES}.get(pk=('a', 3))",
    f"listed({PLACES}.filter(pk__in=[('a', 2), ('b', 1), ('c', 1)]).order_by('pk'))",
    f"listed({PLACES}.order_by('-pk'))",
    f"{PLACES}.filter(pk=('a', 1)).update(note='n')",
    f"{PLACES}.filter(room='a').update(note=F('room'))",
    "Place(room='a', number=1, note='saved').save(using=db)",
    f"{PLACES}.get(pk=('b', 2)).delete()",
]

UNIQUE = [
    "Genre.objects.using(db).create(name='g1')",
    "Genre.objects.using(db).filter(pk=2).update(name='g1')",
    "Genre.objects.using(db).update(name='same')",
    "Genre.objects.using(db).filter(pk=2).update(name='g2')",
    "Genre(pk=2, name='g1').save(using=db)",
    "Genre.objects.using(db).bulk_create([Genre(name='d'), Genre(name='d')])",
    f"{AUTHORS}.create(name='a', email=None) and {AUTHORS}.create(name='b') and None",
    f"{AUTHORS}.create(name='a', email='s') and {AUTHORS}.create(name='b', email='s')",
    "[Offer.objects.using(db).create(seller='a', price=1, amount=2, active=active)"
    ".total for active in (False, False, True)]",
    "[Offer.objects.using(db).create(seller='a', price=1, amount=2) for _ in 'ab']",
    "Offer.objects.using(db).create(seller='a', price=3, amount=2)",
    "Offer.objects.using(db).create(seller=None, price=1, amount=2)",
    "[Offer.objects.using(db).create(seller='a', price=1, amount=2, active=active) "
    "for active in (False, True)] and "
    "Offer.objects.using(db).filter(seller='a').count()",
]
# What is read of 60 rows again and again, and what changes them.
COUNTERS = "Counter.objects.using(db)"
READ_AGAIN = f"unordered({COUNTERS}.values('value').annotate(n=Max(Lower('name'))))"
BETWEEN_READS = [
    f"{COUNTERS}.filter(name__lt='n3').update(value=5)",
    f"{COUNTERS}.filter(name='n7').delete()",
    "Counter(name='a', value=8).save(using=db)",
    f"{COUNTERS}.filter(value=5).update(value=F('value') + 1)",
    f"len({COUNTERS}.bulk_create([Counter(name=n, value=2) for n in 'bc']))",
    f"({COUNTERS}.filter(name='n1').update(name='N'), "
    f"{COUNTERS}.filter(name='N').update(value=9))",
    f"({COUNTERS}.filter(name='n50').delete(), "
    f"Counter(name='n50', value=1).save(using=db))",
    f"{COUNTERS}.filter(name__gt='n4').delete()",
]
# {section of the report: queries}, {section of the report: writes}
READS = {
    "ordering": ORDERING,
    "order of NULLs": NULLS,
    "slicing": SLICING,
    "conditions": CONDITIONS,
    "pages": PAGES,
    "joins": JOINS,
    "aggregates": AGGREGATES,
}
CHANGES = {
    "writes": WRITES,
    "reads after writes": AFTER_WRITES,
    "bulk": BULK,
    "keys": KEYS,
    "unique": UNIQUE,
}
