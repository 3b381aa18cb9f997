"""What push frames cost, and how many messages become of them."""

import time
from typing import Any

import orjson
from websockets.sync.client import connect

from bridge.state.document import from_document
from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.state.state import changes
from tests.bench.figures import Figure
from tests.bench.observers import Observer, mqtt, push
from tests.bench.programs import Evcc, cpu_seconds, house

_CALM = 0.5  # seconds after the last frame
_START = 5.0  # seconds in which a bridge reads tariffs and sessions, and announces all to Home Assistant
_REPEATS = 9  # frames in ten that repeat the last value
_END = "end"
_OWN = Layout(Selection(), aliases=False)


def cost_figures(count: int) -> list[Figure]:
    """(d), the frames of evcc's own control cycle with a change after every ninth."""
    with house("--still", "--interval", "3600") as (evcc, _, bridge), Observer(push, evcc.url, _END) as bare:
        time.sleep(_START)
        own, reference = cpu_seconds(bridge.pid), cpu_seconds(bare.pid)
        sent = _send(evcc, count)
        evcc.act("set", path=_END, value=_END)
        bare.wait(_END)
        time.sleep(_CALM)
        own, reference = cpu_seconds(bridge.pid) - own, cpu_seconds(bare.pid) - reference
    per = 1_000 * 1_000 / sent
    against = f"bare client of /ws, parsing: {reference * per:.1f} ms"
    return [Figure("d CPU of 1,000 push frames, nine in ten repeat", own * per, "ms", against, 60)]


def _send(evcc: Evcc, count: int) -> int:
    """Let evcc send about so many frames; how many they were."""
    a_cycle = _frames_of(evcc)
    value = sent = 0
    while sent < count:
        evcc.act("cycle")
        for _ in range(a_cycle // _REPEATS):
            value += 1
            evcc.act("set", path="residualPower", value=value)
        sent += a_cycle + a_cycle // _REPEATS
    return sent


def _frames_of(evcc: Evcc) -> int:
    """How many frames a control cycle sends."""
    with connect(f"ws{evcc.url.removeprefix('http')}/ws", compression=None, max_size=None, proxy=None) as connection:
        evcc.act("cycle")
        evcc.act("set", path=_END, value="")
        cycle = False
        count = 0
        while _END not in (frame := orjson.loads(connection.recv())) or len(frame) > 1:
            cycle = cycle or len(frame) == 1
            count += 1
    return count


def message_figures(seconds: float) -> list[Figure]:
    """(e): evcc's own MQTT publishes every value that it sends."""
    return [
        _share(seconds, "e messages of a quiet house, share of evcc's own", 3, "--still"),
        _share(seconds, "e messages of a house whose every meter moves", None),
    ]


def _share(seconds: float, what: str, aim: float | None, *options: str) -> Figure:
    with house("--interval", "4", *options) as (evcc, broker, _), Observer(mqtt, broker.port, ["evcc/#"]) as observer:
        time.sleep(_START)
        observer.taken()
        own = _own_messages(evcc, seconds)
        ours = len(observer.taken())
    per_minute = 60 / seconds
    return Figure(what, 100 * ours / own, "%", f"{ours * per_minute:.0f} of {own * per_minute:.0f} a minute", aim)


def _own_messages(evcc: Evcc, seconds: float) -> int:
    """How many messages evcc's own MQTT would send for the frames of so many seconds."""
    end, count = time.monotonic() + seconds, 0
    with connect(f"ws{evcc.url.removeprefix('http')}/ws", compression=None, max_size=None, proxy=None) as connection:
        while (left := end - time.monotonic()) > 0:
            try:
                frame = orjson.loads(connection.recv(timeout=left))
            except TimeoutError:
                break
            count += sum(map(_topics_of, frame.items())) if len(frame) == 1 else 0
    return count


def _topics_of(item: tuple[str, Any]) -> int:
    """How many topics the value of one key of a frame has."""
    key, value = item
    first, *below = key.split(".")
    if first == "loadpoints" and len(below) == 2:
        others: list[dict[str, Any]] = [{}] * int(below[0])
        before, after = {"loadpoints": [*others, {}]}, {"loadpoints": [*others, {below[1]: value}]}
    else:
        for level in reversed(below):
            value = {level: value}
        before = {"loadpoints": []}
        after = {**before, first: value}
    found = changes(from_document(before), from_document(after))
    return sum(len(_OWN.topics(change).own) for change in found)
