"""Values that nobody should send, and exports that have them as their filters."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = st.text(max_size=300) | st.sampled_from(
    [
        "\x00",
        "'; DROP TABLE library_book; --",
        "%00",
        "..%2f..",
        "9" * 400,
        "-1",
        "2001-02-30",
        "\ud800".encode("utf-8", "replace").decode(),
        "=1+1",
        "{{ 7 * 7 }}",
        "<script>",
    ]
)
NAMES = st.sampled_from(
    ["q", "genre", "published_from", "published_to", "raw", "bom", "after", "before", "page", "next"]
)
FIELDS = st.dictionaries(NAMES | st.text(max_size=20), TEXT, max_size=6)
WITHOUT_NUL = TEXT.map(lambda text: text.replace("\0", ""))  # which no column of PostgreSQL can hold
STORED = WITHOUT_NUL | st.none() | st.integers() | st.lists(WITHOUT_NUL, max_size=3)
SENTENCES = ["", "These filters cannot be used (any more).", "Something went wrong. We have it in our log."]


def run(cases):
    """Make exports with such filters; print how many."""
    from django.contrib.auth.models import User

    from exports import job
    from exports.models import Export
    from library.models import Book

    Book.objects.filter(pk__gt=3).delete()
    made = 0

    @settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(filters=st.dictionaries(NAMES | WITHOUT_NUL, STORED, max_size=5))
    def one(filters):
        nonlocal made
        export = Export.objects.create(owner=User.objects.get(username="other"), filters=filters)
        job.run(export)
        assert export.state == ("done" if export.sha256 else "failed")
        assert export.error in SENTENCES, export.error
        made += 1

    User.objects.filter(username="other").update(email="")  # no mail
    one()
    print(made)
