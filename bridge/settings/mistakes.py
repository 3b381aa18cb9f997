"""Messages about a wrong configuration: one line a mistake, without a secret in it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bridge.settings.model import SECRETS, Settings, fields, options
from bridge.settings.table import takes
from bridge.settings.urls import masked
from bridge.util.redact import sanitize

_LONGEST = 60
_SERVERS = frozenset({"EVCC", "MQTT"})
_SYNONYMS = {
    other: right
    for right, others in {
        "URL": "URI HOST HOSTNAME SERVER ADDRESS ADDR BROKER BROKER_URL ENDPOINT PORT TLS SSL",
        "USER": "USERNAME LOGIN",
        "PASSWORD": "PASS PASSWD PW",
        "ROOT": "TOPIC PREFIX BASE BASE_TOPIC TOPIC_PREFIX ROOT_TOPIC",
        "CLIENT_ID": "CLIENTID CLIENT",
        "CA_FILE": "CA CAFILE CA_CERT CACERT",
        "CERT_FILE": "CERT CERTFILE CLIENT_CERT",
        "KEY_FILE": "KEY KEYFILE CLIENT_KEY",
        "VERIFY": "INSECURE TLS_VERIFY TLS_INSECURE SSL_VERIFY",
        "INTERVAL": "POLL POLL_INTERVAL POLLING POLLING_INTERVAL",
        "VERSION": "PROTOCOL PROTOCOL_VERSION",
    }.items()
    for other in others.split()
}
"""The last part of variables as other programs name them -> the option's."""
_ALIASES = {"LOGLEVEL": "LOG_LEVEL", "BROKER_URL": "MQTT_URL", "BROKER_HOST": "MQTT_URL", "LOGFORMAT": "LOG_FORMAT"}


def lines(error: ValidationError) -> list[str]:
    """One line for each option that is wrong: both its names, what it got, what it takes."""
    found: dict[str, str] = {}
    for mistake in error.errors(include_url=False):
        name = ".".join(map(str, mistake["loc"][:2])) or "configuration"
        found.setdefault(name, f"{sanitize(name, _LONGEST)}{_line(name, mistake)}")
    return list(found.values())


def misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """Names in the environment that are no option, but were meant for one, each with a hint.

    The environment is full of other programs' names, so section and option must both be near, or the name is one
    that other programs have for the same. The addresses of linked containers (`MQTT_PORT=tcp://…`) are none of ours.
    """
    known = options()
    for name, text in environment.items():
        section, _, option = name.partition("_")
        if (right := _meant(name)) and not text.startswith(("tcp://", "udp://")):
            yield f"{sanitize(name, _LONGEST)} is no option and is ignored; the option is {right}"
            continue
        sections = {known_name.partition("_")[0] for known_name in known}
        for near in get_close_matches(section, sections, n=1, cutoff=0.8) if name not in known else ():
            candidates = [
                known_name.removeprefix(f"{near}_") for known_name in known if known_name.startswith(f"{near}_")
            ]
            for match in get_close_matches(option, candidates, n=1, cutoff=0.8):
                yield f"{sanitize(name, _LONGEST)} is no option and is ignored; did you mean {near}_{match}?"


def _meant(name: str) -> str:
    """The option that a variable of another program's name is meant for, "" for none."""
    section, _, option = name.partition("_")
    right = _ALIASES.get(name) or f"{section}_{_SYNONYMS.get(option)}"
    return right if section in _SERVERS and right in options() and name not in options() else _ALIASES.get(name, "")


def _line(name: str, mistake: Mapping[str, Any]) -> str:
    known = _known()
    if mistake["type"] == "extra_forbidden":
        return f": no such option{_nearest(name, known)}"
    field = known.get(name)
    if field is None:
        return f": {_reason(mistake) or 'takes a table of options'}"
    variable = name.replace(".", "_").upper()
    reason = _reason(mistake)
    return f" ({variable}): got {_shown(name, mistake)}, takes {takes(field)}{f' ({reason})' if reason else ''}"


def _reason(mistake: Mapping[str, Any]) -> str:
    return str(mistake["ctx"]["error"]) if mistake["type"] == "value_error" else ""


def _known() -> dict[str, FieldInfo]:
    return {
        f"{section}.{option}": field
        for section, table in Settings.model_fields.items()
        for option, field in fields(table).items()
    }


def _nearest(name: str, known: Iterable[str]) -> str:
    names = [*known] if "." in name else [*Settings.model_fields]
    near = get_close_matches(name, names, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def _shown(name: str, mistake: Mapping[str, Any]) -> str:
    value = mistake["input"]
    if name.partition(".")[2] in SECRETS:
        return "something else"
    if not isinstance(value, str | int | float):
        return "nothing" if value is None else f"a {type(value).__name__}"
    return sanitize(json.dumps(masked(value) if name.endswith(".url") and isinstance(value, str) else value), _LONGEST)
