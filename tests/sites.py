"""Build the site in this process, with MkDocs."""

import tempfile
from functools import cache
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

from tutorial import ROOT

KEPT = []  # temporary folders, which go when Python ends


@cache
def built_site():
    """Build the whole site once. Returns its folder."""
    KEPT.append(tempfile.TemporaryDirectory())
    folder = Path(KEPT[-1].name)
    build_site(folder)
    return folder


def build_site(folder, **options):
    """Build into `folder`. A warning is an error, because mkdocs.yml says `strict`."""
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), **options)
    assert config.strict
    build(config)
