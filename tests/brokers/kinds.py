"""The brokers of the suite: how each is started, and which MQTT version is spoken with it."""

from dataclasses import dataclass
from pathlib import Path

from aiomqtt import ProtocolVersion

from tests.broker.mosquitto import Config, Mosquitto
from tests.brokers import build
from tests.brokers.program import Program

Broker = Mosquitto | Program
V5, V311 = ProtocolVersion.V5, ProtocolVersion.V311


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of broker: a column of the table."""

    name: str
    program: str
    arguments: tuple[str, ...] = ()
    """Of the program; for mosquitto lines of its configuration."""
    version: ProtocolVersion = V5
    """What the clients of the tests speak."""
    mqtt_version: str = "auto"
    """The bridge's option `mqtt.version`."""

    def broker(self, directory: Path) -> Broker:
        """A broker of this kind, not started yet, with its store in `directory`."""
        if self.program == "mosquitto":
            # not `store`, which writes everything at every message: here it is enough at an orderly end
            store = ("persistence true", f"persistence_location {directory}/")
            return Mosquitto(directory, Config(store=False, lines=(*self.arguments, *store)))
        return Program([*build.command(self.program), *self.arguments], directory)
