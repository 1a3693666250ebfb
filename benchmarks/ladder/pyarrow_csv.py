"""Another reader and writer: ADBC's columns, and pyarrow's CSV writer. It quotes each text."""

import io
from pathlib import Path

import adbc_driver_sqlite.dbapi
import pyarrow.csv
from django.db import connection

QUERY = """
    SELECT title, name AS author, isbn, genre, language, published_on, pages, printf('%.2f', price) AS price
    FROM library_book JOIN library_author ON library_author.id = author_id ORDER BY library_book.id
"""


def chunks():
    address = Path(connection.settings_dict["NAME"]).absolute().as_uri() + "?mode=ro"
    with adbc_driver_sqlite.dbapi.connect(address) as database, database.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "2000"})
        cursor.execute(QUERY)
        reader, text = cursor.fetch_record_batch(), io.BytesIO()
        with pyarrow.csv.CSVWriter(text, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
                yield text.getvalue()
                text.seek(0)
                text.truncate()
