"""The systemd units are hardened, and say nothing that systemd does not understand."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.settings.model import options

PACKAGING = Path(__file__).parents[2] / "packaging"
UNIT = PACKAGING / "evcc-bridge.service"
USER_UNIT = PACKAGING / "pipx/evcc-bridge.service"
WORST_EXPOSURE = 1.5  # of 10; what systemd calls OK begins at 5

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is missing: apt-get install systemd"
)


def analyze(*arguments: str | Path) -> str:
    environment = {**os.environ, "XDG_RUNTIME_DIR": "/tmp"}  # without one it reads no user's units
    command = ["systemd-analyze", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def verified(unit: Path, directory: Path, change: tuple[str, str] = ("", "")) -> list[str]:
    """What systemd finds wrong with a unit, whose program need not be there; with a change to its text."""
    text = re.sub("^ExecStart=.*", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE).replace(*change)
    copy = directory / unit.name
    copy.write_text(text)
    manager = "--user" if unit == USER_UNIT else "--system"
    said = analyze("verify", "--man=no", manager, copy).splitlines()
    return [line for line in said if unit.name in line or line.startswith("Failed")]


def lines(unit: Path) -> set[str]:
    """What a unit has beside comments."""
    return {line for line in unit.read_text().splitlines() if line and not line.startswith("#")}


def test_the_exposure_is_low() -> None:
    last = analyze("security", "--offline=yes", "--no-pager", UNIT).strip().splitlines()[-1]
    exposure = float(last.partition(": ")[2].split()[0])
    assert exposure <= WORST_EXPOSURE, last


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "user"])
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    assert verified(unit, tmp_path) == []


@pytest.mark.parametrize("line", ["Wants", "After"])
@pytest.mark.parametrize("target", ["network-online.target", "time-sync.target"])
def test_it_starts_once_there_is_a_network_and_the_time_is_known(line: str, target: str) -> None:
    """A Raspberry Pi has no clock: its time may be months off until then."""
    [units] = re.findall(rf"^{line}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert target in units.split()


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "user"])
def test_a_mistyped_line_would_be_seen(unit: Path, tmp_path: Path) -> None:
    [line] = verified(unit, tmp_path, ("Restart=always", "Restrat=always"))
    assert "Restrat" in line


def test_the_users_unit_has_what_the_systems_has_but_for_places() -> None:
    own = lines(USER_UNIT) - lines(UNIT)
    assert own == {
        "ExecStart=%h/.local/bin/evcc-bridge run",
        "Environment=CONFIG=%E/evcc-bridge.toml",
        "WantedBy=default.target",
    }


@pytest.mark.parametrize("unit", [UNIT, USER_UNIT], ids=["system", "user"])
def test_the_credentials_it_names_are_options(unit: Path) -> None:
    named = re.findall(r"^#LoadCredential=(\w+):", unit.read_text(), re.MULTILINE)
    assert named
    assert {name.replace("__", "_").upper() for name in named} <= options().keys()
