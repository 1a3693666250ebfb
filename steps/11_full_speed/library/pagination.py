"""Keyset pagination. The last page of a million rows is as fast as the first."""

from django import forms
from django.http import Http404

PAGE_SIZE = 25
COUNT_LIMIT = 10_000


class CursorForm(forms.Form):
    after = forms.IntegerField(required=False, min_value=0)
    before = forms.IntegerField(required=False, min_value=0)


class Page:
    """The 25 rows after (or before) a primary key, of a queryset that is ordered by primary key.

    OFFSET 999975 makes the database read and skip 999,975 rows. `pk > 999975` starts at that row.
    """

    beyond = 2**63 - 1  # ?before= with this number is the last page, because no primary key is larger

    def __init__(self, queryset, after=None, before=None):
        if before is None:
            rows = list(queryset.filter(pk__gt=after or 0)[: PAGE_SIZE + 1])
            self.rows = rows[:PAGE_SIZE]
            self.has_previous, self.has_next = bool(after), len(rows) > PAGE_SIZE
        else:
            rows = list(queryset.filter(pk__lt=before).reverse()[: PAGE_SIZE + 1])
            self.rows = rows[:PAGE_SIZE][::-1]
            self.has_previous, self.has_next = len(rows) > PAGE_SIZE, queryset.filter(pk__gte=before).exists()

    @classmethod
    def from_request(cls, request, queryset):
        """Return the page that ?after= or ?before= asks for. Raise Http404 if the value isn't a number."""
        form = CursorForm(request.GET)
        if not form.is_valid():
            raise Http404("after and before must be numbers")
        return cls(queryset, **form.cleaned_data)


def capped_count(queryset):
    """Return the number of rows as text. Counting stops after 10,000 rows: "1,234" or "10,000+"."""
    count = queryset.order_by()[: COUNT_LIMIT + 1].count()
    return f"{count:,}" if count <= COUNT_LIMIT else f"{COUNT_LIMIT:,}+"
