"""mosquitto with `message_size_limit`, which it does not announce.

With MQTT 5 it refuses what is longer, and closes the connection; with 3.1.1 it drops that in silence.
"""

import pytest

from tests.brokers.house import House
from tests.brokers.kinds import V5, V311, Kind

pytestmark = pytest.mark.brokers

LIMIT = "message_size_limit 2000"  # bytes; the longest values of the simulated evcc have more
FEW = 20  # connections until the limit is known
SECONDS = 10  # `updated` is published once in each


class Suite:
    """What is tested with each MQTT version."""

    kind: Kind

    async def test_a_size_limit_costs_the_long_values_only(self, house: House) -> None:
        identifier = f"{house.root}-bridge"
        await house.start(MQTT_CLIENT_ID=identifier)
        await house.until_commands_work()
        if house.kind.version == V5:
            await house.watcher.until(lambda: house.watcher.tree.get("bridge/problem"))
        connections = house.broker.log.count(f" as {identifier} ")
        assert connections <= FEW
        updates = len(house.watcher.payloads("updated"))
        await house.watcher.until(lambda: len(house.watcher.payloads("updated")) >= updates + SECONDS)
        assert house.broker.log.count(f" as {identifier} ") == connections
        await house.watcher.value("status", "online")
        await house.until_stored(await house.complete())


class TestMosquitto(Suite):
    kind = Kind("mosquitto", "mosquitto", (LIMIT,))


class TestMosquitto311(Suite):
    kind = Kind("mosquitto 3.1.1", "mosquitto", (LIMIT,), V311, "3.1.1")
