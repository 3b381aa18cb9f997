"""Borrowed settings over a real broker, with the bridge, the broker and evcc restarting."""

from pathlib import Path

import orjson
import pytest

from evcc_simulator import Evcc
from tests.broker.client import publish
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import Bridge, running, settings

pytestmark = pytest.mark.broker

LIMIT = "evcc/loadpoints/1/limitSoc"
LEASES = "evcc/bridge/leases"


def writes(evcc: Evcc) -> list[str]:
    return [request.target for request in evcc.requests if request.method != "GET"]


async def present(recorder: Recorder) -> bytes:
    """The limit that evcc has."""
    await recorder.until(lambda: recorder.last(LIMIT))
    return recorder.last(LIMIT) or b""


async def test_a_borrowed_value_goes_back(broker: Mosquitto, recorder: Recorder) -> None:
    async with Evcc() as evcc, running(settings(evcc, broker)):
        before = await present(recorder)
        await publish(broker, f"{LIMIT}/set", '{"value":55,"for":"2s"}')
        await recorder.value(LIMIT, "55")
        [lease] = orjson.loads(recorder.last(LEASES) or b"")
        assert (lease["topic"], lease["value"], lease["before"]) == ("loadpoints/1/limitSoc", 55, int(before))
        await recorder.value(LIMIT, before)
        await recorder.value(LEASES, "")
        assert writes(evcc) == ["/api/loadpoints/1/limitsoc/55", f"/api/loadpoints/1/limitsoc/{before.decode()}"]


async def test_a_borrowed_value_goes_back_when_bridge_broker_and_evcc_have_restarted(
    broker: Mosquitto, recorder: Recorder, tmp_path: Path
) -> None:
    async with Evcc(interval=0.1) as evcc, Bridge(evcc, broker, tmp_path / "log") as bridge:
        await recorder.value("evcc/status", "online", 30)
        before = await present(recorder)
        await publish(broker, f"{LIMIT}/set", '{"value":55,"for":"10s"}')
        await recorder.value(LIMIT, "55")
        await broker.restart(keep_store=False)
        await recorder.until(lambda: len(recorder.payloads(LEASES)) > 1, 20)
        await bridge.kill()
        await evcc.restart(scale=0.1)
        await bridge.start()
        await recorder.value(LIMIT, before, 40)
        await recorder.value(LEASES, "", 20)
        assert writes(evcc)[-1] == f"/api/loadpoints/1/limitsoc/{before.decode()}"
