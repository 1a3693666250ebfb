"""The pages of the library."""

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from library.book_csv import csv_name, write_csv
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
    """Return the books that match the filters as a CSV file."""
    book_filter, options = BookFilter(request.GET, Book.objects.all()), CsvOptions(request.GET)
    if not (book_filter.is_valid() and options.is_valid()):
        return render(request, "library/book_list.html", {"form": book_filter.form}, status=400)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{csv_name()}"'
    if request.method == "HEAD":  # send only the headers, without Content-Length
        return StreamingHttpResponse(headers=response.headers)
    write_csv(book_filter.qs, response, **options.cleaned_data)
    return response
