"""`tutorial screenshots`: pictures of a browser and of a mail, of a small library; and what it refuses."""

import pytest
from PIL import Image

from tutorial import UserError
from tutorial.site import screenshots

pytestmark = pytest.mark.browser


@pytest.mark.slow
@pytest.mark.parametrize("name, height", [("downloaded", 520), ("mail", 200)])
def test_a_picture_is_made_of_what_runs(name, height, tmp_path):
    screenshots.run(name, tmp_path, 20_000)
    (path,) = tmp_path.iterdir()
    assert path.name == f"{name}.png"
    with Image.open(path) as image:
        assert 800 <= image.width <= 1000 and image.height >= height
        assert len(image.getcolors()) > 20  # not an empty page


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(screenshots.shutil, "which", lambda name: None if name == "Xvfb" else name)
    with pytest.raises(UserError, match="Xvfb was not found"):
        screenshots.run("", tmp_path, 20_000)


def test_a_picture_that_is_too_large_is_refused(tmp_path):
    studio = screenshots.Studio(tmp_path, tmp_path, "", 20_000)
    with pytest.raises(UserError, match=r"noise\.png has"):
        studio.save("noise", Image.effect_noise((800, 800), 90))
