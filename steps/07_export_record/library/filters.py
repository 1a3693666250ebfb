"""What a visitor may ask for. Every way to get books validates its filters here."""

import django_filters
from django import forms
from django.db.models import Q

from library.models import Book, Genre

ISO_DATE = {
    "input_formats": ["%Y-%m-%d"],
    "error_messages": {"invalid": "Enter a date like 2001-12-31."},
    "widget": forms.DateInput(attrs={"type": "date"}),
}


class BookFilterForm(forms.Form):
    def clean(self):
        first, last = self.cleaned_data.get("published_from"), self.cleaned_data.get("published_to")
        if first and last and first > last:
            self.add_error("published_to", "Must not be before the first date.")


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
        return books.filter(Q(title__icontains=value) | Q(author__name__icontains=value))


SWITCH = {
    "choices": [("0", "No"), ("1", "Yes")],
    "coerce": lambda value: value == "1",
    "empty_value": False,
    "required": False,
}


class CsvOptions(forms.Form):
    """How a download is written: ?raw=1 leaves formulas as they are, ?bom=1 is for Excel."""

    raw = forms.TypedChoiceField(**SWITCH)
    bom = forms.TypedChoiceField(**SWITCH)
