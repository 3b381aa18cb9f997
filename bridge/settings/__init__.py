"""Every option of the configuration: its name, values, default and meaning, and where it is read from."""

from bridge.settings.model import Commands, Discovery, Evcc, Extras, Log, Mqtt, Requests, Settings, Topics, Web
from bridge.settings.sources import load

__all__ = [
    "Commands",
    "Discovery",
    "Evcc",
    "Extras",
    "Log",
    "Mqtt",
    "Requests",
    "Settings",
    "Topics",
    "Web",
    "load",
]
