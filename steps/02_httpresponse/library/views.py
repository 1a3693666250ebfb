"""What a visitor of the library sees."""

from io import StringIO

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_safe

from library.book_csv import write_csv
from library.filters import BookFilter, CsvOptions
from library.models import Book
from library.pagination import Page, capped_count


@require_safe
def book_list(request):
    """A page of the books that match the filters; a bad filter is a 400 that names it."""
    book_filter = BookFilter(request.GET, Book.objects.select_related("author"))
    if not book_filter.is_valid():
        return render(request, "library/book_list.html", {"form": book_filter.form}, status=400)
    context = {
        "form": book_filter.form,
        "page": Page.from_request(request, book_filter.qs),
        "count": capped_count(book_filter.qs),
    }
    return render(request, "library/book_list.html", context)


@require_GET
def book_download(request):
    """The books that match the filters as a CSV file, sent when it is complete."""
    book_filter = BookFilter(request.GET, Book.objects.all())
    options = CsvOptions(request.GET)
    if not (book_filter.is_valid() and options.is_valid()):
        context = {"form": book_filter.form, "options": options}
        return render(request, "library/book_list.html", context, status=400)
    file = StringIO()
    write_csv(book_filter.qs, file, **options.cleaned_data)
    response = HttpResponse(file.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="books-{timezone.localdate()}.csv"'
    return response
