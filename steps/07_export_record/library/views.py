"""What a visitor of the library sees."""

from django.http import StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from library.book_csv import csv_chunks, csv_name
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
    """The books that match the filters as a CSV file, sent while it is read from the table."""
    book_filter = BookFilter(request.GET, Book.objects.all())
    options = CsvOptions(request.GET)
    if not (book_filter.is_valid() and options.is_valid()):
        context = {"form": book_filter.form, "options": options}
        return render(request, "library/book_list.html", context, status=400)
    chunks = csv_chunks(book_filter.qs, **options.cleaned_data)
    response = StreamingHttpResponse(chunks, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{csv_name()}"'
    return response
