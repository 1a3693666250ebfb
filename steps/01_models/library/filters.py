"""The filters of the book list. Everything that selects books validates its filters here."""

from unicodedata import normalize

import django_filters
from django import forms
from django.db.models import Q

from library.models import Book, Genre

ISO_DATE = {
    "input_formats": ["%Y-%m-%d"],
    "error_messages": {"invalid": "Enter a date like 2001-12-31."},
    "widget": forms.DateInput(attrs={"type": "date"}),
}


# Names that a query string may have although they aren't filters.
OTHER_NAMES = {"after", "before"}


class BookFilterForm(forms.Form):
    def clean(self):
        # Without these checks a misspelt or repeated filter would be ignored, and the user would get other books.
        if unknown := sorted(set(self.data) - set(self.fields) - OTHER_NAMES):
            raise forms.ValidationError(f"There is no filter named {', '.join(unknown)}.")
        lists = self.data.lists() if hasattr(self.data, "lists") else []  # a dict has one value for each name
        if repeated := [name for name, values in lists if len(set(values)) > 1]:
            raise forms.ValidationError(f"There is more than one value for {', '.join(repeated)}.")
        first, last = self.cleaned_data.get("published_from"), self.cleaned_data.get("published_to")
        if first and last and first > last:
            self.add_error("published_to", "Enter a date that isn't before the first one.")


class BookFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label="Title or author", method="search", max_length=200)
    genre = django_filters.ChoiceFilter(label="Genre", choices=Genre, empty_label="Any")
    published_from = django_filters.DateFilter("published_on", "gte", label="Published from", **ISO_DATE)
    published_to = django_filters.DateFilter("published_on", "lte", label="Published to", **ISO_DATE)

    class Meta:
        model = Book
        form = BookFilterForm
        fields = []

    def search(self, books, name, value):
        # On SQLite, icontains ignores the case of ASCII letters only: Ω is not ω there.
        found = Q()
        # Unicode can write é as one character (NFC), or as an e and an accent (NFD). Find both.
        for text in {value, normalize("NFC", value), normalize("NFD", value)}:
            found |= Q(title__icontains=text) | Q(author__name__icontains=text)
        return books.filter(found)
