"""Files as `evcc-bridge export` makes them."""

from bridge.export.files import export
from bridge.settings import Mqtt, Settings
from bridge.state.state import State


def exported(target: str, state: State, *, root: str = "evcc", url: str = "mqtt://broker.local:1883") -> dict[str, str]:
    """The files for a bridge with this root and broker, and all else by default."""
    return export(target, state, Settings(mqtt=Mqtt.model_validate({"url": url, "root": root})))
