"""What a reader does with exports: ask, look how far it is, download."""

import logging

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.paginator import Paginator
from django.db import transaction
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from exports import runners
from exports.models import Export, State
from library.filters import BookFilter, CsvOptions
from library.models import Book

logger = logging.getLogger(__name__)


class Login(LoginView):
    def dispatch(self, request, *args, **kwargs):
        # A session that ends while htmx asks for a part of a page: the login is a page of its own.
        return HttpResponseClientRefresh() if request.htmx else super().dispatch(request, *args, **kwargs)


@require_http_methods(["GET", "HEAD", "POST"])
def exports(request):
    return export_create(request) if request.method == "POST" else export_list(request)


def export_create(request):
    """Record what is asked for, start it, and answer at once; a bad filter is a 400 that names it."""
    names = [*BookFilter.base_filters, *CsvOptions.base_fields]
    filters = {name: request.POST[name] for name in names if request.POST.get(name)}
    if not request.user.is_authenticated:  # the login leads back to the same books
        return redirect_to_login(f"{reverse('book-list')}?{urlencode(filters)}")
    book_filter, options = BookFilter(filters, Book.objects.all()), CsvOptions(filters)
    if not (book_filter.is_valid() and options.is_valid()):
        context = {"form": book_filter.form, "options": options}
        return render(request, "library/book_list.html", context, status=400)
    export = Export.objects.create(owner=request.user, filters=filters)
    transaction.on_commit(lambda: start(export))  # not before its process can find it
    return redirect(export)


def start(export):
    """Have the job run, somewhere else. If that cannot be, the export has failed, and its owner reads so."""
    try:
        runners.chosen().start(export)
    except Exception:  # each runner has errors of its own
        logger.exception("Export %s could not be started.", export.pk)
        if export.fail("The export could not be started. Please try again later."):
            export.mailed(error="No mail was sent.")


@login_required
@never_cache
def export_list(request):
    pages = Paginator(Export.objects.for_owner(request.user), 50)
    return render(request, "exports/export_list.html", {"page": pages.get_page(request.GET.get("page"))})


@login_required
@never_cache
@require_safe
def export_detail(request, pk):
    """The export's page; for htmx, which asks every second, only the part that changes."""
    export = get_object_or_404(Export.objects.for_owner(request.user), pk=pk)
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
