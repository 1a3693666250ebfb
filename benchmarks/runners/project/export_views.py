"""What the measurement `exports` adds to step 11: views without a login, and a storage that waits."""

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.http import JsonResponse

from exports import reaper
from exports.limits import request_export
from exports.models import Export
from exports.storage import DurableStorage
from library.models import Book
from runners.project import jobs


class HoldingStorage(DurableStorage):
    """Hold an export after its file was written, and before it is saved, until the benchmark lets it go on."""

    def _save(self, name, content):
        export = name.removeprefix("exports/")[:36]  # its id
        jobs.note("start", export)
        jobs.hold(export)
        return super()._save(name, content)


def run(request, key):
    """Start an export, as the site does after a click."""
    owner = User.objects.create_user(key, f"{key}@example.com")
    return JsonResponse({"id": request_export(owner, {}).pk}, status=202)


def state(request, id):
    export = Export.objects.select_related("owner", "delivery").get(pk=id)
    names = default_storage.listdir("exports")[1] if default_storage.exists("exports") else []
    emails = (settings.DATA_DIR / "mail").glob("*")
    found = {
        "state": export.state,
        "settled": export.is_settled,
        "error": export.error,
        "tries": export.tries_used,
        "files": sum(name.startswith(str(id)) for name in names),
        "emails": sum(f"<export-{id}@".encode() in path.read_bytes() for path in emails),
    }
    if export.file:
        with export.file.open() as file:
            found["complete"] = file.read().count(b",979") == Book.objects.count()
    return JsonResponse({"state": found})


def reap(request):
    """Do what the command reap_exports does each minute."""
    return JsonResponse({"overdue": reaper.reap()})
