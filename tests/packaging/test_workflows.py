"""The workflows: read by actionlint and zizmor; what they run is pinned, and has no more rights than it needs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEXTS = {file.stem: file.read_text() for file in FILES}
WORKFLOWS: dict[str, dict[str, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = {f"{name}/{job}": what for name, workflow in WORKFLOWS.items() for job, what in workflow["jobs"].items()}
STEPS = [step for job in JOBS.values() for step in job.get("steps", ())]
RELEASE = WORKFLOWS["release"]["jobs"]
ACTIONLINT = "actionlint@v1.7.12"
ALONE = ("-no-color", "-shellcheck=", "-pyflakes=")  # the same findings on every machine, whatever else it has
# as packaging/deb/build names them; test_deb.py compares a built one with this form
DEBS = ["evcc-bridge_1.2.3-1~debian12_amd64.deb", "evcc-bridge_1.2.3-1~ubuntu24.04_armhf.deb"]


def run(*command: str | Path, directory: Path = ROOT, **variables: str) -> str:
    """What a command prints; AssertionError with that if it fails."""
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def actionlint() -> Path:
    """Built by Go at the first use, which takes ten seconds."""
    directory = ROOT / ".tools" / ACTIONLINT
    if not (directory / "actionlint").exists():
        go = shutil.which("go")
        if not go:
            pytest.skip("go is missing: apt-get install golang-go")
        run(go, "install", f"github.com/rhysd/actionlint/cmd/{ACTIONLINT}", GOBIN=str(directory))
    return directory / "actionlint"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_actionlint_finds_nothing(actionlint: Path) -> None:
    run(actionlint, *ALONE, *FILES)


@pytest.mark.slow
def test_actionlint_would_find_a_mistake(actionlint: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(TEXTS["release"].replace("needs: release\n", "needs: releases\n"))
    with pytest.raises(AssertionError, match="releases"):
        run(actionlint, *ALONE, wrong)


@pytest.fixture
def zizmor() -> Path:
    """Of this virtual environment, or of the machine."""
    found = shutil.which("zizmor", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not found:
        pytest.skip("zizmor is missing: scripts/test installs it")
    return Path(found)


def test_zizmor_finds_nothing(zizmor: Path) -> None:
    run(zizmor, "--offline", "--pedantic", "--no-progress", ".github")


def test_zizmor_would_find_a_mistake(zizmor: Path, tmp_path: Path) -> None:
    wrong = tmp_path / ".github/workflows/release.yml"
    wrong.parent.mkdir(parents=True)
    wrong.write_text(
        TEXTS["release"].replace('scripts/dist "$GITHUB_REF_NAME"', 'scripts/dist "${{ github.ref_name }}"')
    )
    with pytest.raises(AssertionError, match="template-injection"):
        run(zizmor, "--offline", "--pedantic", "--no-progress", ".github", directory=tmp_path)


def test_there_are_both() -> None:
    assert WORKFLOWS.keys() == {"release", "test"}


def test_every_action_is_pinned_by_its_commit_and_names_its_version() -> None:
    used = [line for text in TEXTS.values() for line in re.findall(r"^ *(?:- )?uses: (.+)", text, re.MULTILINE)]
    actions = [line for line in used if not line.startswith("./")]
    assert len(actions) >= 15
    assert [line for line in actions if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line)] == []


def test_an_action_has_one_commit_everywhere() -> None:
    used = {step["uses"] for step in STEPS if "uses" in step}
    assert len(used) == len({one.partition("@")[0] for one in used})


@pytest.mark.parametrize("name", JOBS)
def test_a_job_ends_and_has_the_rights_that_it_names(name: str) -> None:
    job = JOBS[name]
    assert WORKFLOWS[name.partition("/")[0]]["permissions"] == {}
    assert job["permissions"]
    assert "uses" in job or 0 < job["timeout-minutes"] <= 60


def test_who_may_write() -> None:
    writing = {
        name: {right for right, kind in job["permissions"].items() if kind == "write"} for name, job in JOBS.items()
    }
    assert {name: rights for name, rights in writing.items() if rights} == {
        "release/image": {"packages", "id-token", "attestations"},
        "release/release": {"contents", "id-token", "attestations"},
        "release/pypi": {"id-token"},
    }


def test_a_checkout_leaves_no_token_behind() -> None:
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) >= 5
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_nothing_depends_on_who_owns_the_repository() -> None:
    for text in TEXTS.values():
        assert not re.search(r"ghcr\.io/(?!\$\{\{ github\.repository \}\})", text)
        assert not re.search(r"https?://|github\.com|secrets\.", text)


def test_the_tests_are_those_of_this_repository() -> None:
    assert ".ci/run" in TEXTS["test"]
    ran = {word for step in STEPS for word in re.findall(r"(?:scripts|packaging|\.ci)/[\w/]+", step.get("run", ""))}
    assert [path for path in ran if not os.access(ROOT / path, os.X_OK)] == []
    supported = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert JOBS["test/pythons"]["strategy"]["matrix"]["python"] == supported


def test_a_release_is_tested_before_anything_is_published() -> None:
    assert {"test", "python"} <= set(RELEASE["image"]["needs"])
    assert {"test", "python", "deb", "image"} == set(RELEASE["release"]["needs"])
    assert RELEASE["pypi"]["needs"] == "release"
    assert RELEASE["pypi"]["environment"] == "pypi"
    assert '\non:\n  push:\n    tags: ["v*"]\n\n' in TEXTS["release"]


def test_images_and_packages_are_for_the_same_architectures() -> None:
    [build] = [step for step in RELEASE["image"]["steps"] if step.get("id") == "build"]
    assert build["with"]["platforms"].split(",") == RELEASE["deb"]["strategy"]["matrix"]["platform"]
    assert build["with"]["sbom"] is build["with"]["push"] is True


def test_every_file_of_a_release_has_the_name_that_its_checksum_names(tmp_path: Path) -> None:
    """GitHub gives a file with other characters in its name another one."""
    [script] = [step["run"] for step in RELEASE["release"]["steps"] if step.get("name") == "Name and sum the files"]
    dist = tmp_path / "dist"
    dist.mkdir()
    names = [*DEBS, "evcc_mqtt_bridge-1.2.3-py3-none-any.whl", "evcc_mqtt_bridge-1.2.3.tar.gz", "notes.md"]
    for name in names:
        (dist / name).write_text(name)
    run("bash", "-ec", script, directory=tmp_path)
    published = {file.name for file in dist.iterdir()}
    assert published == {name.replace("~", ".") for name in names if name != "notes.md"} | {"SHA256SUMS"}
    assert all(re.fullmatch(r"[\w.-]+", name) for name in published)
    assert run("sha256sum", "--check", "SHA256SUMS", directory=dist).count(": OK") == len(published) - 1
