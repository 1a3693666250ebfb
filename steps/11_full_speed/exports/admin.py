"""The exports of all users, for librarians. They can be read and deleted, but not changed."""

from django.contrib import admin

from exports.models import Delivery, Export


class DeliveryInline(admin.TabularInline):
    model = Delivery
    fields = readonly_fields = ["claimed_at", "sent_at", "error"]
    can_delete = False


@admin.register(Export)
class ExportAdmin(admin.ModelAdmin):
    list_display = ["created_at", "owner", "state", "tries_left", "rows_done", "rows_total", "error"]
    list_filter = ["state", "created_at"]
    exclude = ["file"]  # only the owner can download it
    inlines = [DeliveryInline]

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False
