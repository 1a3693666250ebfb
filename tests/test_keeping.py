"""`tutorial diagrams` and `constraints`, which need the network."""

import shutil
import subprocess

import pytest

from tests.test_house import VERSION
from tutorial.site import record
from tutorial.site.diagrams import DIAGRAMS, diagrams, mark

pytestmark = pytest.mark.slow

NO_NETWORK = ("Could not connect", "error sending request", "Failed to fetch", "ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN")


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode and any(words in done.stderr for words in NO_NETWORK):
        pytest.skip("what this asks on the network does not answer")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which brings mermaid")
def test_a_diagram_is_drawn_from_its_source(tmp_path, monkeypatch):
    source = tmp_path / "stream.mmd"
    text = (DIAGRAMS / source.name).read_text("utf-8") + "    Note over reader: quite new\n"
    source.write_text(text, "utf-8")
    run(tmp_path, "npm", "pack", "--silent", "mermaid@12")
    (archive,) = tmp_path.glob("mermaid-*.tgz")
    shutil.unpack_archive(archive, tmp_path, filter="data")
    monkeypatch.setattr("tutorial.site.diagrams.DIAGRAMS", tmp_path)
    diagrams(tmp_path / "package" / "dist" / "mermaid.min.js")
    light, dark = ((tmp_path / f"stream-{ink}.svg").read_text("utf-8") for ink in ("light", "dark"))
    assert "quite new" in light and mark(text) in light and light != dark


def test_the_newest_versions_are_resolved():
    with record.fresh_copy() as copy:
        before = (copy / "constraints.txt").read_text("utf-8").splitlines()
        run(copy, copy / ".venv" / "bin" / "tutorial", "constraints")
        lines = (copy / "constraints.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not VERSION.fullmatch(line)] == []
    assert {line.partition("==")[0] for line in lines} >= {"django", "celery", "mkdocs-material", "nox"}
    assert len(lines) > len(before) / 2  # the newest of all may need a few more, or less
