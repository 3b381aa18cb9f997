"""`evcc-bridge status`: a site in five lines, from what its bridge has published."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.cli.observer import Observer, observing
from bridge.cli.watch import JOURNAL, command, journal
from bridge.cli.words import age, clock
from bridge.settings import Settings
from bridge.util.redact import sanitize

_TOPICS = ("bridge/problem", JOURNAL, "bridge/evcc", "bridge/info", "bridge/health", "updated")
_LONGEST = 2000  # characters of a problem


def run(settings: Settings) -> int:
    """Print evcc, push, broker, problem and commands; the exit code is 0 while `status` is `online`, else 1.

    BridgeError where no bridge publishes below this root.
    """
    observer = asyncio.run(_read(settings))
    for name, text in _lines(observer, settings):
        print(f"{name:<9}{sanitize(text, _LONGEST)}")
    if observer.text("status") == "online":
        return 0
    print(f"evcc-bridge: {observer.root}/status is offline{_reason(observer)}", file=sys.stderr)
    return 1


async def _read(settings: Settings) -> Observer:
    async with observing(settings.mqtt, "status") as observer:
        await observer.require_bridge(*_TOPICS)
        return observer


def _lines(observer: Observer, settings: Settings) -> Iterator[tuple[str, str]]:
    info, health = observer.object("bridge/info"), observer.object("bridge/health")
    since = info.get("since") if isinstance(info.get("since"), dict) else {}
    problem = observer.text("bridge/problem")
    interval = f"evcc is read every {info.get('interval')} s"
    version = f", version {info['evcc']}" if info.get("evcc") else ""
    yield "evcc", f"{observer.text('bridge/evcc')}{_since(since, 'evcc')}{version}{_updated(observer)}"
    yield "push", f"{'on' if info.get('push') else 'off'}{_since(since, 'push')}, {interval}"
    broker = (
        "not connected" if observer.is_bridge_gone() else f"connected{_since(since, 'broker')}, MQTT {info.get('mqtt')}"
    )
    yield "broker", f"{broker}, {settings.mqtt.url}, root {observer.root}"
    yield "problem", f"{problem or 'none'}{_since(since, 'problem')}"
    yield "commands", _commands(health, observer.payloads.get(JOURNAL, b""))


def _commands(health: Mapping[str, Any], entries: bytes) -> str:
    """How many had which answer since the bridge's start, as of its last minute, and the last one."""
    counts = health.get("commands")
    counted = ", ".join(f"{count} {word}" for word, count in counts.items()) if isinstance(counts, dict) else ""
    last = journal(entries)[-1:]
    return "; last: ".join([counted or "none since the start", *map(command, last)])


def _reason(observer: Observer) -> str:
    if not observer.is_bridge_gone():
        return ""
    silence = observer.silence()
    seen = f"; it did {age(silence)} ago" if silence else ""
    return f": the bridge does not run{seen}. Start it with `evcc-bridge run`, or its service"


def _since(since: Any, name: str) -> str:
    moment = since.get(name)
    return f" since {clock(moment)}" if isinstance(moment, int | float) else ""


def _updated(observer: Observer) -> str:
    updated = observer.moment("updated")
    return "" if updated is None else f", updated {age(time.time() - updated)} ago"
