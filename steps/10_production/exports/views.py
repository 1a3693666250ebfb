"""What a reader does with exports: ask, look how far it is, download."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.paginator import Paginator
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Min
from django.http import FileResponse, Http404, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from exports import limits
from exports.models import Export, State
from exports.tasks import run_export
from library.filters import BookFilter, CsvOptions
from library.models import Book


class Login(LoginView):
    def dispatch(self, request, *args, **kwargs):
        # A session that ends while htmx asks for a part of a page: the login is a page of its own.
        return HttpResponseClientRefresh() if request.htmx else super().dispatch(request, *args, **kwargs)


@never_cache
@require_safe
def health(request):
    """For whoever watches the site.

    Exports that stay dead for more than a minute: the timer is not at work.
    A wait, in seconds, that keeps growing: no worker is, or there are too few.
    """
    waiting = Export.objects.filter(state=State.WAITING)
    try:
        dead = Export.objects.dead().count()
        since = waiting.aggregate(since=Min("heartbeat_at"))["since"]  # asked for, or put back into the queue
    except DatabaseError:
        return JsonResponse({"database": "away"}, status=503)
    wait = int((timezone.now() - since).total_seconds()) if since else 0
    return JsonResponse({"database": "ok", "dead_exports": dead, "longest_wait": wait})


@require_http_methods(["GET", "HEAD", "POST"])
def exports(request):
    return export_create(request) if request.method == "POST" else export_list(request)


def export_create(request):
    """Record what is asked for, start it, and answer at once; a bad filter is a 400 that names it."""
    names = [*BookFilter.base_filters, *CsvOptions.base_fields]
    given = {name: request.POST.get(name, "").strip() for name in names}
    filters = {name: value for name, value in given.items() if value}  # the same books are the same filters
    if not request.user.is_authenticated:  # the login leads back to the same books
        return redirect_to_login(f"{reverse('book-list')}?{urlencode(filters)}")
    book_filter, options = BookFilter(filters, Book.objects.all()), CsvOptions(filters)
    if not (book_filter.is_valid() and options.is_valid()):
        context = {"form": book_filter.form, "options": options}
        return render(request, "library/book_list.html", context, status=400)
    return ask_for(request, filters)


def ask_for(request, filters):
    """Answer with the page of the export, or with one that says why there is none."""
    try:
        with transaction.atomic():  # both, or neither
            export, new = limits.ask(request.user, filters)
            if new:
                run_export.enqueue(str(export.pk))  # the id and no more: what else there is to know may change
    except limits.Refused as refused:
        return refusal(request, refused)
    return redirect(export)


def refusal(request, refused):
    page = render(request, "exports/refused.html", {"reason": refused.reason}, status=refused.status)
    page.headers["Retry-After"] = refused.retry_after
    return page


@login_required
@never_cache
def export_list(request):
    mine = Export.objects.for_owner(request.user)
    mine.reap()
    pages = Paginator(mine, 50)
    return render(request, "exports/export_list.html", {"page": pages.get_page(request.GET.get("page"))})


@login_required
@never_cache
@require_safe
def export_detail(request, pk):
    """The export's page; for htmx, which asks every second, only the part that changes."""
    mine = Export.objects.for_owner(request.user).filter(pk=pk)
    mine.reap()
    export = get_object_or_404(mine)
    template = "exports/_export.html" if request.htmx else "exports/export_detail.html"
    return render(request, template, {"export": export})


@login_required
@never_cache
@require_safe
def export_download(request, pk):
    """The file, for its owner only."""
    export = get_object_or_404(Export.objects.for_owner(request.user), pk=pk, state=State.DONE)
    try:
        file = export.file.open()
    except FileNotFoundError:
        raise Http404("The file is gone.") from None
    return FileResponse(file, as_attachment=True, filename=export.name, content_type="text/csv; charset=utf-8")


def button(view):
    """A view behind a button on the export's page: `view(request, export)`, for the owner only."""

    @login_required
    @require_POST
    def pressed(request, pk):
        return view(request, get_object_or_404(Export.objects.for_owner(request.user), pk=pk))

    return pressed


@button
def export_cancel(request, export):
    export.cancel()
    return redirect(export)


@button
def export_retry(request, export):
    """The same books once more, as an export of its own."""
    return ask_for(request, export.filters)


@button
def export_mail(request, export):
    with transaction.atomic():
        if export.mail_again():
            run_export.enqueue(str(export.pk))  # it finds the export ended, and sends its mail
    return redirect(export)


@button
def export_delete(request, export):
    if Export.objects.busy().filter(pk=export.pk).exists():  # its process has yet to learn that it is not wanted
        reason = "This export is at work, or was a moment ago. Cancel it, and delete it in a minute."
        return refusal(request, limits.Refused(409, reason, 60))
    export.delete()
    return redirect("export-list")
