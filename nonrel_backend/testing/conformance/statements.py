"""Queries and writes that must give the same on every backend as on SQLite.

They are texts of Python expressions. `db` is the alias of the database; `listed` and
the like are functions of `differential/answers.py`.
"""

BOOKS = "Book.objects.using(db)"
AUTHORS = "Author.objects.using(db)"
TAGS = "Tag.objects.using(db)"
PLACES = "Place.objects.using(db)"

ORDERING = [
    f"listed({rows}.order_by({by}, 'pk'))"
    for rows, columns in {
        BOOKS: ["title", "pages", "rating", "price", "published", "in_print"],
        AUTHORS: ["name", "email", "born", "mentor"],
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
    f"listed({BOOKS}.order_by('author__name', '-pages', 'pk'))",
    f"listed({BOOKS}.order_by('editor__born', 'pk'))",
    f"listed({BOOKS}.order_by(Lower('title'), 'pk'))",
    f"listed({BOOKS}.order_by('title', '-pk').reverse())",
    f"listed({BOOKS}.order_by('pages').values_list('pages').distinct())",
    f"len({BOOKS}.order_by('?'))",
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
    f"{BOOKS}.filter(pages__gt=1).delete()",
    f"{BOOKS}.filter(author__name__gt='a').delete()",
    f"{BOOKS}.all().delete()",
    f"{AUTHORS}.get(pk=1).delete()",
    "Copy.objects.using(db).filter(shelf__isnull=True).delete()",
    "Copy.objects.using(db)._raw_delete(db) and None",
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

KEYS = [
    "Genre.objects.using(db).create(name='a').pk > 0",
    "(lambda a, b: b.pk > a.pk)("
    "*[Genre.objects.using(db).create(name=n) for n in 'ab'])",
    "Genre.objects.using(db).create(pk=500, name='a').pk",
    "(Genre.objects.using(db).create(pk=500, name='a'), "
    "Genre.objects.using(db).create(name='b').pk > 500)[1]",
    "Genre.objects.using(db).create(pk=1, name='a')",
    "Genre.objects.using(db).get(pk='2')",
    "Genre.objects.using(db).get(pk=-1)",
    "Genre.objects.using(db).filter(pk__in=[3, 1, 1]).count()",
    "Genre.objects.using(db).filter(pk__gt=2).count()",
    "Genre.objects.using(db).filter(pk=1).update(pk=400)",
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
]
# {section of the report: queries}, {section of the report: writes}
READS = {
    "ordering": ORDERING,
    "slicing": SLICING,
    "joins": JOINS,
    "aggregates": AGGREGATES,
}
CHANGES = {"writes": WRITES, "bulk": BULK, "keys": KEYS, "unique": UNIQUE}
