"""`tutorial record`, `diagrams` and `constraints`, typed in a copy of the repository that they may write to."""

import shutil
import subprocess

import pytest

from tests.test_house import VERSION
from tutorial.site import record
from tutorial.site.diagrams import mark

pytestmark = pytest.mark.slow

NO_NETWORK = ("Could not connect", "error sending request", "Failed to fetch", "ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN")


@pytest.fixture(scope="module")
def copy():
    """A copy of the repository, with the command `tutorial`, and known to git."""
    with record.fresh_copy() as root:
        for command in (["init", "--quiet"], ["add", "."]):
            subprocess.run(["git", *command], cwd=root, check=True)
        yield root


def tutorial(copy, *arguments):
    return run(copy, copy / ".venv" / "bin" / "tutorial", *arguments)


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode and any(words in done.stderr for words in NO_NETWORK):
        pytest.skip("what this asks on the network does not answer")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_a_chapter_prints_is_recorded(copy):
    chapter = copy / "docs" / "01_models.md"
    right = chapter.read_text("utf-8")
    chapter.write_text(right.replace("The library: the library has", "What it printed once: the library has"), "utf-8")
    assert record.normalised(chapter.read_text("utf-8")) != record.normalised(right)
    assert tutorial(copy, "record", "01") == "01_models.md: rewritten\n"
    assert record.normalised(chapter.read_text("utf-8")) == record.normalised(right)


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which brings mermaid")
def test_a_diagram_is_drawn_from_its_source(copy):
    folder = copy / "docs" / "assets" / "diagrams"
    source = folder / "stream.mmd"
    source.write_text(source.read_text("utf-8") + "    Note over reader: quite new\n", "utf-8")
    run(copy, "npm", "pack", "--silent", "mermaid@12")
    (archive,) = copy.glob("mermaid-*.tgz")
    shutil.unpack_archive(archive, copy / "npm", filter="data")
    said = tutorial(copy, "diagrams", "npm/package/dist/mermaid.min.js")
    assert "stream: drawn\n" in said and len(said.splitlines()) == len(list(folder.glob("*.mmd")))
    light, dark = (folder / f"stream-{ink}.svg" for ink in ("light", "dark"))
    assert "quite new" in light.read_text("utf-8") and mark(source.read_text("utf-8")) in light.read_text("utf-8")
    assert light.read_bytes() != dark.read_bytes()


def test_the_newest_versions_are_resolved(copy):
    before = (copy / "constraints.txt").read_text("utf-8").splitlines()
    assert tutorial(copy, "constraints") == ""
    lines = (copy / "constraints.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not VERSION.fullmatch(line)] == []
    assert {line.partition("==")[0] for line in lines} >= {"django", "celery", "mkdocs-material", "nox"}
    assert len(lines) > len(before) / 2  # the newest of all may need a few more, or less
