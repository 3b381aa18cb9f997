"""The locks are installed as they are, by old versions of pip too, where an index has newer versions of everything."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.index import NEWER, REAL, Index
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
OLDEST = "23.0.1"  # what Debian 12 has
BUNDLED = ""  # the one that comes with this Python
PIPS = (OLDEST, BUNDLED)
INSTALLATIONS = [
    *((pip, lock) for pip in PIPS for lock in ("run", "dev")),
    *((OLDEST, lock) for lock in ("demo", "lowest", "audit")),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(15 * PATIENCE)]


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    try:
        urlopen(f"{REAL}/pip/").close()
    except URLError as error:
        pytest.skip(f"no package index can be reached: {error}")
    with Index() as index:
        yield index


@pytest.fixture
def virtual_environment(tmp_path: Path, pip: str) -> Path:
    """An empty one, with this version of pip."""
    made = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", made], check=True)
    if pip:
        run_pip(made, "install", "--quiet", "--index-url", REAL, f"pip=={pip}")
    return made


def run_pip(environment: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: text for name, text in os.environ.items() if name not in {"PIP_FIND_LINKS", "PIP_INDEX_URL"}}
    command = [str(environment / "bin/python"), "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    return subprocess.run(command, env=inherited | variables, check=True, capture_output=True, text=True)


def installed(environment: Path) -> dict[str, str]:
    """The versions of all packages but those that every environment begins with."""
    listed = json.loads(run_pip(environment, "list", "--format=json").stdout)
    found = {canonicalize_name(one["name"]): one["version"] for one in listed}
    return {name: version for name, version in found.items() if name not in {"pip", "setuptools"}}


def locked(lock: str) -> dict[str, str]:
    """The versions that a lock names for this machine."""
    text = (ROOT / f"requirements/{lock}.txt").read_text()
    lines = map(Requirement, re.findall(r"^([^\s#][^\\\n]*==[^\\\n]*?) *\\?$", text, re.MULTILINE))
    applying = [one for one in lines if one.marker is None or one.marker.evaluate()]
    return {one.name: str(one.specifier).removeprefix("==") for one in applying}


def install(environment: Path, lock: str, index: Index) -> subprocess.CompletedProcess[str]:
    """As the scripts do it."""
    variables = {"PIP_INDEX_URL": index.url, "PIP_FIND_LINKS": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    script = f'source {ROOT}/scripts/lib.sh; environment "$0" "$1" "$2"'
    command = ["bash", "-c", script, str(environment), sys.executable, lock]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("pip", "lock"), INSTALLATIONS)
def test_a_lock_is_installed_as_it_is(virtual_environment: Path, index: Index, lock: str) -> None:
    done = install(virtual_environment, lock, index)
    assert done.returncode == 0, done.stderr
    assert installed(virtual_environment) == {name: version for name, version in locked(lock).items() if name != "pip"}


@pytest.mark.parametrize("pip", PIPS, ids=lambda pip: pip or "bundled")
def test_the_index_offers_something_newer(virtual_environment: Path, index: Index) -> None:
    run_pip(virtual_environment, "install", "--quiet", "--index-url", index.url, "coverage[toml]")
    assert installed(virtual_environment) == {"coverage": NEWER}


@pytest.mark.parametrize("pip", PIPS, ids=lambda pip: pip or "bundled")
def test_the_resolver_would_fail(virtual_environment: Path, index: Index) -> None:
    """It finds `coverage[toml]`, which pytest-cov wants and the lock names without the extra."""
    lock = ROOT / "requirements/dev.txt"
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run_pip(virtual_environment, "install", "--index-url", index.url, "--require-hashes", "-r", lock)
    assert "coverage" in caught.value.stderr
