"""`tutorial screenshots` takes pictures of a browser and of an email, here of a small library."""

import pytest
from PIL import Image

from tutorial.site import screenshots


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("name, height", [("downloaded", 520), ("mail", 200)])
def test_a_picture_is_made_of_what_runs(name, height, tmp_path):
    screenshots.run(name, tmp_path, 20_000)
    (path,) = tmp_path.iterdir()
    assert path.name == f"{name}.png"
    with Image.open(path) as image:
        assert 800 <= image.width <= 1000 and image.height >= height
        assert len(image.getcolors()) > 20  # not an empty page
