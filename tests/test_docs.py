"""The site builds strictly, shows only code of the steps, and its figures are those that were measured."""

import re
import shutil
import sys
from itertools import count
from pathlib import Path
from xml.dom.minidom import parse, parseString

import markdown
import pytest
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from pymdownx.superfences import SuperFencesException

from tests.conftest import build_site, run
from tutorial import ROOT, UserError, all_steps
from tutorial.repo.step_changes import about
from tutorial.site.diagrams import DIAGRAMS, INK, mark
from tutorial.site.figures import known
from tutorial.site.from_steps import schedule
from tutorial.site.listings import excerpt

DOCS = ROOT / "docs"
PAGES = {page.relative_to(DOCS).as_posix(): page.read_text("utf-8") for page in sorted(DOCS.rglob("*.md"))}
LISTING = "```listing\n01_models/library/views.py book_list\n{}\n```"


def test_the_site_builds_strictly(built_site):
    page = (built_site / "03_streaming" / "index.html").read_text("utf-8")
    assert "csv_chunks" in page and "{{" not in page and "stepdiff " not in page.replace("highlight stepdiff", "")


@pytest.mark.parametrize("text", ["[nowhere](nowhere.md)", "[no such heading](#no-such-heading)"])
def test_a_wrong_link_fails_the_strict_build(tmp_path, text):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n{text}\n", "utf-8")
    with pytest.raises(Abort):
        build_site(tmp_path / "site", docs_dir=str(tmp_path / "docs"), nav=["index.md"], not_in_nav=None)


@pytest.fixture(scope="module")
def render():
    """Turn Markdown into HTML with the extensions of the site."""
    config = load_config(str(ROOT / "mkdocs.yml"))

    def render(text):
        # A new one for each text, because an error leaves its traces.
        return markdown.markdown(text, extensions=config.markdown_extensions, extension_configs=config.mdx_configs)

    return render


@pytest.mark.parametrize(
    "text, error",
    [
        (LISTING.replace("views", "nothing"), "there is no file"),
        (LISTING.replace("book_list", "no_such_view"), "0 definitions are named"),
        (LISTING.replace("book_list", '"no such text"'), "0 lines contain"),
        (LISTING.replace("book_list", '"import"'), r"\d+ lines contain"),
        (LISTING.replace("book_list", '"def book_list" "no such text"'), "no line below contains"),
        (LISTING.format("hilight: def"), "what is 'hilight: def'"),
        (LISTING.format("highlight: no such text"), "no line contains"),
        ("```stepdiff\n01_models 02_httpresponse library/models.py\n```", "the two are the same"),
        ("```stepdiff\n01_models 02_httpresponse no/such/file.py\n```", "No such file"),
        ("```stepdiff\n01_models 02_httpresponse library/views.py nothing\n```", "0 definitions are named"),
        ("{{ speed.step03 | parsecs }}", "no unit is named parsecs"),
        ("{{ speed.stpe03 | times }}", "Similar: speed.step0"),
    ],
)
def test_an_error_says_what_is_wrong(render, text, error):
    with pytest.raises((SuperFencesException, ValueError), match=error):
        render(text)


CODE = """
# Why there are limits.
LIMIT = 1
SIZES["large"] = 2


class Export:
    name = "x"

    @property
    def state(self):
        return (
            "waiting"
        )
"""


@pytest.mark.parametrize(
    "parts, shown",
    [
        (["LIMIT"], "# Why there are limits.\nLIMIT = 1"),
        (["LIMIT", "SIZES['large']"], '# Why there are limits.\nLIMIT = 1\nSIZES["large"] = 2'),
        (["LIMIT", "Export.name"], '# Why there are limits.\nLIMIT = 1\n\nname = "x"'),
        (["Export.state"], '@property\ndef state(self):\n    return (\n        "waiting"\n    )'),
        (['"return"', '")"'], 'return (\n    "waiting"\n)'),
        (["'SIZES'"], 'SIZES["large"] = 2'),
    ],
)
def test_a_listing_shows_what_it_names(parts, shown):
    assert excerpt(CODE, parts) == shown


def test_a_listing_has_its_name_its_language_and_its_marked_lines(render):
    page = render(LISTING.format("highlight: is_valid()"))
    assert '<span class="filename">library/views.py</span>' in page and '<span class="k">def</span>' in page
    assert re.findall(r'<span class="hll">(.*?)\n', page)[0].count("is_valid") == 1
    assert "data-search-exclude" not in page
    assert "data-search-exclude" in render("```listing\n01_models/library/views.py\n```")


def test_a_diff_has_colours_and_a_part_of_it_has_a_button(render):
    page = render("```stepdiff\n02_httpresponse 03_streaming library/views.py book_download\n```")
    assert "data-copy" in page and '<span class="gi">+ ' in page and '<span class="gd">- ' in page
    added = render("```stepdiff\n02_httpresponse 03_streaming library/book_csv.py csv_chunks\n```")
    assert '<span class="gd">' not in added  # the earlier step has no such function
    assert "data-copy" not in render("```stepdiff\n02_httpresponse 03_streaming library/views.py\n```")


@pytest.mark.parametrize("text, shown", [
    ("{{ speed.step03 | times }}", r"\d+\.\d times"),
    ("{{ speed.page | ms }}", r"\d+\xa0ms"),
    ("{{ speed.page | s.3 }}", r"0\.\d{3}\xa0s"),
    ("{{ speed.books }}", "1,000,000"),
    ("{{ speed.python }}", r"3\.\d+\.\d+"),
    ("{{ speed.ladder }}", "<table>.*</table>"),
    ("`{{ book.title }}`", r"<code>\{\{ book.title \}\}</code>"),
])  # fmt: skip
def test_a_figure_has_the_unit_that_the_page_asks_for(render, text, shown):
    assert re.fullmatch(f"(<p>)?{shown}(</p>)?", render(text), re.DOTALL)


def without_code(page):
    return re.sub(r"(?ms)^ *```.*?^ *```$|`[^`\n]+`", "", page)


def test_every_figure_comes_from_a_result_and_every_result_is_shown():
    typed = re.compile(r"\d[ \xa0](?:ms|MB|times|µs)\b")  # a number with a unit, which looks measured
    assert {name: found for name, page in PAGES.items() if (found := typed.findall(without_code(page)))} == {}
    assert set(re.findall(r"\{\{ *([\w.]+)", "".join(map(without_code, PAGES.values())))) == known().keys()


def test_every_listing_comes_from_a_step():
    """Tests run the fences ```bash (test_walkthrough.py), ```sh (test_demo.py) and ```python (test_questions.py)."""
    typed = re.compile(r"^ *```(?!(?:bash|sh|text|listing|stepdiff)?$)(.*)", re.MULTILINE)
    assert {name: found for name, page in PAGES.items() if (found := typed.findall(page))} == {
        "questions.md": ["python"]
    }
    assert [name[:2] for name, page in PAGES.items() if "```sh\n" in page] == ["03", "07", "09"]


def test_a_chapter_takes_the_minutes_of_its_step():
    assert [
        step.name for step in all_steps() if f"About {about(step)['minutes']} minutes." not in PAGES[f"{step.name}.md"]
    ] == []


@pytest.mark.parametrize("kind, end", [("ninety_minutes", "10:30"), ("half_day", "13:00"), ("one_day", "17:30")])
def test_a_schedule_ends_in_time(kind, end):
    *_, last = re.findall(r"^\| (\d\d:\d\d) \|", schedule(kind, all_steps()), re.MULTILINE)
    assert last <= end


def test_the_plots_are_those_of_the_results(tmp_path):
    run(sys.executable, ROOT / "benchmarks" / "plots.py", tmp_path)
    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(drawn) == 8
    assert {name: (DOCS / "assets" / name).read_bytes() for name in drawn} == drawn


def test_each_test_that_a_page_names_as_a_proof_exists():
    files = [*(ROOT / "tests").glob("test_*.py"), *(ROOT / "steps").glob("*/tests/**/test_*.py")]
    tests = "".join(path.read_text("utf-8") for path in files)
    named = set(re.findall(r"`(test_\w+)`", "".join(PAGES.values())))
    assert len(named) > 10
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_every_picture_is_small_is_shown_and_has_a_text_that_tells_what_it_shows():
    shown = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", "".join(PAGES.values()))
    assert [path for text, path in shown if len(text) < 40] == []
    assets = {path.relative_to(DOCS).as_posix() for kind in ("png", "svg") for path in DOCS.rglob(f"*.{kind}")}
    assert {path.partition("#")[0] for text, path in shown} == assets
    assert [path for path in assets if (DOCS / path).stat().st_size > 60_000] == []
    assert [name for name, page in PAGES.items() if "<img" in page] == []  # which the build doesn't check


@pytest.mark.parametrize("source", sorted(DIAGRAMS.glob("*.mmd")), ids=lambda source: source.stem)
def test_a_diagram_is_drawn_from_its_source(source):
    for theme in INK:
        drawn = (DIAGRAMS / f"{source.stem}-{theme}.svg").read_text("utf-8")
        assert mark(source.read_text("utf-8")) in drawn, "run `tutorial diagrams`"


@pytest.mark.parametrize("script", sorted((DOCS / "assets" / "films").glob("*.sh")), ids=lambda script: script.stem)
def test_a_film_is_that_of_its_script(script):
    film = script.with_suffix(".svg")
    assert parse(str(film)).documentElement.tagName == "svg"
    assert mark(script.read_text("utf-8")) in film.read_text("utf-8"), "run `tutorial films`"


def test_a_film_begins_with_the_first_output_and_ends_with_the_last(tmp_path, monkeypatch):
    pytest.importorskip("termios", reason="needs a terminal of Linux or macOS")
    from tutorial.site import films

    reads = count()

    def read(terminal, read=films.read):
        """Tell the script that each output so far is in the film."""
        (tmp_path / f"read-{next(reads)}").touch()
        return read(terminal)

    monkeypatch.setattr(films, "read", read)
    monkeypatch.setattr(films, "SHORTEST", 0)
    script = tmp_path / "film.sh"
    script.write_text(
        "seen() { until [ -e read-$1 ]; do sleep 0.01; done; }\n"
        "printf '\\e[H'; seen 1; echo 1 \"<\" $PWD; seen 2; printf '\\e[31mred'\n"
    )
    (begins, first), (_, second), (_, last) = films.frames_of(script, tmp_path)
    assert begins == 0 and f"1 &lt; {films.HOME}<" in first[0] and first[1] == ""
    assert films.COLOURS["red"] in second[1] and second == last
    parseString(films.svg([(0, first), (1, last)]))
    script.write_text("echo no such book\nexit 3\n")
    with pytest.raises(UserError, match=r"ended with 3:\nno such book"):
        films.frames_of(script, tmp_path)


def article(folder, name):
    """The words of a page of a built site, and its blocks of code."""
    page = re.search(r"<article.*?</article>", (folder / name).read_text("utf-8"), re.DOTALL)[0]
    buttons = r'(?s)<nav class="md-code__nav">.*?</nav>|<a[^>]* class="(?:headerlink|md-content__button)[^>]*>.*?</a>'
    page = re.sub(buttons, "", page)
    code = [re.sub("<[^>]+>", "", block) for block in re.findall(r"<pre.*?</pre>", page, re.DOTALL)]
    return re.sub("<[^>]+>", " ", page).split(), code


@pytest.mark.slow
def test_zensical_builds_the_same_site(built_site, tmp_path):
    pytest.importorskip("zensical", reason="zensical is not installed")
    for name in ("docs", "overrides"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    run(Path(sys.executable).with_name("zensical"), "build", "--strict", cwd=tmp_path)
    names = sorted(path.relative_to(built_site) for path in built_site.rglob("index.html"))
    assert len(names) > 20
    for name in names:
        assert article(tmp_path / "site", name) == article(built_site, name), name
