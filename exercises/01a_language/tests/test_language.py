"""Exercise 01a: the list is filtered by language."""

import pytest

from library.factories import BookFactory

pytestmark = pytest.mark.django_db


def titles(response):
    return [book.title for book in response.context["page"].rows]


def test_the_list_is_filtered_by_language(client):
    BookFactory(title="Odyssey", language="el", genre="poetry")
    BookFactory(title="Zorba", language="el", genre="novel")
    BookFactory(title="Faust", language="de", genre="poetry")
    assert titles(client.get("/books/", {"language": "el"})) == ["Odyssey", "Zorba"]
    assert titles(client.get("/books/", {"language": "el", "genre": "novel"})) == ["Zorba"]
    assert len(titles(client.get("/books/", {"language": ""}))) == 3


def test_a_language_that_does_not_exist_gets_a_400(client):
    BookFactory(language="el")
    response = client.get("/books/", {"language": "tlh"})
    assert response.status_code == 400
    assert "(language)" in response.content.decode()
