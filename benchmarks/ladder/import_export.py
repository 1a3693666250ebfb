"""django-import-export, used as its documentation says."""

from import_export import fields, resources

from library.models import Book


class BookResource(resources.ModelResource):
    author = fields.Field(attribute="author__name", column_name="author")

    class Meta:
        model = Book
        fields = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]
        export_order = fields


def chunks():
    books = Book.objects.select_related("author").order_by("pk")
    yield BookResource().export(books).csv.encode()
