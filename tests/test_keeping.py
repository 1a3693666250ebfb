"""`tutorial diagrams`, which needs mermaid from the network."""

import shutil
import subprocess

import pytest

from tutorial.site.diagrams import DIAGRAMS, diagrams, mark

NO_NETWORK = ("ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which brings mermaid")
def test_a_diagram_is_drawn_from_its_source(tmp_path, monkeypatch):
    source = tmp_path / "stream.mmd"
    text = (DIAGRAMS / source.name).read_text("utf-8") + "    Note over reader: quite new\n"
    source.write_text(text, "utf-8")
    done = subprocess.run(["npm", "pack", "--silent", "mermaid@12"], cwd=tmp_path, capture_output=True, text=True)
    if done.returncode and any(words in done.stderr for words in NO_NETWORK):
        pytest.skip("the network does not answer")
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = tmp_path.glob("mermaid-*.tgz")
    shutil.unpack_archive(archive, tmp_path, filter="data")
    monkeypatch.setattr("tutorial.site.diagrams.DIAGRAMS", tmp_path)
    diagrams(tmp_path / "package" / "dist" / "mermaid.min.js")
    light, dark = ((tmp_path / f"stream-{ink}.svg").read_text("utf-8") for ink in ("light", "dark"))
    assert "quite new" in light and mark(text) in light and light != dark
