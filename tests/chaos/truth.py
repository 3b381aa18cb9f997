"""What evcc's values really were, and when: read from the simulator's diary."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bridge.mqtt.desired import Desired
from bridge.state.document import from_document
from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.state.state import State, changes


class Truth:
    """The topics below the root as evcc's state would have them, with their history."""

    def __init__(self) -> None:
        self._layout = Layout(Selection(), aliases=True)
        self._document: dict[str, Any] = {}
        self._state = State()
        self._tree = Desired()
        self._history: dict[str, list[tuple[float, bytes]]] = defaultdict(list)

    @property
    def topics(self) -> Mapping[str, bytes]:
        return self._tree.topics

    def read(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take entries of the diary."""
        for entry in entries:
            if "state" in entry:
                self._document = dict(entry["state"])
            else:
                _put(self._document, entry["key"].split("."), entry["value"])
            self._take(from_document(self._document), entry["at"])

    def values(self, topic: str, since: float) -> set[bytes]:
        """Every payload that a topic has had at some moment from `since` on; b"" where there was no such value."""
        found = {b""} if topic not in self._history else set()
        before = b""
        for at, payload in self._history.get(topic, ()):
            if at >= since:
                found |= {before, payload}
            before = payload
        return found or {before}

    def history(self, topic: str) -> Sequence[tuple[float, bytes]]:
        """The payloads of a topic that are not forgotten, each with the time from which on it was there."""
        return self._history.get(topic, ())

    def forget(self, before: float) -> None:
        """Forget history that is asked for no more."""
        for topic, history in self._history.items():
            last = [entry for entry in history if entry[0] < before][-1:]
            self._history[topic] = last + [entry for entry in history if entry[0] >= before]

    def _take(self, state: State, at: float) -> None:
        for change in changes(self._state, state):
            for topic in self._tree.replace(change.source, *self._layout.topics(change)):
                self._history[topic].append((at, self._tree.get(topic)))
        self._state = state


def _put(document: dict[str, Any], path: list[str], value: Any) -> None:
    """Put a value at the key of a frame (`loadpoints.0.mode`, `forecast.solar`); copies what it changes."""
    first, *below = path
    if not below:
        document[first] = value
    elif first == "loadpoints":
        index, key = int(below[0]), below[1]
        loadpoints = list(document["loadpoints"])
        loadpoints[index] = {**loadpoints[index], key: value}
        document["loadpoints"] = loadpoints
    else:
        document[first] = {**(document.get(first) or {}), ".".join(below): value}
