"""The systemd unit is hardened, and says nothing that systemd does not understand."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.settings.model import options

UNIT = Path(__file__).parents[2] / "packaging/evcc-bridge.service"
WORST_EXPOSURE = 1.5  # of 10; what systemd calls OK begins at 5

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is missing: apt-get install systemd"
)


def analyze(*arguments: str | Path) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_exposure_is_low() -> None:
    last = analyze("security", "--offline=yes", "--no-pager", UNIT).strip().splitlines()[-1]
    exposure = float(last.partition(": ")[2].split()[0])
    assert exposure <= WORST_EXPOSURE, last


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    installed = "/opt/evcc-bridge/bin/evcc-bridge"
    text = UNIT.read_text().replace(installed, "/bin/true")
    assert text != UNIT.read_text()
    unit.write_text(text)
    ours = [line for line in analyze("verify", "--man=no", unit).splitlines() if UNIT.name in line]
    assert ours == []


@pytest.mark.parametrize("line", ["Wants", "After"])
@pytest.mark.parametrize("target", ["network-online.target", "time-sync.target"])
def test_it_starts_once_there_is_a_network_and_the_time_is_known(line: str, target: str) -> None:
    """A Raspberry Pi has no clock: its time may be months off until then."""
    [units] = re.findall(rf"^{line}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert target in units.split()


def test_a_mistyped_line_would_be_seen(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("Restart=always", "Restrat=always"))
    assert "Restrat" in analyze("verify", "--man=no", unit)


def test_the_credentials_it_names_are_options() -> None:
    lines = [line.partition("LoadCredential=")[2] for line in UNIT.read_text().splitlines()]
    named = [line.partition(":")[0] for line in lines if line]
    assert named
    assert {name.replace("__", "_").upper() for name in named} <= options().keys()
