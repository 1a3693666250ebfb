"""A file in a bucket is downloaded from the bucket, with a link that works for a limited time."""

import httpx
import pytest

from tests.brokers import s3
from tests.exporting import logged_in

pytestmark = [pytest.mark.server, pytest.mark.services, pytest.mark.covers("exports/views.py", "config/storage.py")]


def test_the_owner_is_redirected_to_a_signed_link_of_the_bucket(library):
    with s3("exports") as (variables, bucket):
        library.variables |= variables
        export_id = library.add_export(genre="novel")
        done = library.manage("run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]')
        assert done.returncode == 0, done.stderr
        row, path = library.export(export_id), f"/exports/{export_id}/download/"
        assert bucket.get_object(Bucket="exports", Key=row["file"])["ContentLength"] == row["size"]
        with library.site() as site, logged_in(site) as client, logged_in(site, "other") as other:
            assert other.get(path).status_code == 404
            answer = client.get(path)
            assert (answer.status_code, answer.content) == (302, b"")
            link = httpx.URL(answer.headers["Location"])
            assert f"{link.scheme}://{link.netloc.decode()}" == variables["AWS_ENDPOINT_URL_S3"]
            assert "Signature" in str(link) and "no-store" in answer.headers["Cache-Control"]
        whole = httpx.get(link)  # without a cookie of the site
        assert whole.content.count(b",979") == row["rows_done"] and len(whole.content) == row["size"]
        assert 'attachment; filename="books-' in whole.headers["Content-Disposition"]
        part = httpx.get(link, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, whole.content[10:20])
