"""The pages on which a user asks for an export and downloads its file."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.core.signing import BadSignature
from django.http import FileResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from exports.links import signer
from exports.runners import CannotStart, start_export
from library.filters import BookFilter
from library.models import Book


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def export_create(request):
    """Ask for a confirmation, then start the export and answer immediately."""
    book_filter = BookFilter(request.GET, Book.objects.all())
    if not book_filter.is_valid():
        return render(request, "library/book_list.html", {"form": book_filter.form}, status=400)
    if request.method != "POST" or not request.user.email:
        return render(request, "exports/export_create.html", {"form": book_filter.form})
    try:
        start_export(request.user.email, request.GET.dict())
    except CannotStart:
        return render(request, "exports/cannot_start.html", status=503)
    return render(request, "exports/export_started.html", status=202)


@require_safe
def export_file(request, token):
    """Return the file of a signed link. Anyone who has the link can download the file."""
    max_age = timedelta(days=settings.EXPORT_RETENTION_DAYS)
    try:
        name = signer.unsign(token, max_age=max_age)
        file = default_storage.open(f"exports/{name}")
    except (BadSignature, FileNotFoundError):
        return render(request, "exports/link_expired.html", status=404)
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
