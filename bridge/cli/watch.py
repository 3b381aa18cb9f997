"""`evcc-bridge watch`: values as they change, or commands as they are answered."""

import asyncio
import re
import sys
import time
from collections.abc import Mapping
from fnmatch import translate
from typing import Any

import orjson

from bridge.cli.observer import Observer, below, observing
from bridge.cli.words import age, clock, value
from bridge.errors import BridgeError
from bridge.mqtt.message import Inbound
from bridge.settings import Settings
from bridge.util.redact import sanitize

JOURNAL = "bridge/journal"
_CURRENCY = "site/currency"
_EVERYTHING = "#"
_LONGEST = 100  # characters of a payload or a reason
_FILTER = re.compile(r"(?:(?:\+|[^+#/]*)/)*(?:\+|#|[^+#/]*)")
# what changes every second, or is about the bridge itself: shown only where it is asked for
_QUIET = re.compile(r"updated|bridge/.*|.+/set|.+/result")


def run(settings: Settings, pattern: str | None, *, commands: bool = False) -> int:
    """Print until Ctrl-C: what changes below the root, or what the journal gets.

    BridgeError where no bridge publishes there, BrokerError when the connection is lost.
    """
    asyncio.run(_watch_commands(settings) if commands else _watch(settings, pattern))
    return 0


class Pattern:
    """Which topics are shown: an MQTT filter, a glob with `*`, or a topic with all below it; everything by default.

    Absolute patterns are understood; BridgeError for what is no filter. Without a pattern only changes are shown,
    with one the present values too.
    """

    def __init__(self, pattern: str | None, root: str) -> None:
        text = below(pattern, root) if pattern and pattern != root else _EVERYTHING
        is_filter = "+" in text or "#" in text
        is_glob = not is_filter and any(character in text for character in "*?[")
        if is_filter and not _FILTER.fullmatch(text):
            raise BridgeError("PATTERN is no topic filter: + stands for one whole level, # for all at the end")
        self.filters = [_EVERYTHING] if is_glob else [text] if is_filter else [text, f"{text}/#"]
        self.is_given = pattern is not None
        self._expression = re.compile(translate(text) if is_glob else "|".join(map(_expression, self.filters)))

    def matches(self, topic: str) -> bool:
        """Whether a topic below the root is shown."""
        if not self.is_given:
            return is_of_interest(topic)
        return bool(self._expression.fullmatch(topic))


def is_of_interest(topic: str) -> bool:
    """Whether a topic is shown that was not asked for."""
    return not _QUIET.fullmatch(topic)


class Changes:
    """Prints each change with its time, the value with its unit, and what was there before for how long."""

    def __init__(self, currency: str = "") -> None:
        self._values: dict[str, tuple[bytes, float | None]] = {}
        self._currency = currency

    def note(self, message: Inbound) -> str | None:
        """The line for a message; None where it changes nothing. The age of a value that was stored is not known."""
        topic, payload = message.topic, message.payload
        if topic == _CURRENCY:
            self._currency = payload.decode(errors="replace")
        before = self._values.get(topic)
        if before is not None and before[0] == payload:
            return None
        now = time.time()
        self._values[topic] = payload, None if message.retain else now
        shown = value(topic, payload, self._currency)
        if message.retain:
            return f"         {sanitize(topic)} = {shown}"
        return f"{clock(now)} {sanitize(topic)} = {shown}{self._before(topic, before, now)}"

    def _before(self, topic: str, before: tuple[bytes, float | None] | None, now: float) -> str:
        if before is None or not before[0]:
            return ""
        since = "" if before[1] is None else f" for {age(now - before[1])}"
        return f"  (was {value(topic, before[0], self._currency)}{since})"


async def _watch(settings: Settings, pattern: str | None) -> None:
    shown = Pattern(pattern, settings.mqtt.root)
    async with observing(settings.mqtt, "watch") as observer:
        await observer.require_bridge(_CURRENCY)
        _note_offline(observer)
        changes = Changes(observer.text(_CURRENCY))
        await observer.subscribe(*shown.filters)
        async for event in observer.events():
            if not isinstance(event, Inbound):
                continue
            line = changes.note(event)
            if line and shown.matches(event.topic) and (shown.is_given or not event.retain):
                print(line, flush=True)


async def _watch_commands(settings: Settings) -> None:
    shown: list[Mapping[str, Any]] = []
    async with observing(settings.mqtt, "watch") as observer:
        await observer.require_bridge()
        _note_offline(observer)
        await observer.subscribe(JOURNAL)
        async for event in observer.events():
            if isinstance(event, Inbound) and event.topic == JOURNAL:
                entries = journal(event.payload)
                for entry in entries:
                    if entry not in shown:
                        print(command(entry), flush=True)
                shown = entries


def journal(payload: bytes) -> list[Mapping[str, Any]]:
    """The entries of `bridge/journal`; none where that is no list of commands."""
    try:
        found = orjson.loads(payload or b"[]")
    except orjson.JSONDecodeError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def command(entry: Mapping[str, Any]) -> str:
    """An entry of the journal as one line."""
    moment = entry.get("time")
    when = clock(moment) if isinstance(moment, int | float) else ""
    http = f" ({entry['http']})" if entry.get("http") else ""
    parts = [
        f"{when} {entry.get('status')} {entry.get('topic')} = {entry.get('payload')}",
        entry.get("error"),
        f"{entry['call']}{http}" if entry.get("call") else None,
        f"{entry.get('ms')} ms",
        f"from {entry['origin']}" if entry.get("origin") else None,
    ]
    return "  ".join(sanitize(str(part), 2 * _LONGEST) for part in parts if part)


def _note_offline(observer: Observer) -> None:
    if observer.text("status") != "online":
        print(
            f"evcc-bridge: {observer.root}/status is offline: values may be old; evcc-bridge status shows why",
            file=sys.stderr,
            flush=True,
        )


def _expression(topic_filter: str) -> str:
    """An MQTT topic filter as a regular expression."""
    levels = {"+": "[^/]*", "#": ".*"}
    text = "/".join(levels.get(level, re.escape(level)) for level in topic_filter.split("/"))
    return text.replace("/.*", "(?:/.*)?") if topic_filter.endswith("/#") else text
