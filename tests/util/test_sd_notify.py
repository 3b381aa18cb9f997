import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from bridge.util.sd_notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def name(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What NOTIFY_SOCKET holds."""
    return str(tmp_path / "notify") if request.param == "path" else f"@{uuid4()}"


@pytest.fixture
def systemd(name: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        listener.settimeout(1)
        yield listener


def test_each_state_is_one_datagram(name: str, systemd: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("398 topics")
    notifier.status("evcc is gone\nsince 12:00")
    notifier.watchdog()
    notifier.stopping()
    received = [systemd.recv(1_000) for _ in range(4)]
    assert received == [b"READY=1\nSTATUS=398 topics", b"STATUS=evcc is gone since 12:00", b"WATCHDOG=1", b"STOPPING=1"]


def test_reloading_names_its_moment(name: str, systemd: socket.socket) -> None:
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    Notifier({"NOTIFY_SOCKET": name}).reloading()
    state, moment = systemd.recv(1_000).decode().split("\n")
    assert state == "RELOADING=1"
    assert moment.startswith("MONOTONIC_USEC=")
    assert before - 0.001 <= int(moment.partition("=")[2]) / 1e6 <= time.clock_gettime(time.CLOCK_MONOTONIC)


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    Notifier(environment).ready("fine")


def test_a_listener_that_does_not_read_does_not_block(name: str, systemd: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name})
    for _ in range(2_000):  # a socket of systemd's queues some hundreds
        notifier.watchdog()
    assert systemd.recv(1_000) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environment", "period"),
    [
        ({"WATCHDOG_USEC": "90000000"}, 90.0),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": str(os.getpid())}, 90.0),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_that_systemd_asks_for(environment: dict[str, str], period: float | None) -> None:
    assert Notifier(environment).watchdog_period == period
