"""The pages of the library."""

from django.http import StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from library.book_csv import csv_chunks, csv_name
from library.filters import BookFilter, CsvOptions
from library.models import Book
from library.pagination import Page, capped_count


@require_safe
def book_list(request):
    """Show a page of the books that match the filters. An invalid filter gets a 400 that names it."""
    book_filter = BookFilter(request.GET, Book.objects.select_related("author"))
    if not book_filter.is_valid():
        return render(request, "library/book_list.html", {"form": book_filter.form}, status=400)
    context = {
        "form": book_filter.form,
        "page": Page.from_request(request, book_filter.qs),
        "count": capped_count(book_filter.qs),
    }
    return render(request, "library/book_list.html", context)


@require_safe
def book_download(request):
    """Stream the books that match the filters as a CSV file."""
    book_filter, options = BookFilter(request.GET, Book.objects.all()), CsvOptions(request.GET)
    if not (book_filter.is_valid() and options.is_valid()):
        return render(request, "library/book_list.html", {"form": book_filter.form}, status=400)
    chunks = csv_chunks(book_filter.qs, **options.cleaned_data)
    if request.method == "HEAD":
        chunks = []  # send only the headers, and read no books
    response = StreamingHttpResponse(chunks, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{csv_name()}"'
    return response
