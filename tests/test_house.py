"""Rules for every file of the repository, and for the packages that it installs."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import manage
from tutorial import ROOT, all_steps, find_step
from tutorial.repo.carry import git

# Written in two parts, so that this file doesn't contain the words that it forbids.
FORBIDDEN = "pypi" + r"\.org|pythonhosted" + r"\.org|registry" + r"\.npmjs|/wo" + "rk/|/ro" + "ot/"


def test_no_file_names_an_index_or_a_path_of_one_machine():
    listed = git(ROOT, "ls-files", "-z").decode()
    tracked = filter(Path.is_file, map(ROOT.joinpath, listed.rstrip("\0").split("\0")))
    assert [path for path in tracked if re.search(FORBIDDEN, path.read_text("utf-8", errors="replace"))] == []


def names(requirements):
    return {re.match(r"[\w-]+", line).group().lower() for line in requirements if not line.startswith("#")}


@pytest.mark.parametrize("step", all_steps(), ids=lambda step: step.name)
def test_what_a_step_installs_is_what_the_repository_installs_for_it(step):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    to_run, (first, *to_test) = (
        (step / name).read_text("utf-8").splitlines() for name in ("requirements.txt", "requirements-test.txt")
    )
    extras = project["optional-dependencies"]
    assert names(to_run) <= names(project["dependencies"])
    assert first == "-r requirements.txt"
    assert names(to_test) <= names(project["dependencies"] + extras["test"] + extras["fast"]) - names(to_run)


def test_the_two_supported_pairs_of_python_and_django():
    import django

    newest = django.VERSION[:2] >= (6, 0)
    assert newest == (sys.version_info >= (3, 12))


def test_the_servers_of_compose_listen_where_it_says_and_a_step_takes_the_addresses():
    text = (ROOT / "compose.yaml").read_text("utf-8")
    services = yaml.safe_load(text)["services"].values()
    ports = {published.split(":")[1] for service in services for published in service["ports"]}
    assert set(re.findall(r"://\S*?127\.0\.0\.1:(\d+)", text)) == ports
    variables = dict(re.findall(r"export (\w+)=(\S+)", text))
    assert "no issues" in manage(find_step("11"), variables.pop("DATABASE_URL"), "check", **variables)
