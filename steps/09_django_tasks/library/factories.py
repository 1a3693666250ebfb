"""Books out of nothing, for the tests and for `seed_books`."""

from datetime import date
from decimal import Decimal

import factory
from stdnum import ean

from library.models import Author, Book, Genre, Language

# Title and author of the books that break a naive CSV. Every seeded library has them,
# and has them at no price: 0.00 must not read as empty.
AWKWARD = [
    ('The "Quoted" Garden', 'Flann "Myles" O\'Brien'),
    ("Eats, Shoots, Leaves", "Truss, Lynne"),
    ("One; Two; Three", "Semi; Colon"),
    ("A Line\nand Another", "Two\r\nLines"),
    ("Tabs\tIn\tBetween", "\tLeading Tab"),
    ('=HYPERLINK("https://example.com";"Click")', "=1+1"),
    ("+44 Short Stories", "+Plus"),
    ("-1 and Other Numbers", "-Minus"),
    ("@home in the World", "@handle"),
    ("\tIndented", "\rReturned"),
    ("Η Οδύσσεια", "Νίκος Καζαντζάκης"),
    ("أولاد حارتنا", "نجيب محفوظ"),
    ("红楼梦", "曹雪芹"),
    ("📚 Books 👩‍🚀 in Space", "Zoë Ångström"),
    ("Long " * 39 + "Title", "Hubert " * 20 + "Wolfe"),
    ("  Spaces around  ", "O’Curly ‘Quote’"),
]

# fmt: off
ADJECTIVES = [
    "Amber", "Bitter", "Borrowed", "Broken", "Crooked", "Distant", "Drowned", "Empty", "Forgotten", "Gentle",
    "Golden", "Hidden", "Hollow", "Last", "Lonely", "Lost", "Paper", "Patient", "Quiet", "Restless",
    "Salt", "Silver", "Unwritten", "Winter",
]
NOUNS = [
    "Archive", "Atlas", "Bridge", "Cartographer", "Clockmaker", "Daughter", "Garden", "Harbour", "House", "Island",
    "Lantern", "Letter", "Lighthouse", "Map", "Museum", "Orchard", "Piano", "River", "Sea", "Season",
    "Shadow", "Shepherd", "Station", "Tower",
]
PLACES = [
    "Aleppo", "Athens", "Bergen", "Bologna", "Cadiz", "Coimbra", "Cordoba", "Cracow", "Delft", "Ghent",
    "Granada", "Kyoto", "Leiden", "Lisbon", "Ljubljana", "Lviv", "Oaxaca", "Odessa", "Ostrava", "Porto",
    "Riga", "Smyrna", "Tbilisi", "Valletta",
]
# fmt: on


def fake_title(number):
    """A title for each number from 0 up; 13,824 different ones."""
    number = number * 7919 % 13_824  # a walk that meets each once, in no visible order
    return f"{ADJECTIVES[number % 24]} {NOUNS[number // 24 % 24]} of {PLACES[number // 576]}"


def fake_isbn(number):
    """An ISBN for each number from 0 to 99,999,999, in a range (979-9) that no publisher has."""
    digits = f"9799{number:08}"
    return digits + ean.calc_check_digit(digits)


class AuthorFactory(factory.django.DjangoModelFactory):
    name = factory.Faker("name")

    class Meta:
        model = Author


class BookFactory(factory.django.DjangoModelFactory):
    title = factory.Sequence(fake_title)
    author = factory.SubFactory(AuthorFactory)
    isbn = factory.Sequence(fake_isbn)
    genre = factory.Faker("random_element", elements=Genre.values)
    language = factory.Faker("random_element", elements=Language.values)
    published_on = factory.Faker("date_between_dates", date_start=date(1900, 1, 1), date_end=date(2025, 12, 31))
    pages = factory.Faker("random_int", min=24, max=960)
    price = factory.Faker("random_element", elements=[Decimal(cents) / 100 for cents in range(0, 6000, 5)])

    class Meta:
        model = Book


def awkward_books():
    """The awkward books and their authors, not yet saved."""
    return [
        BookFactory.build(title=title, author=AuthorFactory.build(name=name), price=Decimal("0.00"))
        for title, name in AWKWARD
    ]
