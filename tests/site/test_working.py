"""When the bridge may say that it works: what systemd goes by when it lets it live."""

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from bridge.evcc.client import Client
from bridge.settings import Settings
from bridge.settings.model import Evcc
from bridge.site import Site

if TYPE_CHECKING:
    from bridge.mqtt.link import Link

UNIT = Path(__file__).parents[2] / "packaging/evcc-bridge.service"
NOTHING: Mapping[str, Any] = {}
SLOW = {"evcc": {"interval": 300, "timeout": 60}}
PATIENT = {"mqtt": {"keepalive": 300}}


@dataclass
class _Link:
    """All that is asked of a connection here."""

    last_acknowledgement: float


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client(Evcc()) as made:
        yield made


def site_of(client: Client, options: Mapping[str, Any], polled: float, acknowledged: float | None) -> Site:
    """A site whose last poll ended, and whose broker acknowledged, so many seconds ago; None: there is no broker."""
    site = Site(Settings(**options), client)
    now = time.monotonic()
    site.reader.last_attempt = now - polled
    site.copy._link = None if acknowledged is None else cast("Link", _Link(now - acknowledged))
    return site


@pytest.mark.parametrize(
    ("options", "polled", "acknowledged", "working"),
    [
        pytest.param(NOTHING, 0, 0, True, id="all-is-well"),
        pytest.param(NOTHING, 10 + 5, 0, True, id="a-poll-that-is-as-slow-as-it-may-be"),
        pytest.param(NOTHING, 30, 0, False, id="a-poll-that-never-ends"),
        pytest.param(NOTHING, 30, None, False, id="a-poll-that-never-ends-without-a-broker"),
        pytest.param(SLOW, 300 + 60, 0, True, id="rare-polls-as-the-user-wants-them"),
        pytest.param(SLOW, 2 * 300 + 60 + 5, 0, False, id="rare-polls-that-never-end"),
        pytest.param(NOTHING, 0, 60 + 1, True, id="only-the-bridges-own-health-goes-out"),
        pytest.param(NOTHING, 0, 60 + 1 + 2 * 10, True, id="a-broker-that-is-frozen-and-not-yet-lost"),
        pytest.param(NOTHING, 0, 60 + 2 * 10 + 10, False, id="a-broker-that-never-acknowledges"),
        pytest.param(PATIENT, 0, 60 + 1 + 2 * 300, True, id="a-frozen-broker-and-a-long-keepalive"),
        pytest.param(PATIENT, 0, 60 + 2 * 300 + 10, False, id="no-acknowledgement-and-a-long-keepalive"),
        pytest.param(NOTHING, 0, None, True, id="no-broker"),
    ],
)
async def test_it_works_while_polls_end_and_a_broker_acknowledges(
    client: Client, *, options: Mapping[str, Any], polled: float, acknowledged: float | None, working: bool
) -> None:
    assert site_of(client, options, polled, acknowledged).working() is working


async def test_while_evcc_pushes_polls_are_rarer(client: Client) -> None:
    site = site_of(client, NOTHING, 30 + 5, 0)
    assert not site.working()
    site.reader.push_alive = True
    assert site.working()


async def test_a_poll_that_fails_is_work_too(client: Client) -> None:
    """An evcc that is away is nothing that a new start of the bridge would mend."""
    async with Client(Evcc(url="http://127.0.0.1:1")) as nobody:
        site = site_of(nobody, NOTHING, 30, None)
        await site.reader._poller._poll()
    assert site.working()


@pytest.mark.parametrize("push", [False, True])
async def test_by_default_a_sign_of_life_tells_of_work_within_the_last_period(client: Client, *, push: bool) -> None:
    """So a bridge that works no more is replaced after two periods at the latest."""
    [line] = [line for line in UNIT.read_text().splitlines() if line.startswith("WatchdogSec=")]
    period = float(line.partition("=")[2])
    for polled, acknowledged in ((period, 0), (0, period)):
        site = site_of(client, NOTHING, polled, acknowledged)
        site.reader.push_alive = push
        assert not site.working()
