"""Every option, once: what it is called, what it takes, what it is when nobody says anything."""

from bridge.settings.model import Commands, Discovery, Evcc, Extras, Log, Mqtt, Requests, Settings, Topics
from bridge.settings.sources import DEFAULT_FILE, SECRETS, load

__all__ = [
    "DEFAULT_FILE",
    "SECRETS",
    "Commands",
    "Discovery",
    "Evcc",
    "Extras",
    "Log",
    "Mqtt",
    "Requests",
    "Settings",
    "Topics",
    "load",
]
