"""`evcc-bridge topics`: the topics that would be published now, or those that can be set. No broker is needed."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import orjson

from bridge.errors import EvccError
from bridge.evcc.client import EvccClient
from bridge.settable.offered import line, offered
from bridge.settable.permission import Permission
from bridge.settings import Settings
from bridge.state.contract import Contract
from bridge.state.document import parse
from bridge.state.flatten import Layout
from bridge.state.state import State
from bridge.util.redact import sanitize


def run(settings: Settings, *, as_json: bool = False, settable: bool = False) -> int:
    """Print the topics of evcc's state, or those that can be set; the exit code. EvccError when there is no state."""
    state = asyncio.run(read_state(settings))
    sys.stdout.write((_show_settable if settable else _show_published)(settings, state, as_json=as_json))
    return 0


async def read_state(settings: Settings) -> State:
    """The state of evcc now, as clients are to see it; EvccError when there is none."""
    contract = Contract.of(settings.topics.contract)
    async with EvccClient(settings.evcc) as client:
        try:
            state = parse(await client.state())
        except EvccError as error:
            raise await client.explained(error) from None
    return contract.view(state) if contract else state


def published(settings: Settings, state: State) -> Mapping[str, bytes]:
    """The topics of a state with their payloads, below the root; a name that evcc itself has wins over an alias."""
    layout = Layout.of(settings)
    sources = layout.everything(state).values()
    topics: dict[str, bytes] = {}
    for found in (*(source.own for source in sources), *(source.alias for source in sources)):
        for topic, payload in found.items():
            topics.setdefault(topic, payload)
    return {topic: payload for topic, payload in topics.items() if payload}


def _show_published(settings: Settings, state: State, *, as_json: bool) -> str:
    topics = {
        f"{settings.mqtt.root}/{topic}": payload.decode(errors="replace")
        for topic, payload in sorted(published(settings, state).items())
    }
    return _json(topics) if as_json else "".join(f"{topic} = {sanitize(text)}\n" for topic, text in topics.items())


def _show_settable(settings: Settings, state: State, *, as_json: bool) -> str:
    found = offered(state, permission=Permission.of(settings.commands))
    entries = [{**entry, "topic": f"{settings.mqtt.root}/{entry['topic']}"} for entry in found]
    return _json(entries) if as_json else "".join(f"{sanitize(line(entry))}\n" for entry in entries)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"
