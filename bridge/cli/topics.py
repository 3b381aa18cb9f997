"""`evcc-bridge topics`: what would be published, without a broker."""

import asyncio
import sys
from collections.abc import Mapping

import orjson

from bridge.cli.text import one_line
from bridge.evcc.client import Client
from bridge.evcc.document import State, parse
from bridge.settings import Settings
from bridge.topics import units
from bridge.topics.names import Selection
from bridge.topics.tree import Tree


def run(settings: Settings, *, as_json: bool = False, settable: bool = False) -> int:
    """Ask evcc once and print the topics of its state, or those that can be set, to standard output."""
    state = asyncio.run(read(settings))
    topics = tree(settings, state)
    named = {f"{settings.mqtt.root}/{topic}": payload for topic, payload in sorted(topics.items())}
    sys.stdout.write(_json(named) if as_json else _lines(named))
    sys.stdout.flush()
    return 0


async def read(settings: Settings) -> State:
    """The state of evcc now; EvccError when there is none."""
    async with Client(settings.evcc) as client:
        return parse(await client.state())


def tree(settings: Settings, state: State) -> Mapping[str, bytes]:
    """The topics of a state, below the root."""
    selection = Selection(settings.topics.include, settings.topics.exclude)
    whole = Tree(settings.topics.limit)
    for unit, value in units.units(state):
        whole.replace(unit, *units.topics(unit, value, selection, aliases=settings.topics.aliases))
    return whole.topics


def _json(topics: Mapping[str, bytes]) -> str:
    texts = {topic: payload.decode(errors="replace") for topic, payload in topics.items()}
    return orjson.dumps(texts, option=orjson.OPT_INDENT_2).decode() + "\n"


def _lines(topics: Mapping[str, bytes]) -> str:
    return "".join(f"{topic} = {one_line(payload)}\n" for topic, payload in topics.items())
