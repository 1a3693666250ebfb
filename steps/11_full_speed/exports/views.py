"""The pages on which a user asks for an export, watches its progress, and downloads the file."""

from functools import wraps

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.files.storage import FileSystemStorage
from django.core.paginator import Paginator
from django.db import Error as DatabaseError
from django.db.models import Min
from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh, HttpResponseStopPolling

from exports.limits import Refused, request_export
from exports.models import ACTIVE, OVERDUE, Export, State
from library.filters import BookFilter
from library.models import Book


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def export_create(request):
    """Ask for a confirmation. Then start the export, and redirect to its page."""
    book_filter = BookFilter(request.GET, Book.objects.all())
    if not book_filter.is_valid():
        return render(request, "library/book_list.html", {"form": book_filter.form}, status=400)
    if request.method != "POST":
        return render(request, "exports/export_create.html", {"form": book_filter.form})
    # Cleaned values, because ?published_from=2001-1-1 and ?published_from=2001-01-01 are the same export.
    cleaned = {name: book_filter.form.cleaned_data[name] for name in book_filter.filters}
    return start(request, {name: str(value) for name, value in cleaned.items() if value})


def start(request, filters):
    """Start an export and redirect to its page, or say why it was refused."""
    try:
        return redirect(request_export(request.user, filters))
    except Refused as refused:
        page = render(request, "exports/refused.html", {"reason": refused.reason}, status=refused.status)
        page.headers["Retry-After"] = refused.retry_after
        return page


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
    """Show an export."""
    export = get_object_or_404(request.user.exports.select_related("owner", "delivery"), pk=pk)
    return render(request, "exports/export_detail.html", {"export": export})


@never_cache
@require_safe
def export_progress(request, pk):
    """Return the part of the page that changes. When the state has changed, tell htmx to reload the page."""
    if not request.user.is_authenticated:
        return HttpResponseClientRefresh()  # the page redirects to the login
    export = request.user.exports.select_related("owner", "delivery").filter(pk=pk).first()
    if export is None:
        return HttpResponseStopPolling("This export has been deleted.")
    if export.state != request.GET.get("state"):
        return HttpResponseClientRefresh()
    return render(request, "exports/_progress.html", {"export": export})


@login_required
@never_cache
@require_safe
def export_download(request, pk):
    """Return the file. Only the owner of an export can download it."""
    export = get_object_or_404(request.user.exports, pk=pk, state__in=[State.DONE, State.EXPIRED])
    if export.state == State.EXPIRED:  # the page with this link was open for days
        return render(request, "exports/export_detail.html", {"export": export}, status=410)
    if response := sent_by_others(export):
        return response
    try:
        file = export.file.open()
    except FileNotFoundError:
        raise Http404("The file has been deleted.") from None
    return FileResponse(file, as_attachment=True, filename=export.name, content_type="text/csv; charset=utf-8")


def sent_by_others(export):
    """Return a response that lets the bucket or nginx send the file, or None if Django has to."""
    name, disposition = export.file.name, f'attachment; filename="{export.name}"'
    if not isinstance(export.file.storage, FileSystemStorage):  # a bucket: the link works for an hour
        return redirect(export.file.storage.url(name, {"ResponseContentDisposition": disposition}))
    if folder := settings.EXPORT_ACCEL_URL.strip("/"):
        headers = {"X-Accel-Redirect": f"/{folder}/{name}", "Content-Disposition": disposition}
        return HttpResponse(headers=headers, content_type="text/csv; charset=utf-8")
    return None


def by_button(view):
    """Let POST call the view, and lead GET to the page of the export.

    If the session has ended, the button leads to the login, and from there the browser comes back with GET.
    """

    @login_required
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def wrapped(request, pk):
        return view(request, pk) if request.method == "POST" else redirect("export-detail", pk)

    return wrapped


@by_button
def export_cancel(request, pk):
    """Cancel the export, unless it has ended."""
    export = get_object_or_404(request.user.exports, pk=pk)
    export.cancel()
    return redirect(export)


@by_button
def export_retry(request, pk):
    """Start a new export with the same filters."""
    return start(request, get_object_or_404(request.user.exports, pk=pk).filters)


@by_button
def export_delete(request, pk):
    """Delete an export that has ended, and its file."""
    export = get_object_or_404(request.user.exports.exclude(ACTIVE), pk=pk)
    export.delete()
    export.file.delete(save=False)
    return redirect("export-list")


@never_cache
@require_safe
def health(request):
    """Tell a monitor how many exports are overdue, and for how many seconds the oldest one has been waiting.

    If the number of overdue exports doesn't go down, reap_exports isn't running. If the wait grows, there are too few
    workers.
    """
    try:
        overdue = Export.objects.filter(ACTIVE, OVERDUE).count()
        oldest = Export.objects.filter(state=State.WAITING).aggregate(Min("created_at"))["created_at__min"]
    except DatabaseError:
        return JsonResponse({"database": "unavailable"}, status=503)
    wait = int((timezone.now() - oldest).total_seconds()) if oldest else 0
    return JsonResponse({"database": "ok", "overdue_exports": overdue, "longest_wait": wait})
