"""The site builds strictly, shows only code of the steps, and its numbers are those that were measured."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from pymdownx.superfences import SuperFencesException

from tutorial import ROOT
from tutorial.stepdiff import difference, fence

DOCS = ROOT / "docs"
SECTION = re.compile(r"--8<-- \[(start|end):(\w+)\]")
INCLUDE = re.compile(r'--8<-- "([^":]+)(?::(\w+))?"')


def build(root, folder):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


def test_the_site_builds_strictly_and_without_a_word(tmp_path):
    built = build(ROOT, tmp_path / "site")
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    page = (tmp_path / "site" / "03_streaming" / "index.html").read_text("utf-8")
    assert "csv_chunks" in page and "--8&lt;--" not in page and "stepdiff" not in page


@pytest.fixture
def site(doctored):
    """A copy of the site's sources, for a test to spoil."""
    shutil.copytree(DOCS, doctored / "docs")
    shutil.copy(ROOT / "mkdocs.yml", doctored)
    return doctored


@pytest.mark.parametrize(
    "added",
    [
        "[nowhere](nowhere.md)",
        "[no such heading](01_models.md#no-such-heading)",
        '```python\n--8<-- "01_models/library/models.py:no_such_section"\n```',
        '```python\n--8<-- "01_models/library/no_such_file.py"\n```',
        "```stepdiff\n01_models 02_httpresponse library/models.py\n```",
        "```stepdiff\n01_models 02_httpresponse no/such/file.py\n```",
    ],
)
def test_a_spoiled_page_fails_the_build(site, added, tmp_path):
    page = site / "docs" / "02_httpresponse.md"
    page.write_text(page.read_text("utf-8") + f"\n{added}\n", "utf-8")
    assert build(site, tmp_path / "site").returncode != 0


def sections(root):
    """The named sections of the steps' files, and complaints about those that are not closed."""
    named, complaints = set(), []
    for path in sorted((root / "steps").rglob("*")):
        if path.is_file() and path.suffix in {".py", ".html", ".conf"}:
            name, opened = path.relative_to(root / "steps").as_posix(), None
            for mark, section in SECTION.findall(path.read_text("utf-8")):
                if (mark, opened) == ("start", None):
                    opened = section
                    named.add((name, section))
                elif (mark, opened) == ("end", section):
                    opened = None
                else:
                    complaints.append(f"{name}: {mark}:{section} inside of {opened}")
            if opened:
                complaints.append(f"{name}: {opened} is not closed")
    return named, complaints


def included(root):
    return set(INCLUDE.findall("".join(page.read_text("utf-8") for page in (root / "docs").glob("*.md"))))


def test_every_section_is_closed_and_shown_somewhere():
    named, complaints = sections(ROOT)
    assert complaints == []
    shown = {(name.partition("/")[2], section) for name, section in included(ROOT)}
    assert {name for name, section in named if (name.partition("/")[2], section) not in shown} == set()


def test_a_section_that_is_not_closed_is_found(doctored):
    path = doctored / "steps" / "01_models" / "library" / "views.py"
    path.write_text(path.read_text("utf-8").replace("# --8<-- [end:list]", ""), "utf-8")
    assert sections(doctored)[1] == ["01_models/library/views.py: list is not closed"]


def typed_listings(page):
    """The listings of a page that were typed into it, instead of taken from a step."""
    blocks = re.findall(r"^ *```(\w+)\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL)
    return [code for language, code in blocks if language not in {"bash", "text", "stepdiff"} and "--8<--" not in code]


def test_every_listing_comes_from_a_step():
    for page in DOCS.glob("*.md"):
        assert typed_listings(page.read_text("utf-8")) == [], page.name
    assert typed_listings("```python\nprint('typed')\n```\n") == ["print('typed')\n"]


def test_the_numbers_on_the_pages_are_those_that_were_measured():
    measured = json.loads((ROOT / "benchmarks" / "results" / "streaming.json").read_text("utf-8"))
    page = (DOCS / "03_streaming.md").read_text("utf-8")
    for way, run in measured["medians"].items():
        speed, memory = measured["books"] / run["seconds"], run["peak_bytes"] / 1e6
        assert f"| {way} | {speed:,.0f} | {run['seconds']:.1f} s | {memory:.0f} MB |" in page
    howto = measured["ratios"]["Django's how-to"]
    assert f"takes {howto:.1f} times as long" in page
    assert f"takes {measured['ratios']['csv.writer in batches']:.1f} times as long" in (
        DOCS / "02_httpresponse.md"
    ).read_text("utf-8")


RUNNERS = {
    "spawn": "a process each",
    "database": "queue in the database",
    "celery-files": "Celery, a folder",
    "celery-redis": "Celery, Redis",
    "celery-rabbitmq": "Celery, RabbitMQ",
}


def figures_of_the_comparison():
    """What docs/compare.md says of what was measured: the tables and the figures in its sentences."""
    results = ROOT / "benchmarks" / "results"
    measured = json.loads((results / "compare_runners.json").read_text("utf-8"))
    hundred = json.loads((results / "compare_runners_100.json").read_text("utf-8"))
    of = {name: {key: median(figure) for key, figure in each.items()} for name, each in measured["medians"].items()}
    spawn, database = of["spawn"], of["database"]
    return {
        "table": comparison(of, measured),
        "hundred": burst(hundred),
        "spawn_first": f"{spawn['first_row'] * 1000:.0f}",
        "database_first": f"{database['first_row'] * 1000:.0f}",
        "spawn_share": f"{spawn['share'] * 100:.0f}",
        "spawn_large": f"{spawn['large_share'] * 100:.0f}",
        "unnoticed": f"{spawn['overhead'] / 0.05:.0f}",
        "spawn_peak": f"{spawn['peak_bytes'] / 1e6:.0f}",
        "database_peak": f"{database['peak_bytes'] / 1e6:.0f}",
        "cores": str(measured["machine"]["cores"]),
        "python": measured["machine"]["python"],
        "django": measured["machine"]["django"],
        "books": f"{measured['books']:,}",
        "large": f"{measured['large']:,}",
        "exports": str(measured["exports"]),
        "rounds": str(measured["rounds"]),
    }


def median(figure):
    return figure["median"] if isinstance(figure, dict) else figure


def comparison(of, measured):
    head = f"| | answer | first row | one export | burst of {measured['exports']} | idle | peak | overhead | kill -9 |"
    lines = [head, "| --- |" + " ---: |" * 7 + " --- |"]
    for name, run in of.items():
        killed = measured["runs"][name]["killed"]
        after = f" after {killed['seconds']:.0f} s" if killed["seconds"] else ""
        lines.append(
            f"| {RUNNERS[name]} | {run['answer'] * 1000:.0f} ms | {run['first_row'] * 1000:.0f} ms "
            f"| {run['finish'] * 1000:.0f} ms | {run['burst']:.1f} s | {run['idle_bytes'] / 1e6:.0f} MB "
            f"| {run['peak_bytes'] / 1e6:.0f} MB | {run['share'] * 100:.0f} %, {run['large_share'] * 100:.0f} % "
            f"| {killed['outcome']}{after} |"
        )
    return "\n".join(lines)


def burst(measured):
    lines = [f"| | all {measured['exports']} answered | all files there | peak |", "| --- | ---: | ---: | ---: |"]
    for name, run in measured["medians"].items():
        answered, done, peak = (median(run[key]) for key in ("burst_answers", "burst", "peak_bytes"))
        lines.append(f"| {RUNNERS[name]} | {answered:.1f} s | {done:.1f} s | {peak / 1e6:,.0f} MB |")
    return "\n".join(lines)


def test_the_page_that_compares_says_what_was_measured():
    page = (DOCS / "compare.md").read_text("utf-8")
    figures = figures_of_the_comparison()
    sentences = [
        "{table}",
        "{hundred}",
        "{cores} cores, Python {python} and Django {django}: exports of {books} books, {rounds} rounds, medians",
        "begins {spawn_first} ms after the answer, and one from the database {database_first} ms",
        "it is {spawn_share} % of an export of {books} books, and {spawn_large} % of one of {large}.",
        "A job of {unnoticed} seconds or more spends less than 5 % on it.",
        "a burst of {exports} needs {spawn_peak} MB, where two workers need {database_peak}.",
    ]
    assert [sentence for sentence in sentences if sentence.format(**figures) not in page] == []
    assert "{unnoticed} seconds".format(unnoticed=float(figures["unnoticed"]) + 1) not in page


def figures_of_the_faults():
    """What docs/reliability.md says of what was measured."""
    measured = json.loads((ROOT / "benchmarks" / "results" / "faults.json").read_text("utf-8"))
    load = {(each["load"], each.get("runner")): each for each in measured["load"]["runs"]}
    queue, spawn, memory = load["exports", "database"], load["exports", "spawn"], load["memory", None]["bytes"]
    return {
        "faults": faults(measured["faults"]["cells"]),
        "visits": visits(load["visitors", None]),
        "visitors": str(load["visitors", None]["visitors"]),
        "wrong": str(sum(load["visitors", None][when]["wrong"] for when in ("idle", "busy"))),
        "memory": f"{memory[0] / 1e6:.1f} MB after the first five hundred, {memory[1] / 1e6:.1f} MB",
        "requests": f"{load['memory', None]['requests']:,}",
        "asked": f"{queue['asked']:,}",
        "queued": f"{queue['accepted']:,}",
        "spawned": f"{spawn['accepted']:,}",
        "refused": f"{spawn['refused']:,}",
        "machine": measured["machine"],
        "cases": f"{measured['input']['cases']:,}",
        **{key: f"{measured['faults'][key]:,}" for key in ("hit", "mails", "done", "failed", "lost", "seconds")},
    }


def faults(cells):
    runners = ["spawn", "database", "files", "redis", "rabbitmq"]
    ends = {}
    for cell in cells:
        counts = [f"{cell[end]} {end}" for end in ("done", "failed") if cell.get(end)]
        ends.setdefault(cell["fault"], {})[cell["runner"]] = ", ".join(counts)
    lines = [f"| | {' | '.join(runners)} |", "| --- |" + " --- |" * len(runners)]
    lines += [f"| {fault} | {' | '.join(of.get(runner, '–') for runner in runners)} |" for fault, of in ends.items()]
    return "\n".join(lines)


def visits(measured):
    lines = ["| | median | 99th percentile | answers in 20 s |", "| --- | ---: | ---: | ---: |"]
    for name, when in (("nothing else to do", "idle"), ("exports at work", "busy")):
        run = measured[when]
        lines.append(f"| {name} | {run['p50']:,.0f} ms | {run['p99']:,.0f} ms | {run['requests']:,} |")
    return "\n".join(lines)


def test_the_page_of_what_can_go_wrong_says_what_was_measured():
    page = (DOCS / "reliability.md").read_text("utf-8")
    sentences = [
        "{faults}",
        "{visits}",
        "{hit} exports were hit in mid-export, and {mails} more in their mail. {done} became right files, {failed} "
        "ended with a reason, **{lost} were lost.**",
        "It took {seconds} seconds ({machine})",
        "{visitors} visitors",
        "{wrong} of them got anything else than a page",
        "{memory} after {requests}",
        "Of {asked} exports the queue took {queued}. With a process for each, {spawned} were taken and {refused} were",
        "{cases} cases",
    ]
    figures = figures_of_the_faults()
    assert [sentence for sentence in sentences if sentence.format(**figures) not in page] == []


def test_each_test_that_the_page_names_as_a_proof_exists():
    page = (DOCS / "compare.md").read_text("utf-8")
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "steps").glob("0[67]*/tests/**/test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 10
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_a_diff_shows_the_change_and_no_markers():
    text = difference("02_httpresponse", "03_streaming", "library/views.py")
    assert "+    response = StreamingHttpResponse(" in text
    assert "--8<--" not in text


@pytest.mark.parametrize("source", ["01_models 02_httpresponse library/models.py", "01_models nothing x.py", "one two"])
def test_a_diff_that_shows_nothing_is_an_error(source):
    with pytest.raises(SuperFencesException):
        fence(source, "stepdiff", "stepdiff", {}, None)
