"""Files as `evcc-bridge export` makes them."""

from bridge.export.files import export
from bridge.export.options import Options
from bridge.settings import Settings
from bridge.state.state import State


def exported(
    target: str,
    state: State,
    *,
    root: str = "evcc",
    url: str = "mqtt://broker.local:1883",
    options: Options | None = None,
    language: str = "en",
) -> dict[str, str]:
    """The files for a bridge with this root and broker, and all else by default."""
    values = {"mqtt": {"url": url, "root": root}, "discovery": {"language": language}}
    return export(target, state, Settings.model_validate(values), options or Options())
