"""What each step asks of a learner's code: NN.toml has the goals of a step, in the order in which to reach them."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Goal:
    """`tests` are files of tests, or single functions of them: tests/test_x.py::test_y.

    `also_runs` are those of its tests that a check runs although they are traps or need a service. The
    tests of a `carried` goal are of earlier steps, and a check runs those of them that need no server. `hint_for` has
    hints for single tests, by the names of their functions.
    """

    says: str
    tests: tuple
    hints: tuple
    also_runs: tuple = ()
    carried: bool = False
    hint_for: dict = field(default_factory=dict)

    def has(self, test):
        """Is this one of its tests? `test` is a node id of pytest, or a file of tests that could not be imported."""
        name = test.partition("[")[0]
        if "::" not in name:
            return any(each.partition("::")[0] == name for each in self.tests)
        return name in self.tests or name.partition("::")[0] in self.tests


@dataclass(frozen=True)
class Task:
    """`relies_on` are names that the tests use, a line each; `leaves_out` are tests that take too long."""

    goals: list
    relies_on: list
    leaves_out: list


def read(step):
    """What the step in this folder asks for."""
    return parsed(tomllib.loads(Path(__file__).with_name(f"{step.name[:2]}.toml").read_text("utf-8")))


def parsed(said):
    """The task that a file of goals, or an exercise.toml, has."""
    return Task([Goal(**each) for each in said["goal"]], said["relies_on"], said.get("leaves_out", []))
