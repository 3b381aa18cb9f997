"""`evcc-bridge topics`: what would be published, without a broker."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from bridge.commands.listing import line, listing
from bridge.commands.permission import Permission
from bridge.evcc.client import Client
from bridge.evcc.document import State, parse
from bridge.settings import Settings
from bridge.state import units
from bridge.state.tree import Tree
from bridge.util.redact import sanitize


def run(settings: Settings, *, as_json: bool = False, settable: bool = False) -> int:
    """Ask evcc once and print the topics of its state, or those that can be set, to standard output."""
    return asyncio.run(_run(settings, _settable if settable else _published, as_json=as_json))


async def _run(settings: Settings, show: Callable[..., str], *, as_json: bool) -> int:
    sys.stdout.write(show(settings, await read(settings), as_json=as_json))
    return 0


async def read(settings: Settings) -> State:
    """The state of evcc now; EvccError when there is none."""
    async with Client(settings.evcc) as client:
        return parse(await client.state())


def tree(settings: Settings, state: State) -> Mapping[str, bytes]:
    """The topics of a state, below the root."""
    selection = settings.topics.selection
    whole = Tree.of_state(settings.topics.limit)
    for unit, value in units.units(state):
        whole.replace(unit, *units.topics(unit, value, selection, aliases=settings.topics.aliases))
    return whole.topics


def _published(settings: Settings, state: State, *, as_json: bool) -> str:
    topics = {f"{settings.mqtt.root}/{topic}": payload for topic, payload in sorted(tree(settings, state).items())}
    if as_json:
        return _json({topic: payload.decode(errors="replace") for topic, payload in topics.items()})
    return "".join(f"{topic} = {sanitize(payload.decode(errors='replace'))}\n" for topic, payload in topics.items())


def _settable(settings: Settings, state: State, *, as_json: bool) -> str:
    found = listing(state, permission=Permission.of(settings.commands))
    entries = [{**entry, "topic": f"{settings.mqtt.root}/{entry['topic']}"} for entry in found]
    return _json(entries) if as_json else "".join(f"{line(entry)}\n" for entry in entries)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"
