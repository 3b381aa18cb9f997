"""`scripts/dist` builds what is released, and refuses the tag of another version; the SBOM names each library."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n## 1.3.0 (unreleased)\n\n- Later.\n\n## 1.2.3\n\n- A change.\n\n## 1.2.2\n\n- Earlier.\n"
STAND_IN = """#!/bin/sh
case "$*" in
"-m hatchling version") echo "$VERSION" ;;
"-m hatchling build "*) mkdir -p dist; touch dist/wheel ;;
scripts/sbom.py*) echo "$2" ;;
esac
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The script, and a stand-in for Python."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/dist", tmp_path / "scripts")
    lib = (ROOT / "scripts/lib.sh").read_text() + "\nprepare() { :; }\n"
    (tmp_path / "scripts/lib.sh").write_text(lib)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(STAND_IN)
    python.chmod(0o755)
    return tmp_path


def dist(repository: Path, *tag: str, version: str = "1.2.3") -> tuple[str, Mapping[str, str]]:
    """What it prints, and the files that it makes."""
    done = subprocess.run(
        [repository / "scripts/dist", *tag],
        env={"PATH": os.environ["PATH"], "VERSION": version},
        capture_output=True,
        text=True,
        check=False,
    )
    files = {file.name: file.read_text() for file in repository.glob("dist/*")}
    assert (done.returncode == 0) == bool(files)
    return done.stderr, files


@pytest.mark.parametrize("tag", [["v1.2.3"], []])
def test_it_builds_what_a_tag_is_for(repository: Path, tag: list[str]) -> None:
    _, files = dist(repository, *tag)
    assert files == {"wheel": "", "evcc-mqtt-bridge-1.2.3.cdx.json": "1.2.3\n", "notes.md": "\n- A change.\n"}


@pytest.mark.parametrize("tag", ["v1.2.4", "1.2.3", "v1.2.3rc1"])
def test_the_tag_of_another_version_is_refused(repository: Path, tag: str) -> None:
    printed, _ = dist(repository, tag)
    assert printed == f"the tag is {tag}, but bridge/__init__.py has version 1.2.3\n"


def test_a_version_without_notes_is_refused(repository: Path) -> None:
    printed, _ = dist(repository, "v1.3.0", version="1.3.0")
    assert printed == 'CHANGELOG.md has no section "## 1.3.0"\n'


def test_the_sbom_names_each_locked_library() -> None:
    command = [sys.executable, "scripts/sbom.py", "1.2.3"]
    sbom = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert sbom["metadata"]["component"]["purl"] == "pkg:pypi/evcc-mqtt-bridge@1.2.3"
    locked = re.findall(r"^(\S+)==(\S+)", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE)
    assert [(one["name"], one["version"]) for one in sbom["components"]] == locked
    assert {one["purl"] for one in sbom["components"]} >= {f"pkg:pypi/{name}@{version}" for name, version in locked}
