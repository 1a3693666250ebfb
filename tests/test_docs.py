"""The site builds strictly, shows only code of the steps, and its numbers are those that were measured."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from itertools import pairwise

import pytest
from pymdownx.superfences import SuperFencesException

from tutorial import ROOT
from tutorial.site import exercises_page, instructors_page
from tutorial.site.diagrams import DIAGRAMS, mark
from tutorial.site.diffs import difference, fence
from tutorial.site.whole_files import files_shown, whole_files

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
    for name in ("benchmarks", "exercises", "tutorial"):
        shutil.copytree(ROOT / name, doctored / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mkdocs.yml", doctored)
    return doctored


def test_a_copy_builds_as_well(site, tmp_path):
    built = build(site, tmp_path / "site")
    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize(
    "added",
    [
        "[nowhere](nowhere.md)",
        "[no such heading](01_models.md#no-such-heading)",
        '```python\n--8<-- "01_models/library/models.py:no_such_section"\n```',
        '```python\n--8<-- "01_models/library/no_such_file.py"\n```',
        "```stepdiff\n01_models 02_httpresponse library/models.py\n```",
        "```stepdiff\n01_models 02_httpresponse no/such/file.py\n```",
        "```stepdiff\n01_models 02_httpresponse library/views.py:no_such_section\n```",
        "```stepdiff\nbenchmarks/ladder/howto.py benchmarks/ladder/nothing.py\n```",
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
    """The listings of a page that were typed into it, instead of taken from a step.

    What is typed into a shell is ```bash, which the walkthrough runs, or ```sh where somebody has to wait for
    somebody: tests/test_demo.py runs these.
    """
    blocks = re.findall(r"^ *```(\w+)\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL)
    return [
        code for language, code in blocks if language not in {"bash", "sh", "text", "stepdiff"} and "--8<--" not in code
    ]


def test_every_listing_comes_from_a_step():
    for page in DOCS.glob("*.md"):
        assert typed_listings(page.read_text("utf-8")) == [], page.name
    assert [page.name[:2] for page in sorted(DOCS.glob("*.md")) if "```sh\n" in page.read_text("utf-8")] == [
        "03",
        "05",
        "08",
    ]
    assert typed_listings("```python\nprint('typed')\n```\n") == ["print('typed')\n"]


def speed():
    return json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text("utf-8"))


HOWTO = "Django's how-to"
STREAMED = {HOWTO: "howto", "csv.writer in batches": "formatted", "step 03": "streamed"}


def figures_of_the_stream():
    """What docs/03_streaming.md and 02_httpresponse.md say of what was measured."""
    measured = speed()["sizes"]["1000000"]
    runs = {way: measured[f"{name}, http, sqlite"] for way, name in STREAMED.items()}
    lines = ["| way | rows per second | whole file | peak memory |", "| --- | --- | --- | --- |"]
    for way, run in runs.items():
        peak = f"{run['peak_bytes'] / 1e6:.0f} MB"
        lines.append(f"| {way} | {1e6 / run['seconds']:,.0f} | {run['seconds']:.1f} s | {peak} |")
    ours = runs["step 03"]["seconds"]
    return {
        "table": "\n".join(lines),
        "howto": f"{runs[HOWTO]['seconds'] / ours:.1f}",
        "columns": f"{runs['csv.writer in batches']['seconds'] / ours:.1f}",
    }


def test_the_chapters_of_the_download_say_what_was_measured():
    figures = figures_of_the_stream()
    page = (DOCS / "03_streaming.md").read_text("utf-8")
    assert figures["table"] in page
    assert f"it takes {figures['howto']} times as long" in page
    assert f"takes {figures['columns']} times as long" in (DOCS / "02_httpresponse.md").read_text("utf-8")


RUNGS = {
    "howto": "1 Django's how-to",
    "columns": "2 columns, no objects",
    "batches": "3 in batches",
    "formatted": "4 formatted by the database",
    "lines": "5 lines by the database",
    "native": "6 the native engine",
}
PEERS = {
    "import_export, file": "django-import-export",
    "in_memory, file": "model objects, whole file in memory",
    "howto, file": "Django's how-to",
    "pyarrow, file": "ADBC and pyarrow's CSV writer",
    "shell, shell": "`sqlite3 -csv`, `psql \\copy`",
    "copy, file": "the same lines by psycopg's COPY",
    "native, file": "our native engine",
}


def figures_of_the_speed():
    """What docs/speed.md says of what was measured."""
    measured = speed()
    million, sizes, machine = measured["sizes"]["1000000"], measured["sizes"], measured["machine"]
    seconds = {key: run["seconds"] for key, run in million.items()}
    peak = {key: run["peak_bytes"] for key, run in million.items()}
    sqlite, postgresql = "{}, file, sqlite".format, "{}, file, postgresql".format
    rate = {key: f"{1e6 / taken:,.0f}" for key, taken in seconds.items()}
    shells = {"native_shell": seconds["shell, shell, sqlite"] / seconds[sqlite("native")]}
    copy = seconds["shell, shell, postgresql"] / seconds[postgresql("native")]
    seeding, starts, pages = measured["seeding"], measured["starts"], measured["pages"]
    figures = {
        "ladder": ladder(million, rate),
        "peers": peers(million, rate),
        "sizes": sizes_table(sizes),
        "commands": commands(measured["commands"]),
        "starts": starts_table(starts),
        "rounds": str(measured["rounds"]),
        **{key: str(machine[key]) for key in ("cores", "python", "django", "sqlite")},
        "psql": f"PostgreSQL {machine['psql (shell)']}",
        "first_lines": f"{million[sqlite('lines')]['first_byte'] * 1000:.0f}",
        "native_shell": f"{shells['native_shell']:.1f}",
        "nativep_shell": f"{copy * 100:.0f} %",
        "stream_howto": f"{seconds['howto, http, sqlite'] / seconds['streamed, http, sqlite']:.1f}",
        "lines_howto": f"{seconds[sqlite('howto')] / seconds[sqlite('lines')]:.1f}",
        "linesp_howto": f"{seconds[postgresql('howto')] / seconds[postgresql('lines')]:.1f}",
        "lines_ie": f"{seconds[sqlite('import_export')] / seconds[sqlite('lines')]:.0f}",
        "memory_ie": f"{peak[sqlite('lines')] / peak[sqlite('import_export')] * 100:.0f} %",
        "pg_first": f"{million['streamed, http, postgresql']['first_byte'] * 1000:,.0f}",
        "transaction_first": f"{million['in_transaction, http, postgresql']['first_byte'] * 1000:.0f}",
        "pipes": f"{seconds[sqlite('pipes')] / seconds[sqlite('lines')]:.1f}",
        "pipesp": f"{seconds[postgresql('pipes')] / seconds[postgresql('lines')]:.1f}",
        "copy": f"{seconds[postgresql('copy')] / seconds[postgresql('native')]:.1f}",
        "seed_sqlite": f"{seeding['seed_books']['sqlite']:,.0f}",
        "seed_postgresql": f"{seeding['seed_books']['postgresql']:,.0f}",
        "create": f"{seeding['create']:,.0f}",
        "seed_ratio": f"{seeding['seed_books']['sqlite'] / seeding['create']:.0f}",
        "page_list": f"{pages['/books/'] * 1000:.0f}",
        "page_genre": f"{pages['/books/?genre=novel'] * 1000:.0f}",
        "page_search": f"{pages['/books/?q=no+such+book'] * 1000:.0f}",
        "around": f"{measured['books']:,}",
    }
    for name, key in (("howto", "howto, file"), ("native", "native, file"), ("shell", "shell, shell")):
        figures |= {f"rate_{name}": rate[f"{key}, sqlite"], f"ratep_{name}": rate[f"{key}, postgresql"]}
    return figures | gains(seconds)


def gains(seconds):
    """What each rung of the ladder gains on the one before, by the name of its place on the page."""
    sentences = {}
    for before, rung in pairwise(RUNGS):
        found = [
            f"{seconds[f'{before}, file, {database}'] / seconds[f'{rung}, file, {database}']:.1f} times {where}"
            for database, where in (("sqlite", "on SQLite"), ("postgresql", "on PostgreSQL"))
        ]
        http = [seconds.get(f"{'streamed' if name == 'lines' else name}, http, sqlite") for name in (before, rung)]
        found += [f"{http[0] / http[1]:.1f} times through gunicorn"] if all(http) else []
        sentences[f"gain_{rung}"] = f"**Gain:** {', '.join(found)}."
    return sentences


def ladder(million, rate):
    lines = ["| rung | SQLite, to a file | PostgreSQL, to a file | SQLite, through gunicorn | peak memory |"]
    lines += ["| --- |" + " ---: |" * 4]
    for rung, name in RUNGS.items():
        http = rate.get(f"{'streamed' if rung == 'lines' else rung}, http, sqlite", "–")
        peak = f"{million[f'{rung}, file, sqlite']['peak_bytes'] / 1e6:.0f} MB"
        lines.append(
            f"| {name} | {rate[f'{rung}, file, sqlite']} | {rate[f'{rung}, file, postgresql']} | {http} | {peak} |"
        )
    return "\n".join(lines)


def peers(million, rate):
    lines = ["| way | SQLite | PostgreSQL | CPU | peak memory |", "| --- |" + " ---: |" * 4]
    for key, name in PEERS.items():
        speeds = [rate.get(f"{key}, {database}", "–") for database in ("sqlite", "postgresql")]
        run = million.get(f"{key}, sqlite") or million[f"{key}, postgresql"]
        cpu, peak = f"{run['cpu_seconds']:.1f} s", f"{run['peak_bytes'] / 1e6:,.0f} MB"
        lines.append(f"| {name} | {' | '.join(speeds)} | {cpu} | {peak} |")
    return "\n".join(lines)


def sizes_table(sizes):
    lines = ["| books | first byte of the stream | SQLite, ORM | native | PostgreSQL, ORM | native |"]
    lines.append("| ---: |" + " ---: |" * 5)
    for count in sorted(map(int, sizes)):
        measured = sizes[str(count)]
        cells = [f"{measured['streamed, http, sqlite']['first_byte'] * 1000:.0f} ms"]
        for database in ("sqlite", "postgresql"):
            for engine in ("lines", "native"):
                run = measured[f"{engine}, file, {database}"]
                cells.append(f"{run['least'] / count * 1e6:.1f} µs, {run['peak_bytes'] / 1e6:.0f} MB")
        lines.append(f"| {count:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def commands(measured):
    lines = ["| `export_books` | seconds | MB |", "| --- | ---: | ---: |"]
    return "\n".join(
        lines + [f"| {name} | {run['seconds']:.1f} | {run['bytes'] / 1e6:.0f} |" for name, run in measured.items()]
    )


def starts_table(starts):
    bare = starts["bare no-op"]["seconds"]
    lines = ["| a command | milliseconds | times the bare one |", "| --- | ---: | ---: |"]
    for name, run in starts.items():
        lines.append(f"| {name} | {run['seconds'] * 1000:.0f} | {run['seconds'] / bare:.2f} |")
    return "\n".join(lines)


def test_the_page_of_the_speed_says_what_was_measured():
    page = (DOCS / "speed.md").read_text("utf-8")
    sentences = [
        "{ladder}",
        "{peers}",
        "{sizes}",
        "{commands}",
        "{starts}",
        *(f"{{gain_{rung}}}" for rung in list(RUNGS)[1:]),
        "on SQLite from {rate_howto} by Django's how-to to {rate_native} by the native engine, on PostgreSQL from "
        "{ratep_howto} to {ratep_native}; the shells of the two databases reach {rate_shell} and {ratep_shell}",
        "medians of {rounds} rounds in turns",
        "({cores} cores, Python {python}, Django {django}, SQLite {sqlite}, {psql})",
        "{first_lines} ms until the first byte",
        "{native_shell} times as fast as `sqlite3 -csv`, and reaches {nativep_shell} of the speed of `psql \\copy`",
        "**{stream_howto} times** as fast as the how-to",
        "{lines_howto} times as fast on SQLite, {linesp_howto} times on PostgreSQL, and {lines_ie} times as fast as "
        "django-import-export with {memory_ie} of its memory",
        "needs {pg_first} ms to its first byte there; in a transaction it is {transaction_first} ms",
        "each line is a message: {copy} times as long",
        "{pipes} times as long on SQLite. PostgreSQL does not mind: there it takes {pipesp} times as long",
        "adds {seed_sqlite} books a second on SQLite and {seed_postgresql} on PostgreSQL",
        "one by one, {create}. That is {seed_ratio} times",
        "takes {page_list} ms with {around} books, {page_genre} ms with a genre, and {page_search} ms for a text",
    ]
    figures = figures_of_the_speed()
    assert [sentence for sentence in sentences if sentence.format(**figures) not in page] == []


def test_the_plots_are_those_of_the_results(tmp_path):
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "plots.py", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(drawn) == 8
    assert {name: (DOCS / "assets" / name).read_bytes() for name in drawn} == drawn


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
    burst = f"burst of {measured['exports']}"
    head = f"| runner | answer | first row | one export | {burst} | idle | peak | overhead | kill -9 |"
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
    lines = [
        f"| runner | all {measured['exports']} answered | all files there | peak |",
        "| --- | ---: | ---: | ---: |",
    ]
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
    lines = [f"| fault | {' | '.join(runners)} |", "| --- |" + " --- |" * len(runners)]
    lines += [f"| {fault} | {' | '.join(of.get(runner, '–') for runner in runners)} |" for fault, of in ends.items()]
    return "\n".join(lines)


def visits(measured):
    lines = ["| meanwhile | median | 99th percentile | answers in 20 s |", "| --- | ---: | ---: | ---: |"]
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


def test_a_diff_of_a_section_shows_no_more_than_it():
    text = difference("05_subprocess_view", "06_celery_compare", "exports/models.py:claim")
    assert "+    dead = models.Q(" in text  # begins at the left, like the listing of a section
    assert "--8<--" not in text and "import" not in text and "def finish" not in text


@pytest.mark.parametrize("source", ["01_models 02_httpresponse library/models.py", "01_models nothing x.py", "one two"])
def test_a_diff_that_shows_nothing_is_an_error(source):
    with pytest.raises(SuperFencesException):
        fence(source, "stepdiff", "stepdiff", {}, None)


PAGES = sorted(DOCS.rglob("*.md"))
CHAPTERS = sorted(DOCS.glob("0*.md"))


def test_the_pages_with_whole_files_have_what_the_chapters_show():
    pages = whole_files()
    there = {page.relative_to(DOCS).as_posix(): page.read_text("utf-8") for page in (DOCS / "files").glob("*.md")}
    assert there == pages, "run `tutorial record`"


def test_the_instructors_page_is_that_of_the_steps():
    assert (DOCS / "instructors.md").read_text("utf-8") == instructors_page.page(), "run `tutorial record`"


def test_the_page_of_exercises_is_theirs():
    assert (DOCS / "exercises.md").read_text("utf-8") == exercises_page.page(), "run `tutorial record`"


def test_a_file_that_a_chapter_shows_is_found():
    page = '```python title="a.py"\n--8<-- "03_x/a.py:part"\n```\n\n```stepdiff\n02_y 03_x b/c.py\n```\n'
    page += "\n```stepdiff\n02_y 03_x d.py:part\n```\n"
    assert files_shown(page, "03_x") == ["a.py", "b/c.py", "d.py"]
    assert files_shown(page, "02_y") == []


def unnamed_listings(page):
    """The listings of a chapter whose fence does not name their file."""
    found = re.findall(r'^ *```\w+(.*)\n *--8<-- "\w+/([^":]+)', page, re.MULTILINE)
    return [name for title, name in found if title != f' title="{name}"']


def test_every_listing_of_a_chapter_names_its_file():
    for page in CHAPTERS:
        assert unnamed_listings(page.read_text("utf-8")) == [], page.name
    assert unnamed_listings('```python\n--8<-- "01_x/library/a.py:part"\n```\n') == ["library/a.py"]


def unchecked_markup(page):
    """What the strict build lets pass: raw pictures, ranges of lines, and lines marked by their numbers."""
    return re.findall(r'<img|hl_lines|--8<-- "[^"]+:\d', page)


def test_no_page_has_markup_that_the_build_does_not_check():
    for page in PAGES:
        assert unchecked_markup(page.read_text("utf-8")) == [], page.name
    assert len(unchecked_markup('<img src=x> ```python hl_lines="2"\n--8<-- "a.py:1:3"\n')) == 3


def pictures(page):
    return re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page)


def test_every_picture_is_small_is_shown_and_has_a_text_that_tells_what_it_shows():
    shown = [picture for page in PAGES for picture in pictures(page.read_text("utf-8"))]
    assert [path for text, path in shown if len(text) < 40] == []
    assets = {path.relative_to(DOCS).as_posix() for kind in ("png", "svg") for path in DOCS.rglob(f"*.{kind}")}
    assert {path.partition("#")[0] for text, path in shown} == assets
    assert [path for path in assets if (DOCS / path).stat().st_size > 60_000] == []


def undrawn(folder):
    """The diagrams of which a drawing is missing, or was made from another source."""
    return [
        f"{source.stem}-{theme}"
        for source in sorted(folder.glob("*.mmd"))
        for theme in ("light", "dark")
        if mark(source.read_text("utf-8")) not in (folder / f"{source.stem}-{theme}.svg").read_text("utf-8")
    ]


def test_the_diagrams_are_drawn_from_their_sources(tmp_path):
    assert undrawn(DIAGRAMS) == [], "run `tutorial diagrams`"
    copy = shutil.copytree(DIAGRAMS, tmp_path / "diagrams")
    (copy / "queue.mmd").write_text("sequenceDiagram\n", "utf-8")
    assert undrawn(copy) == ["queue-light", "queue-dark"]


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_every_chapter_ends_with_a_check_a_recap_of_three_lines_and_what_is_next(page):
    check, _, end = page.read_text("utf-8").partition("## Check your work")[2].partition("## Recap")
    assert f".venv/bin/pytest steps/{page.stem}" in check
    assert end.count("\n- ") == 3
    assert re.search(r"\]\(\w+\.md\)", end.split("\n- ")[-1])


def test_the_site_is_built_in_no_time(tmp_path):
    before = children_seconds()
    assert build(ROOT, tmp_path / "site").returncode == 0
    assert children_seconds() - before < 15


def children_seconds():
    """The processors' time: whatever else the machine does."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def test_the_first_pages_say_what_was_measured():
    from benchmarks import plots

    rows = plots.five_ways(speed()).values()
    blocking, streamed, *others = rows
    page = (DOCS / "index.md").read_text("utf-8")
    answers = ", ".join(f"{row['answer'] * 1000:.0f}" for row in others[:-1])
    files = ", ".join(f"{row['file']:.1f}" for row in others[:-1])
    for sentence in (
        f"the reader sees nothing for {blocking['answer']:.1f} seconds",
        f"begins after {streamed['answer'] * 1000:.0f} ms and holds the reader for {streamed['file']:.1f} seconds",
        f"answer after {answers} and {others[-1]['answer'] * 1000:.0f} ms, the reader is free",
        f"the file is there after {files} and {others[-1]['file']:.1f} seconds",
    ):
        assert page.count(sentence) == 2, sentence
    jobs = plots.jobs()
    page = (DOCS / "compare.md").read_text("utf-8")
    keys = ("overhead", "burst", "peak_bytes")
    spawn, database = ({key: jobs[name][key]["median"] for key in keys} for name in ("spawn", "database"))
    assert f"{spawn['overhead'] * 1000:.0f} ms with a process each, {database['overhead'] * 1000:.0f} ms from" in page
    assert f"twenty: {spawn['burst']:.1f} s and {database['burst']:.1f} s" in page
    assert f"memory: {spawn['peak_bytes'] / 1e6:.0f} MB and {database['peak_bytes'] / 1e6:.0f} MB" in page
