"""The librarian's side: search, filters, and an ISBN typed as it is printed."""

import pytest
from django.test import Client
from django.urls import reverse

from library.factories import AuthorFactory, BookFactory
from library.models import Book

pytestmark = pytest.mark.django_db

BOOKS = "admin:library_book_changelist"


@pytest.mark.parametrize(
    "query, found",
    [
        ({"q": "dispossessed"}, True),
        ({"q": "ursula"}, True),
        ({"q": "9780061054884"}, True),
        ({"genre__exact": "novel"}, True),
        ({"genre__exact": "crime"}, False),
        ({"language__exact": "el"}, False),
        ({"q": "tolkien"}, False),
    ],
)
def test_search_and_filters(admin_client, query, found):
    author = AuthorFactory(name="Ursula K. Le Guin")
    BookFactory(title="The Dispossessed", author=author, isbn="9780061054884", genre="novel", language="en")
    response = admin_client.get(reverse(BOOKS), query)
    assert response.status_code == 200
    assert ("The Dispossessed" in response.content.decode()) is found


def test_a_page_of_books_costs_few_queries(admin_client, django_assert_max_num_queries):
    BookFactory.create_batch(100)
    with django_assert_max_num_queries(5):
        assert admin_client.get(reverse(BOOKS)).status_code == 200


@pytest.mark.parametrize("typed", ["978-0-06-105488-4", "0-06-105488-7", " 9780061054884 ", "ISBN 978-0-06-105488-4"])
def test_an_isbn_may_be_typed_as_it_is_printed(admin_client, typed):
    assert add_book(admin_client, isbn=typed).status_code == 302
    assert Book.objects.get().isbn == "9780061054884"


def test_a_wrong_isbn_is_refused_beside_its_field(admin_client):
    response = add_book(admin_client, isbn="978-0-06-105488-5")
    assert response.status_code == 200
    assert "isbn" in response.context["adminform"].form.errors
    assert Book.objects.count() == 0


def test_visitors_have_no_admin(client, admin_client):
    assert admin_client.get(reverse(BOOKS)).status_code == 200
    assert client.get(reverse(BOOKS)).status_code == 302


def test_a_form_from_before_the_last_login_gets_a_page_that_says_what_to_do():
    answer = Client(enforce_csrf_checks=True).post("/admin/login/")  # each login changes the token of all forms
    assert answer.status_code == 403 and "<h1>Please try again</h1>" in answer.content.decode()


def add_book(admin_client, isbn):
    form = {
        "title": "The Dispossessed",
        "author": AuthorFactory().pk,
        "isbn": isbn,
        "genre": "novel",
        "language": "en",
        "published_on": "1974-05-01",
        "pages": "341",
        "price": "9.50",
    }
    return admin_client.post(reverse("admin:library_book_add"), form)
