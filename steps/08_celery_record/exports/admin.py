"""Where a librarian sees how the exports of all readers are doing."""

from django.contrib import admin

from exports.models import Export


@admin.register(Export)
class ExportAdmin(admin.ModelAdmin):
    list_display = ["created_at", "owner", "state", "attempt", "rows_done", "rows_total", "error", "mail_sent_at"]
    list_filter = ["state", "created_at"]
    exclude = ["file"]  # it is for its owner, and so is the page
    view_on_site = False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False
