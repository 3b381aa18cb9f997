"""Every option of the configuration: its name, values, default and meaning, and where it is read from."""

from bridge.settings.model import Commands, Discovery, Evcc, Extras, Fleet, Log, Mqtt, Requests, Settings, Topics, Web
from bridge.settings.sites import Configuration, configuration
from bridge.settings.sources import load

__all__ = [
    "Commands",
    "Configuration",
    "Discovery",
    "Evcc",
    "Extras",
    "Fleet",
    "Log",
    "Mqtt",
    "Requests",
    "Settings",
    "Topics",
    "Web",
    "configuration",
    "load",
]
