"""`tutorial screenshots` and `tutorial diagrams` make the pictures of the site."""

import shutil
import subprocess

import pytest
from PIL import Image

from tutorial.site import screenshots
from tutorial.site.diagrams import DIAGRAMS, diagrams, mark

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("name, height", [("downloaded", 520), ("mail", 200)])
def test_a_picture_is_made_of_what_runs(name, height, tmp_path):
    screenshots.run(name, tmp_path, 20_000)
    (path,) = tmp_path.iterdir()
    assert path.name == f"{name}.png"
    with Image.open(path) as image:
        assert 800 <= image.width <= 1000 and image.height >= height
        assert len(image.getcolors()) > 20  # not an empty page


@pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which brings mermaid")
def test_a_diagram_is_drawn_from_its_source(tmp_path, monkeypatch):
    source = tmp_path / "stream.mmd"
    text = (DIAGRAMS / source.name).read_text("utf-8") + "    Note over reader: quite new\n"
    source.write_text(text, "utf-8")
    if subprocess.run(["npm", "pack", "--silent", "mermaid@12"], cwd=tmp_path).returncode:
        pytest.skip("needs the network, from which npm gets mermaid")
    (archive,) = tmp_path.glob("mermaid-*.tgz")
    shutil.unpack_archive(archive, tmp_path, filter="data")
    monkeypatch.setattr("tutorial.site.diagrams.DIAGRAMS", tmp_path)
    diagrams(tmp_path / "package" / "dist" / "mermaid.min.js")
    light, dark = ((tmp_path / f"stream-{ink}.svg").read_text("utf-8") for ink in ("light", "dark"))
    assert "quite new" in light and mark(text) in light and light != dark
