"""Made-up books for the tests and for `seed_books`."""

from datetime import date
from decimal import Decimal

import factory
from stdnum import ean

from library.models import Author, Book, Genre, Language

# Titles and authors that break a naive CSV export. Each seeded library has these books. Their price is 0.00,
# which must not become an empty value.
AWKWARD = [
    ('The "Quoted" Garden', 'Flann "Myles" O\'Brien'),
    ("Eats, Shoots, Leaves", "Truss, Lynne"),
    ("One; Two; Three", "Semi; Colon"),
    ("A Line\nand Another", "Two\r\nLines"),
    ("Tabs\tIn\tBetween", "\tLeading Tab"),
    ("A Lone\rReturn", "Return\rInside"),
    ("No Author", ""),
    ("1984", "007"),
    ("November 9", "3/4"),
    (R"\.", R"\N"),
    ('=HYPERLINK("https://example.com";"Click")', "=1+1"),
    ("+44 Short Stories", "+Plus"),
    ("-1 and Other Numbers", "-Minus"),
    ("@home in the World", "@handle"),
    ("Semicolon;=1+2;and more", "x;=1+1;y"),
    ("Tab\t=1+3\tand more", "x\t@SUM(1)"),
    ("Line\n+1+4\nand more", "x\r\n-1+5"),
    ("Return\r=1+6", "x;+1;-2;@3"),
    ("1=1 and a-b", "Jean-Paul @home"),
    ("\tIndented", "\rReturned"),
    ("Η Οδύσσεια", "Νίκος Καζαντζάκης"),
    ("أولاد حارتنا", "نجيب محفوظ"),
    ("红楼梦", "曹雪芹"),
    ("📚 Books 👩‍🚀 in Space", "Zoë Ångström"),
    ("Long " * 39 + "Title", "Hubert " * 20 + "Wolfe"),
    ("  Spaces around  ", "  O’Curly ‘Quote’ "),
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
    """Return a title for a number from 0 up. There are 13,824 different ones."""
    number = number * 7919 % 13_824  # meets each number once, in no visible order
    return f"{ADJECTIVES[number % 24]} {NOUNS[number // 24 % 24]} of {PLACES[number // 576]}"


def fake_isbn(number):
    """Return the ISBN for a number from 0 to 99,999,999, in a range (979-9) that no publisher has."""
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
    """Return the awkward books with their authors, unsaved."""
    return [
        BookFactory.build(title=title, author=AuthorFactory.build(name=name), price=Decimal("0.00"))
        for title, name in AWKWARD
    ]
