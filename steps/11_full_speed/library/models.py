"""The library's tables: authors and their books."""

from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Cast, Length
from django.db.models.lookups import Exact, Range
from stdnum import isbn
from stdnum.exceptions import ValidationError as InvalidNumber


def validate_isbn(value):
    """Raise ValidationError unless the value is an ISBN of 13 digits with the right check digit."""
    try:
        valid = isbn.validate(value, convert=True) == value
    except InvalidNumber:
        valid = False
    if not valid:
        raise ValidationError("%(value)s is not a valid ISBN of 13 digits.", params={"value": value})


ISBNS = (9780000000000, 9799999999999)  # as numbers, because all ISBNs begin with 978 or 979
DATES = (date.min, date.max)  # PostgreSQL has dates outside of this range, which Python can't read
PRICES = (Decimal(0), Decimal("999999.99"))  # PostgreSQL also has NaN, which isn't in this range


class Author(models.Model):
    name = models.CharField(max_length=200, db_index=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Genre(models.TextChoices):
    CHILDREN = "children", "Children's book"
    CRIME = "crime", "Crime"
    HISTORY = "history", "History"
    NOVEL = "novel", "Novel"
    POETRY = "poetry", "Poetry"
    SCIENCE = "science", "Science"


class Language(models.TextChoices):
    ARABIC = "ar", "Arabic"
    CHINESE = "zh", "Chinese"
    ENGLISH = "en", "English"
    FRENCH = "fr", "French"
    GERMAN = "de", "German"
    GREEK = "el", "Greek"
    SPANISH = "es", "Spanish"


class Book(models.Model):
    title = models.CharField(max_length=300)
    author = models.ForeignKey(Author, on_delete=models.PROTECT, related_name="books")
    isbn = models.CharField("ISBN", max_length=13, unique=True, validators=[validate_isbn])
    genre = models.CharField(max_length=10, choices=Genre)
    language = models.CharField(max_length=2, choices=Language)
    published_on = models.DateField()
    pages = models.PositiveIntegerField(validators=[MinValueValidator(1), MaxValueValidator(99_999)])
    price = models.DecimalField(max_digits=8, decimal_places=2, validators=[MinValueValidator(0)])

    class Meta:
        # The order in which the books were added. Each list and each file has this order.
        ordering = ["pk"]
        indexes = [
            models.Index("genre", name="book_genre"),
            models.Index("published_on", name="book_published_on"),
        ]
        constraints = [
            models.CheckConstraint(condition=Exact(Length("isbn"), 13), name="book_isbn_is_13_long"),
            models.CheckConstraint(
                condition=Range(Cast("isbn", models.BigIntegerField()), ISBNS), name="book_isbn_is_digits"
            ),
            models.CheckConstraint(condition=models.Q(genre__in=Genre.values), name="book_genre_is_known"),
            models.CheckConstraint(condition=models.Q(language__in=Language.values), name="book_language_is_known"),
            models.CheckConstraint(condition=models.Q(pages__range=(1, 99_999)), name="book_pages_are_plausible"),
            models.CheckConstraint(condition=models.Q(price__range=PRICES), name="book_price_is_plausible"),
            models.CheckConstraint(condition=models.Q(published_on__range=DATES), name="book_date_is_plausible"),
        ]

    def __str__(self):
        return self.title
