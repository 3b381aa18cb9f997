"""The broker as docker-compose.yml starts it: `mosquitto/start` with `mosquitto.conf` and `acl`."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiomqtt import Client, MqttError

from tests.broker.mosquitto import HOST
from tests.broker.ports import free_port, listens
from tests.patience import PATIENCE

OURS = Path(__file__).parents[2] / "mosquitto"
PASSWORDS = {"BRIDGE_PASSWORD": "b", "CONTROLLER_PASSWORD": "$c 'd\"", "READER_PASSWORD": ""}
PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"

pytestmark = pytest.mark.broker


@asynccontextmanager
async def started(directory: Path, within: Sequence[str] = (), seen_at: str | None = None) -> AsyncIterator[int]:
    """The port of our broker, which has the container's paths below `directory`, seen there as `seen_at`."""
    port, run = free_port(), seen_at or str(directory)
    config = shutil.copytree(OURS, directory / "config", dirs_exist_ok=True)
    conf = (config / "mosquitto.conf").read_text().replace("listener 1883", f"user root\nlistener {port} {HOST}")
    for path in ("/mosquitto/data/", "/run/mosquitto/"):
        assert path in conf
        conf = conf.replace(path, f"{run}/")
    (config / "mosquitto.conf").write_text(conf)
    process = await asyncio.create_subprocess_exec(
        *(*within, "/bin/sh", f"{run}/config/start"), env={"PATH": PATH, "RUN": run, **PASSWORDS}
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while not listens(process.pid, port):
                assert process.returncode is None
                await asyncio.sleep(0.01)
        yield port
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    async with started(tmp_path) as port:
        yield port


def login(port: int, user: str | None, password: str | None) -> Client:
    return Client(HOST, port, username=user, password=password)


async def test_who_has_a_password_may_what_the_acl_says(port: int) -> None:
    controller = login(port, "controller", PASSWORDS["CONTROLLER_PASSWORD"])
    async with controller, login(port, "bridge", "b") as bridge, asyncio.timeout(PATIENCE):
        await controller.subscribe("evcc/#")
        await controller.publish("evcc/status", "by the controller", qos=1)
        await bridge.publish("evcc/status", "by the bridge", qos=1)
        assert (await anext(controller.messages)).payload == b"by the bridge"


@pytest.mark.parametrize(
    ("user", "password"), [(None, None), ("bridge", ""), ("bridge", "c"), ("reader", ""), ("kitchen", "b")]
)
async def test_nobody_else_comes_in(port: int, user: str | None, password: str | None) -> None:
    with pytest.raises(MqttError, match=r"(?i)not authori[sz]ed"):
        async with login(port, user, password):
            pytest.fail("came in")


@pytest.fixture
def kitchen(tmp_path: Path) -> None:
    """A file of passwords beside `start`, with this user."""
    file = tmp_path / "config/passwords"
    file.parent.mkdir()
    file.touch()
    subprocess.run(["mosquitto_passwd", "-b", file, "kitchen", "k"], check=True)


async def test_more_users_come_from_a_file(kitchen: None, port: int) -> None:
    async with login(port, "kitchen", "k"), login(port, "bridge", "b"):
        pass  # it is an error of the login that would show


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file system read-only")
async def test_it_writes_only_where_the_container_can(tmp_path: Path) -> None:
    async with started(tmp_path, _read_only(tmp_path), "/mnt") as port, login(port, "bridge", "b") as bridge:
        await bridge.publish("evcc/status", qos=1)


def _read_only(directory: Path) -> list[str]:
    """What runs a command with nothing writable but `directory` and the places of docker-compose.yml."""
    service = yaml.safe_load((OURS.parent / "docker-compose.yml").read_text())["services"]["mosquitto"]
    places = {place.partition(":")[0] for place in service["tmpfs"]} - {"/run/mosquitto"}  # that is `directory`
    mounts = [f"mount --bind {directory} /mnt", *(f"mount -t tmpfs tmpfs {place}" for place in sorted(places))]
    return ["unshare", "--mount", "sh", "-ec", "; ".join([*mounts, "mount -o remount,bind,ro /", 'exec "$@"']), "sh"]


async def test_only_it_reads_the_passwords(port: int, tmp_path: Path) -> None:
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("acl", "passwords")] == [0o600, 0o600]
    assert "$c 'd" not in (tmp_path / "passwords").read_text()


async def test_a_second_start_keeps_what_is_retained(tmp_path: Path) -> None:
    async with started(tmp_path) as port, login(port, "bridge", "b") as bridge:
        await bridge.publish("evcc/site/pvPower", "1234", qos=1, retain=True)
    async with started(tmp_path) as port, login(port, "bridge", "b") as bridge, asyncio.timeout(PATIENCE):
        await bridge.subscribe("evcc/#")
        assert (await anext(bridge.messages)).payload == b"1234"
