"""The pages on which a user asks for an export, watches its progress, and downloads the file."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import transaction
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from exports.models import Export, State
from exports.tasks import run_export
from library.filters import BookFilter
from library.models import Book


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def export_create(request):
    """Ask for a confirmation. Then record the export, start it, and redirect to its page."""
    book_filter = BookFilter(request.GET, Book.objects.all())
    if not book_filter.is_valid():
        return render(request, "library/book_list.html", {"form": book_filter.form}, status=400)
    if request.method != "POST":
        return render(request, "exports/export_create.html", {"form": book_filter.form})
    filters = {name: request.GET[name] for name in book_filter.filters if request.GET.get(name)}
    with transaction.atomic():  # both rows are saved, or neither
        export = Export.objects.create(owner=request.user, filters=filters)
        run_export.enqueue(str(export.pk))
    return redirect(export)


@login_required
@never_cache
@require_safe
def export_list(request):
    """Show the user's exports, the newest first."""
    pages = Paginator(request.user.exports.all(), 50)
    return render(request, "exports/export_list.html", {"page": pages.get_page(request.GET.get("page"))})


@login_required
@never_cache
@require_safe
def export_detail(request, pk):
    """Show an export. htmx asks every second, and gets only the part of the page that changes."""
    export = get_object_or_404(request.user.exports, pk=pk)
    template = "exports/_export.html" if request.htmx else "exports/export_detail.html"
    return render(request, template, {"export": export})


@login_required
@never_cache
@require_safe
def export_download(request, pk):
    """Return the file. Only the owner of an export can download it."""
    export = get_object_or_404(request.user.exports, pk=pk, state=State.DONE)
    try:
        file = export.file.open()
    except FileNotFoundError:
        raise Http404("The file has been deleted.") from None
    return FileResponse(file, as_attachment=True, filename=export.name, content_type="text/csv; charset=utf-8")
