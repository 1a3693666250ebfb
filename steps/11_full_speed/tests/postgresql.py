"""A PostgreSQL server with data. The data is made once on this machine, and copied."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

from tests.databases import TABLES, kept
from tests.exporting import add_users
from tests.servers import manage, postgresql, program


@contextmanager
def seeded_postgresql(books):
    """Run a server with this step's tables, that many books, and the users. Yield the URL of its database."""

    def make(folder):
        with postgresql() as url:
            for arguments in (["migrate", "-v0"], ["seed_books", books, "-v0"]):
                done = manage(url, *arguments)
                assert done.returncode == 0, done.stderr
            add_users(url)
            copy = program("pg_basebackup", *Path("/usr/lib/postgresql").glob("*/bin"))
            subprocess.run([copy, "--pgdata", folder / "data", "--dbname", url, "--checkpoint=fast"], check=True)

    with postgresql(kept(f"postgresql-{books}", make, TABLES) / "data") as url:
        yield url
