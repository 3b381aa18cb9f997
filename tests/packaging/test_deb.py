"""The Debian package on a real Debian with a real systemd: install, configure, start, upgrade, remove."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path, PurePath

import pytest
import yaml

from evcc_simulator import Evcc
from tests.broker.client import retained
from tests.broker.mosquitto import Config, Mosquitto
from tests.broker.recorder import Recorder
from tests.packaging.machine import Machine, bootstrap, missing
from tests.patience import PATIENCE, limit
from tests.site.running import expected, state_topics

ROOT = Path(__file__).parents[2]
CONFIG = "/etc/evcc-bridge.toml"
SHELL_FILES = (
    "/usr/share/man/man1/evcc-bridge.1.gz",
    "/usr/share/bash-completion/completions/evcc-bridge",
    "/usr/share/zsh/vendor-completions/_evcc-bridge",
    "/usr/share/fish/vendor_completions.d/evcc-bridge.fish",
)
# what is printed at the installation and what packaging/README.md shows
CHECK = "env CREDENTIALS_DIRECTORY=/run/credentials/evcc-bridge.service evcc-bridge check"
USER_UNIT = ROOT / "packaging/pipx/evcc-bridge.service"
RUNTIME = "XDG_RUNTIME_DIR=/run/user/1000"  # what pam_systemd sets, which the machine does not have
NEW_DEFAULT = "\n[topics]\n#aliases = true\n"
# as unattended upgrades do it: nobody is there to be asked
UPGRADE = ("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-confdef", "--force-confold", "--install")
StartBroker = Callable[[Config], Awaitable[Mosquitto]]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(15 * PATIENCE),
    pytest.mark.skipif(bool(missing()), reason=str(missing())),
]


def build(source: Path, out: Path) -> Path:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    command = [str(source / "packaging/deb/build"), str(out)]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the package is made of, as it is now."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("bridge", "docs", "evcc_simulator", "packaging", "requirements"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def package(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp("deb"))


@pytest.fixture(scope="module")
def next_package(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The next one, with other defaults in its configuration: building it anew would take long and show no more."""
    tree = tmp_path_factory.mktemp("next") / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control, config, sums = (tree / name for name in ("DEBIAN/control", CONFIG.strip("/"), "DEBIAN/md5sums"))
    control.write_text(control.read_text().replace("-1~", "-2~", 1))
    before = md5(config)
    config.write_text(config.read_text() + NEW_DEFAULT)
    sums.write_text(sums.read_text().replace(before, md5(config)))
    subprocess.run(["dpkg-deb", "-z1", "--build", tree, tree.with_suffix(".deb")], check=True, capture_output=True)
    return tree.with_suffix(".deb")


def md5(file: Path) -> str:
    """What dpkg knows a file by."""
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Machine(bootstrap(ROOT / ".cache"), tmp_path / "machine") as booted:
        yield booted


@pytest.fixture
def installed(machine: Machine, package: Path) -> Machine:
    machine.forbid_starts()
    machine.run("dpkg", "--install", machine.copy(package))
    return machine


def files(machine: Machine) -> set[str]:
    """Every file of the machine, but for logs, dpkg's own records and what is gone when it is off."""
    elsewhere = [f"-path /{name} -prune -o" for name in ("dev", "proc", "run", "sys", "tmp", "var/lib/dpkg", "var/log")]
    listed = machine.run("find", "/", *" ".join(elsewhere).split(), "-print")
    return set(listed.splitlines()) - {"/opt"}  # belongs to nobody: dpkg clears it away when nothing is in it


def accounts(machine: Machine) -> str:
    return machine.path("/etc/passwd").read_text() + machine.path("/etc/group").read_text()


def state(machine: Machine, *properties: str) -> list[str]:
    """What systemd says about the service."""
    show = ("systemctl", "show", "evcc-bridge", "--value")
    return [machine.run(*show, f"--property={one}").strip() for one in properties]


def test_it_installs_enables_and_runs(installed: Machine) -> None:
    assert installed.run("evcc-bridge", "--version").split()[-1].startswith("0.")
    assert installed.run("systemctl", "is-enabled", "evcc-bridge").strip() == "enabled"
    assert installed.run("dpkg", "--verify", "evcc-bridge") == ""
    assert "ok installed" in installed.run("dpkg", "--status", "evcc-bridge")
    listed = installed.run("dpkg", "--listfiles", "evcc-bridge").split()
    assert {*SHELL_FILES} <= {*listed}
    assert all("completion" in installed.path(file).read_text() for file in SHELL_FILES[1:])


def test_it_makes_no_account(machine: Machine, package: Path) -> None:
    before = accounts(machine)
    machine.forbid_starts()
    machine.run("dpkg", "--install", machine.copy(package))
    assert accounts(machine) == before


def test_the_configuration_it_brings_is_valid_and_read(installed: Machine) -> None:
    assert "No such option" not in installed.run("evcc-bridge", "check", "--quick", check=False)
    config = installed.path(CONFIG)
    config.write_text(config.read_text().replace("#url", "urll", 1))
    assert "urll" in installed.run("evcc-bridge", "check", "--quick", check=False)


def test_a_mistake_in_the_configuration_is_not_tried_again_and_again(installed: Machine) -> None:
    installed.path(CONFIG).write_text('[evcc]\ninterval = "soon"\n')
    installed.run("systemctl", "start", "evcc-bridge", check=False)
    assert state(installed, "ActiveState", "ExecMainStatus") == ["failed", "2"]


@pytest.mark.parametrize("was", ["enabled", "disabled"])
def test_an_upgrade_keeps_what_the_user_wrote_disabled_and_stopped(
    installed: Machine, next_package: Path, was: str
) -> None:
    """The package starts what it may, and the new defaults, which differ from those of before, lie beside."""
    own = '[evcc]\nurl = "http://192.0.2.1:7070"\n'
    installed.path(CONFIG).write_text(own)
    installed.run("systemctl", was.removesuffix("d"), "evcc-bridge")
    installed.allow_starts()
    installed.run(*UPGRADE, installed.copy(next_package))
    assert "-2~" in installed.run("dpkg-query", "--show", "--showformat=${Version}", "evcc-bridge")
    assert installed.path(CONFIG).read_text() == own
    assert installed.path(f"{CONFIG}.dpkg-dist").read_text().endswith(NEW_DEFAULT)
    assert state(installed, "UnitFileState", "ActiveState") == [was, "inactive"]


def test_an_upgrade_brings_new_defaults_where_the_user_wrote_nothing(installed: Machine, next_package: Path) -> None:
    installed.run(*UPGRADE, installed.copy(next_package))
    assert installed.path(CONFIG).read_text().endswith(NEW_DEFAULT)
    assert installed.run("dpkg", "--verify", "evcc-bridge") == ""


def test_removing_keeps_the_configuration_and_purging_leaves_nothing(machine: Machine, package: Path) -> None:
    machine.forbid_starts()
    copied = machine.copy(package)
    before = files(machine)
    machine.run("dpkg", "--install", copied)
    assert before - files(machine) == set()
    assert len(files(machine) - before) > 1_000
    machine.run("dpkg", "--remove", "evcc-bridge")
    assert machine.path(CONFIG).exists()
    assert not machine.path("/opt/evcc-bridge").exists()
    machine.run("dpkg", "--purge", "evcc-bridge")
    assert files(machine) ^ before == set()
    assert state(machine, "LoadState") == ["not-found"]


def test_the_release_takes_it(package: Path) -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    uploaded = workflow["jobs"]["deb"]["steps"][-1]["with"]["path"]
    assert PurePath("dist", package.name).match(uploaded)
    assert re.fullmatch(r"evcc-bridge_[\d.]+-1~[a-z]+[\d.]*_\w+\.deb", package.name)  # test_workflows.py names some


def test_the_same_input_gives_the_same_package(source: Path, package: Path, tmp_path: Path) -> None:
    assert build(source, tmp_path).read_bytes() == package.read_bytes()


@pytest.fixture
async def evcc() -> AsyncIterator[Evcc]:
    async with Evcc(interval=0.5) as simulated:
        yield simulated


@pytest.fixture
async def service(installed: Machine, evcc: Evcc, start_broker: StartBroker) -> tuple[Machine, Mosquitto]:
    """The package, set up for a broker with passwords as the unit describes it, and started."""
    broker = await start_broker(Config(users={"bridge": "s3cret"}))
    installed.path(CONFIG).write_text(
        f'[evcc]\nurl = "{evcc.url}"\n[mqtt]\nurl = "mqtt://127.0.0.1:{broker.port}"\nuser = "bridge"\n'
    )
    secret = installed.path("/etc/evcc-bridge.mqtt-password")
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    installed.write(
        "/etc/systemd/system/evcc-bridge.service.d/local.conf",
        "[Service]\nLoadCredential=mqtt__password:/etc/evcc-bridge.mqtt-password\nRestartSec=100ms\nWatchdogSec=3\n",
    )
    await inside(installed, "systemctl", "daemon-reload")
    await inside(installed, "systemctl", "start", "evcc-bridge")  # returns once the bridge says that it is ready
    return installed, broker


async def inside(machine: Machine, *command: str) -> str:
    """Run a command while the simulated evcc goes on."""
    return await asyncio.to_thread(machine.run, *command)


Service = tuple[Machine, Mosquitto]


async def test_it_is_ready_when_all_is_there(service: Service, evcc: Evcc) -> None:
    machine, broker = service
    assert state_topics(await retained(broker)).keys() == expected(evcc.state).keys()
    active, status = state(machine, "ActiveState", "StatusText")
    assert active == "active"
    assert "topics" in status


async def test_check_uses_the_passwords_of_the_service(service: Service) -> None:
    machine, _ = service
    assert f"sudo {CHECK}\n" in (ROOT / "packaging/README.md").read_text()
    await inside(machine, *CHECK.split())
    without = await asyncio.to_thread(machine.run, "evcc-bridge", "check", "--quick", check=False)
    assert "mqtt.password" in without


async def test_it_is_nobody(service: Service) -> None:
    machine, _ = service
    pid = int(state(machine, "MainPID")[0])
    status = machine.run("cat", f"/proc/{pid}/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(facts["Uid"].split()[0]) >= 61_184  # where systemd's dynamic users begin
    assert int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"


async def test_a_reload_takes_the_new_configuration_and_loses_no_value(
    service: Service, record: Callable[..., Awaitable[Recorder]]
) -> None:
    machine, broker = service
    recorder = await record(broker, "evcc/#")
    before = state(machine, "MainPID")
    config = machine.path(CONFIG)
    config.write_text(config.read_text() + '[topics]\nexclude = ["site/pvPower"]\n')
    await inside(machine, "systemctl", "reload", "evcc-bridge")
    await recorder.value("evcc/site/pvPower", "")
    assert state(machine, "MainPID") == before
    erased = {record.topic for record in recorder.records if not record.stored and not record.payload}
    assert erased == {"evcc/site/pvPower"}


async def test_an_upgrade_restarts_what_runs_with_its_configuration(
    service: Service, evcc: Evcc, next_package: Path, record: Callable[..., Awaitable[Recorder]]
) -> None:
    machine, broker = service
    machine.allow_starts()
    config = machine.path(CONFIG)
    before, own = state(machine, "MainPID"), config.read_text()
    recorder = await record(broker, "evcc/#")
    # returns once the bridge is ready
    printed = await inside(machine, *UPGRADE, machine.copy(next_package))
    assert CHECK not in printed
    await recorder.until(lambda: recorder.payloads("evcc/status")[-2:] == [b"offline", b"online"])
    assert state(machine, "MainPID") != before
    assert state(machine, "ActiveState", "NRestarts") == ["active", "0"]  # ended by the package, not by a fault
    assert config.read_text() == own
    assert state_topics(recorder.tree()).keys() == expected(evcc.state).keys()


async def test_it_is_started_by_its_installation_and_stopped_by_its_removal(
    machine: Machine, package: Path, evcc: Evcc, broker: Mosquitto
) -> None:
    addresses = f"Environment=EVCC_URL={evcc.url} MQTT_URL={broker.url}"
    machine.write("/etc/systemd/system/evcc-bridge.service.d/local.conf", f"[Service]\n{addresses}\n")
    printed = await inside(machine, "dpkg", "--install", machine.copy(package))
    assert CONFIG in printed
    assert CHECK in printed
    assert state(machine, "ActiveState", "UnitFileState") == ["active", "enabled"]
    assert (await retained(broker, "evcc/status"))["evcc/status"] == b"online"
    await inside(machine, "dpkg", "--remove", "evcc-bridge")
    assert (await retained(broker, "evcc/status"))["evcc/status"] == b"offline"
    assert state(machine, "ActiveState", "MainPID") == ["inactive", "0"]


async def test_it_stops_fast_and_says_so(service: Service) -> None:
    machine, broker = service
    begin = time.monotonic()
    await inside(machine, "systemctl", "stop", "evcc-bridge")
    assert time.monotonic() - begin < limit(2)
    assert state(machine, "ActiveState", "Result") == ["inactive", "success"]
    assert (await retained(broker, "evcc/status"))["evcc/status"] == b"offline"


@pytest.mark.parametrize(("signal", "reason"), [("KILL", "signal"), ("STOP", "watchdog")])
async def test_a_killed_or_frozen_one_is_replaced(
    service: Service, record: Callable[..., Awaitable[Recorder]], signal: str, reason: str
) -> None:
    machine, broker = service
    recorder = await record(broker, "evcc/status")
    before = state(machine, "MainPID")
    await inside(machine, "systemctl", "kill", "--kill-whom=main", f"--signal={signal}", "evcc-bridge")
    await recorder.until(lambda: recorder.payloads("evcc/status")[-2:] == [b"offline", b"online"])
    assert state(machine, "MainPID") != before
    assert reason in await inside(machine, "journalctl", "--unit=evcc-bridge")


async def test_a_user_runs_it_without_root(installed: Machine, evcc: Evcc, start_broker: StartBroker) -> None:
    """The unit for pipx in the systemd of a user, with the package's program in the place of that of pipx."""
    broker = await start_broker(Config(users={"bridge": "s3cret"}))
    unit = USER_UNIT.read_text().replace("#LoadCredential=mqtt", "LoadCredential=mqtt")
    installed.write("/home/someone/.config/systemd/user/evcc-bridge.service", unit)
    config = f'[evcc]\nurl = "{evcc.url}"\n[mqtt]\nurl = "{broker.url}"\nuser = "bridge"\n'
    installed.write("/home/someone/.config/evcc-bridge.toml", config)
    installed.write("/home/someone/.config/evcc-bridge.mqtt-password", "s3cret\n")
    installed.write("/etc/systemd/system/user@.service.d/local.conf", f"[Service]\nEnvironment={RUNTIME}\n")
    for command in (
        "install -d /home/someone/.local/bin",
        "ln -s /opt/evcc-bridge/bin/evcc-bridge /home/someone/.local/bin/",
        "useradd --uid 1000 someone",
        "chown -R someone: /home/someone",
        "systemctl daemon-reload",
        "systemctl start user@1000",
        f"runuser -u someone -- env {RUNTIME} systemctl --user start evcc-bridge",  # returns once it is ready
    ):
        await inside(installed, *command.split())
    assert (await retained(broker, "evcc/status"))["evcc/status"] == b"online"
    await inside(installed, "systemctl", "stop", "user@1000")
    assert (await retained(broker, "evcc/status"))["evcc/status"] == b"offline"
