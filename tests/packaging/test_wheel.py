"""The wheel and the source distribution hold what they should, and nothing else."""

import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = {"PKG-INFO", ".gitignore"}  # hatchling's own
FEW = 16  # libraries that the bridge needs to run


def build(source: Path, out: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out)
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(dist.glob("*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def sources(*folders: str) -> set[str]:
    """The files in folders of the repository."""
    files = {file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()}
    return {str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts}


def test_the_wheel_is_the_two_packages_and_the_manual_page(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    [page] = (name for name in names if name.endswith(".data/data/share/man/man1/evcc-bridge.1"))
    assert names - {page} == sources("bridge", "evcc_simulator")
    assert wheel.read(page) == (ROOT / "packaging/evcc-bridge.1").read_bytes()


def test_the_wheel_is_pure_and_typed(dist: Path, wheel: zipfile.ZipFile) -> None:
    assert next(dist.glob("*.whl")).name.endswith("-py3-none-any.whl")
    assert "bridge/py.typed" in wheel.namelist()


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile, metadata: Message) -> None:
    assert metadata["Name"] == "evcc-mqtt-bridge"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "evcc" in str(metadata.get_payload())  # the README
    entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "evcc-bridge = bridge.cli:main" in wheel.read(entry).decode()
    assert any(name.endswith("/licenses/LICENSE") for name in wheel.namelist())


def test_it_needs_little(metadata: Message) -> None:
    needed = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert 0 < len(needed) <= FEW


def test_the_source_distribution_is_all_it_is_made_of_and_nothing_else(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as tar:
        names = {member.name.partition("/")[2] for member in tar.getmembers() if not member.isdir()}
        tar.extractall(tmp_path, filter="data")
    project = ("bridge", "docs", "evcc_simulator", "mosquitto", "packaging", "requirements", "scripts", "tests")
    folders = (".ci", ".github", *project)
    single = {"CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "README.md", "docker-compose.yml"}
    assert names == sources(*folders) | single | {".dockerignore", "pyproject.toml"} | GENERATED
    again = tmp_path / "again"
    build(next(tmp_path.glob("evcc_mqtt_bridge-*")), again)
    assert contents(next(again.glob("*.whl"))) == contents(next(dist.glob("*.whl")))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}
