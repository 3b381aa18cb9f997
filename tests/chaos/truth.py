"""What evcc's values really were, and when: read from the simulator's diary."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge.state.names import Selection
from bridge.state.tree import Tree
from bridge.state.units import Topics, loadpoint_unit, topics, units, units_of


class Truth:
    """The topics below the root as evcc's state would have them, with their history."""

    def __init__(self) -> None:
        self._tree = Tree()
        self._history: dict[str, list[tuple[float, bytes]]] = defaultdict(list)

    @property
    def topics(self) -> Mapping[str, bytes]:
        return self._tree.topics

    def read(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take entries of the diary."""
        for entry in entries:
            if "state" in entry:
                self._whole(entry["state"], entry["at"])
            else:
                for unit, value in _units(entry["key"], entry["value"]):
                    self._take(unit, value, entry["at"])

    def values(self, topic: str, since: float) -> set[bytes]:
        """Every payload that a topic has had at some moment from `since` on; b"" where there was no such value."""
        found = {b""} if topic not in self._history else set()
        before = b""
        for at, payload in self._history.get(topic, ()):
            if at >= since:
                found |= {before, payload}
            before = payload
        return found or {before}

    def forget(self, before: float) -> None:
        """Forget history that is asked for no more."""
        for topic, changes in self._history.items():
            last = [change for change in changes if change[0] < before][-1:]
            self._history[topic] = last + [change for change in changes if change[0] >= before]

    def _whole(self, state: Mapping[str, Any], at: float) -> None:
        new = dict(units(state))
        for unit in [*(gone for gone in self._tree.sources if gone not in new), *new]:
            self._take(unit, new.get(unit), at)

    def _take(self, unit: str, value: Any, at: float) -> None:
        of_unit = Topics({}, {}) if value is None else topics(unit, value, Selection())
        for topic in self._tree.replace(unit, *of_unit):
            self._history[topic].append((at, self._tree.get(topic)))


def _units(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The units of a frame's key: `loadpoints.0.mode`, `forecast.solar`, or a whole key of the state."""
    first, *below = key.split(".")
    match first, below:
        case "loadpoints", [index, name]:
            yield loadpoint_unit(int(index), name, value)
        case _, []:
            yield from units_of(first, value)
        case _:
            yield from units_of(first, {".".join(below): value})
