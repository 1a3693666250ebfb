"""The admin pages for librarians."""

from django import forms
from django.contrib import admin
from stdnum import isbn

from library.models import Author, Book


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin):
    search_fields = ["name"]


class BookForm(forms.ModelForm):
    """Accepts an ISBN as printed on the book, with hyphens or with only ten digits."""

    isbn = forms.CharField(label="ISBN", help_text="As printed on the book.")

    def clean_isbn(self):
        number = isbn.compact(self.cleaned_data["isbn"].upper().removeprefix("ISBN"))
        return isbn.to_isbn13(number) if isbn.is_valid(number) else number


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    form = BookForm
    list_display = ["title", "author", "isbn", "genre", "language", "published_on", "price"]
    list_filter = ["genre", "language", "published_on"]
    search_fields = ["title", "author__name", "isbn"]
    autocomplete_fields = ["author"]
    # Show "37 results" instead of "37 results (1000000 total)", which saves a count on each page.
    show_full_result_count = False
