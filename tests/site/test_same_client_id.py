"""A second client with our client id: the pauses grow, and it is named, also by a broker that throws out in silence."""

from typing import Any

import pytest
from aiomqtt import MqttError

from bridge.util.backoff import Backoff
from evcc_simulator import Evcc
from tests.broker.client import client
from tests.broker.mosquitto import Mosquitto
from tests.broker.recorder import Recorder
from tests.site.running import running, settings

pytestmark = pytest.mark.broker


async def test_another_client_with_our_client_id_is_named(
    broker: Mosquitto, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    real = Backoff.next

    def quick(pause: Backoff, *longest: Any) -> float:
        pauses.append(real(pause, *longest))
        return 0.01

    async with Evcc(still=True) as evcc, running(settings(evcc, broker, mqtt={"client_id": "ours"})):
        await recorder.value("evcc/status", "online")
        monkeypatch.setattr(Backoff, "next", quick)
        for _ in range(6):
            await recorder.fresh()
            async with client(broker, identifier="ours") as other:
                await recorder.value("evcc/status", "online")
                with pytest.raises(MqttError):  # it was thrown out in its turn
                    await anext(aiter(other.messages))
        await recorder.until(lambda: b"client id ours" in recorder.tree().get("evcc/bridge/problem", b""))
        assert pauses[-1] > pauses[0]
