"""`scripts/check` where something cannot be reached or is not well; what it calls are stand-ins that note how."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = "https://pypi.org/simple/"
VULNERABILITIES = "https://pypi.org/pypi/"
PROGRAMS = (
    ".venv/bin/python",
    ".venv/bin/ruff",
    ".venv/bin/mypy",
    ".venv-audit/bin/pip-audit",
    ".venv-lowest/bin/python",
    "scripts/lock",
)
AUDITED = ("run", "demo", "find", "dev", "audit")
BUILT_FOR = ["x86_64", "aarch64", "armv7l"]

# answers for the indexes that can be reached, and fails at calls in which a certain word is
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in
*urllib.request*)
    for index in $REACHED; do case "$3" in "$index"*) exit 0 ;; esac; done
    exit 1 ;;
esac
case "$0 $*" in *"$WRONG"*) exit 1 ;; esac
"""


@dataclass
class Checked:
    """What a run said, and what it called."""

    code: int
    said: list[str]
    calls: list[str]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The script with what it reads, and stand-ins for all that it calls."""
    repository = tmp_path / "repository"
    (repository / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/check", repository / "scripts")
    shutil.copy(ROOT / "Dockerfile", repository)
    installs_nothing = """
prepare() { :; }
need() { :; }
find_python() { echo python3; }
environment() { echo "environment $*" >> "$CALLS"; }
"""
    (repository / "scripts/lib.sh").write_text((ROOT / "scripts/lib.sh").read_text() + installs_nothing)
    for program in PROGRAMS:
        file = repository / program
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(STAND_IN)
        file.chmod(0o755)
    return repository


def check(repository: Path, *reached: str, wrong: str = "nothing at all", options: Sequence[str] = ()) -> Checked:
    calls = repository / "calls"
    environment = {"PATH": os.environ["PATH"], "CALLS": str(calls), "REACHED": " ".join(reached), "WRONG": wrong}
    done = subprocess.run(
        [repository / "scripts/check", *options], env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    return Checked(done.returncode, done.stderr.splitlines(), calls.read_text().splitlines())


def test_every_lock_is_audited_and_every_architecture_looked_at(repository: Path) -> None:
    checked = check(repository, PACKAGES, VULNERABILITIES)
    audits = [call.rpartition("/")[2] for call in checked.calls if call.startswith("pip-audit ")]
    wheels = [call for call in checked.calls if "pip download" in call]
    assert (checked.code, checked.said[-1]) == (0, "all is well")
    assert audits == [f"{lock}.txt" for lock in AUDITED]
    assert [name for name, call in zip(BUILT_FOR, wheels, strict=True) if f"manylinux_2_28_{name}" in call] == BUILT_FOR
    assert all("--only-binary :all: --no-deps --require-hashes --python-version 3.13 " in call for call in wheels)
    assert not any(line.startswith("!!") for line in checked.said)


@pytest.mark.parametrize(
    ("reached", "unseen"),
    [
        ((PACKAGES,), ["NOT AUDITED"]),
        ((VULNERABILITIES,), ["NOT CHECKED"]),
        ((), ["NOT CHECKED", "NOT AUDITED"]),
    ],
)
def test_what_was_not_looked_at_is_said_loudly_and_again_at_the_end(
    repository: Path, reached: tuple[str, ...], unseen: list[str]
) -> None:
    checked = check(repository, *reached)
    loud = [line.removeprefix("!! ").partition(":")[0] for line in checked.said if line.startswith("!!")]
    assert loud == unseen * 2
    *end, last = checked.said[-len(unseen) - 1 :]
    assert all(line.startswith("!!") for line in end)
    assert last == "all that could be looked at is well"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("ruff check", "ruff"),
        ("mypy", "mypy"),
        ("lock --check", "lock"),
        ("manylinux_2_17_armv7l", "wheels for armv7l"),
        ("dev.txt", "known vulnerabilities in requirements/dev.txt"),
    ],
)
def test_what_is_not_well_is_named_at_the_end(repository: Path, wrong: str, named: str) -> None:
    checked = check(repository, PACKAGES, VULNERABILITIES, wrong=wrong)
    assert (checked.code, checked.said[-1]) == (1, f"failed: {named}")


def test_the_lowest_versions_are_installed_and_run_the_tests_that_start_the_daemon(repository: Path) -> None:
    environment, pytest_call = check(repository, options=("--lowest", "-x")).calls
    assert environment == "environment .venv-lowest python3 lowest"
    assert pytest_call.startswith("python -m pytest ")
    assert pytest_call.endswith(" -x")
    named = [word for word in pytest_call.split() if word.startswith("tests/")]
    assert {"tests/site/test_process.py", "tests/cli/test_main.py"} <= set(named)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_tests_that_fail_with_the_lowest_versions_are_a_failure(repository: Path) -> None:
    assert check(repository, wrong="pytest", options=("--lowest",)).code == 1
