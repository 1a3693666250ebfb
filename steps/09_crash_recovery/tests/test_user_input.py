"""What users type, and what the list makes of it. The later steps read the same filters from a query string."""

from urllib.parse import quote

import pytest

from library.factories import BookFactory

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.covers("library/filters.py", "library/views.py", "library/pagination.py"),
]

# The names of Unicode's normal forms. é is one character in NFC, and an e with an accent in NFD.
NFC, NFD = "Café de Flore", "Cafe\u0301 de Flore"
TITLES = [
    NFC,
    "Hawj\u0323an",
    "\u1e24ajj",
    "Ha\u0301i Phòng",
    "각하",
    "\u212bngström",
    "50% off",
    "C++ & more",
    "Αθήνα",
]
ALL = len(TITLES)


@pytest.mark.parametrize(
    "query, number",
    [
        (f"q={quote(NFC)}", 1),
        (f"q={quote(NFD)}", 1),
        ("q=H\u0323ajj", 1),  # stored as one character
        ("q=\u1e24AJJ", 1),
        ("q=j\u0323an", 1),  # there is no single character for this letter
        ("q=H\u00e1i", 1),  # stored with an accent
        ("q=Pho\u0300ng", 1),
        ("q=\u1100\u1161\u11a8", 1),  # the same Korean syllable in three parts
        ("q=\u212b", 1),  # the sign of the unit, which NFC changes into a letter
        ("q=50%25", 1),
        ("q=C%2B%2B+%26", 1),
        ("q=%20%20Caf%C3%A9%20%20", 1),
        ("q=%C3%28", 0),  # not UTF-8
        ("q=%F0%9F%93%9A", 0),
        ("q=_", 0),  # not a wildcard
        ("q=\\", 0),
        ("", ALL),
        ("q=&genre=&published_from=&published_to=", ALL),
        ("published_from=2001-1-1", ALL),
        ("published_from=%202001-01-01%20", ALL),
        ("published_from=0001-01-01&published_to=9999-12-31", ALL),
        ("genre=novel&genre=novel", ALL),
        ("after=99999999999999999999", 0),
        ("before=9223372036854775807", ALL),
    ],
)
def test_what_a_query_string_finds(client, query, number):
    for title in TITLES:
        BookFactory(title=title, author__name="Nobody", genre="novel", published_on="2010-01-01")
    answer = client.get("/books/", QUERY_STRING=quote(query, safe="%&=+"))
    assert answer.status_code == 200
    assert len(answer.context["page"].rows) == number


@pytest.mark.parametrize(
    "query, error",
    [
        ("genre=novel&genre=crime", "There is more than one value for genre."),
        ("q=a&q=b&q=c", "There is more than one value for q."),
        ("published_from=2001-01-01&published_from=", "There is more than one value for published_from."),
        ("gerne=novel&q=a&q=b", "There is no filter named gerne."),
        ("Q=a", "There is no filter named Q."),
        ("q%00=a", "There is no filter named"),
        ("<script>=1", "There is no filter named &lt;script&gt;."),
        ("genre=Novel", "(genre)"),
        ("genre=novel,crime", "(genre)"),
        (f"genre={'n' * 10_000}", "(genre)"),
        (f"q={'a' * 201}", "(q)"),
        ("q=a%00b", "(q)"),
        ("published_from=0000-01-01", "(published_from)"),
        ("published_from=10000-01-01", "(published_from)"),
        ("published_to=2001-02-29", "(published_to)"),
        ("published_to=01.02.2001", "(published_to)"),
        ("published_to=2001-01-01T00:00", "(published_to)"),
        ("published_from=2001-01-02&published_to=2001-01-01", "(published_to)"),
    ],
)
def test_what_a_query_string_cannot_ask_for(client, query, error):
    BookFactory()
    answer = client.get("/books/", QUERY_STRING=quote(query, safe="%&=+"))
    assert answer.status_code == 400
    assert error in answer.content.decode()


@pytest.mark.parametrize("charset", ["utf-8", "no-such-charset", "latin-1", "utf-16", "utf-7", ""])
def test_the_charset_of_a_request_without_a_body_changes_nothing(client, charset):
    BookFactory()
    answer = client.get("/books/", CONTENT_TYPE=f"text/plain; charset={charset}")
    assert answer.status_code == 200
