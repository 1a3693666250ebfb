"""How an export reaches its owner: the mail, on a real mail server."""

import base64
import io
import re
import zipfile

import pytest

from tests.servers import free_port, smtp

pytestmark = [pytest.mark.services, pytest.mark.covers("exports/job.py", "exports/models.py", "exports/delivery.py")]


@pytest.fixture
def mailing(library):
    """Runs an export and gives its id and the mails that came of it."""

    def run(filters=None, limit=10_000_000, size_limit=None):
        with smtp(size_limit) as (library.mail_server, mails):
            library.mail_limit = limit
            (export_id,) = library.new_exports(filters or {})
            library.manage("run_export", export_id)
        return export_id, mails

    return run


def attachments(mail):
    return {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}


def unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = archive.namelist()
        return name, archive.read(name)


def test_a_small_file_is_attached_as_it_is(mailing, library):
    export_id, (mail,) = mailing({"genre": "novel"})
    ((name, content),) = attachments(mail).items()
    assert re.fullmatch(r"books-\d{4}-\d\d-\d\d\.csv", name)
    assert content == library.files()[0].read_bytes()
    assert (mail["To"], mail["Message-ID"]) == ("reader@example.com", f"<export-{export_id}@127.0.0.1>")
    assert f"/exports/{export_id}/" in mail.get_body().get_content()
    assert library.row(export_id)["mail_sent_at"]


def test_a_larger_one_is_zipped_and_the_largest_is_a_link(mailing, library):
    """At each border, to a mail server that takes as many bytes as the setting says and not one more."""
    export_id, (mail,) = mailing()
    size = library.row(export_id)["size"]
    as_sent = len(base64.encodebytes(library.files()[0].read_bytes()).replace(b"\n", b"\r\n"))
    assert 1.36 < as_sent / size < 1.38
    kinds = []
    for limit in (as_sent + 5_000, as_sent - 1, as_sent // 3, as_sent // 10):
        export_id, (mail,) = mailing(limit=limit, size_limit=limit)
        kinds.append([name.rpartition(".")[2] for name in attachments(mail)])
        if kinds[-1] == ["zip"]:
            ((name, data),) = attachments(mail).items()
            assert unzipped(data) == (name.removesuffix(".zip"), library.files()[0].read_bytes())
        assert library.row(export_id)["mail_sent_at"]
    assert kinds == [["csv"], ["zip"], ["zip"], []]
    assert "too large for a mail" in mail.get_body().get_content()


def test_a_failure_is_mailed_too(mailing, library):
    library.change("ALTER TABLE library_book RENAME TO elsewhere")
    export_id, (mail,) = mailing()
    assert mail["Subject"] == "Your export failed"
    assert "There was a problem with the database." in mail.get_body().get_content()
    assert attachments(mail) == {}
    library.change("ALTER TABLE elsewhere RENAME TO library_book")
    assert mailing()[1][0]["Subject"] == "Your export of 20,000 books"


def test_a_mail_server_that_is_down_does_not_undo_the_export(library):
    library.mail_server = f"smtp://127.0.0.1:{free_port()}"
    (export_id,) = library.new_exports()
    done = library.manage("run_export", export_id)
    row = library.row(export_id)
    assert (done.returncode, row["state"], len(library.files())) == (0, "done", 1)
    assert (row["mail_sent_at"], row["mail_error"]) == (None, "The mail could not be sent.")
    assert "refused" in done.stderr  # the log says why


def test_the_mail_is_sent_once(mailing, library):
    export_id, mails = mailing()
    assert len(mails) == 1
    library.change("UPDATE exports_export SET state = 'waiting'")  # as a second delivery would find it
    with smtp() as (library.mail_server, more):
        assert library.manage("run_export", export_id).returncode == 0
    assert library.row(export_id)["state"] == "done" and more == []


def test_nothing_that_a_reader_writes_becomes_a_header(mailing, library):
    nasty = "x\r\nBcc: victim@example.com\r\n\r\nHello"
    export_id, (mail,) = mailing({"q": nasty})
    assert mail["Bcc"] is None and mail["To"] == "reader@example.com"
    library.change("UPDATE auth_user SET email = ?", "reader@example.com\nBcc: victim@example.com")
    export_id, mails = mailing()
    assert mails == []
    row = library.row(export_id)
    assert (row["state"], row["mail_sent_at"], row["mail_error"]) == ("done", None, "The mail could not be sent.")


def test_an_owner_without_an_address_gets_no_mail(mailing, library):
    assert len(mailing()[1]) == 1
    library.change("UPDATE auth_user SET email = ''")
    export_id, mails = mailing()
    assert mails == [] and library.row(export_id)["state"] == "done"
