"""What the bridge has published, remembered in the broker itself: it lives and dies with the broker's store."""

from collections.abc import Collection, Container, Iterable, Iterator

import orjson

from bridge.state.payload import text

TOPIC = "bridge/published"
_SPARE = 500  # topics that are remembered beyond those that are there


class Memory(Container[str]):
    """The topics that were published, in this run or an earlier one; these the bridge may erase."""

    def __init__(self) -> None:
        self._topics: set[str] = set()

    def __contains__(self, topic: object) -> bool:
        return topic in self._topics

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def learn(self, payload: bytes) -> bool:
        """Take what an earlier run remembered; whether there is more to remember now."""
        before = len(self._topics)
        self._topics.update(_names(payload))
        return len(self._topics) > before

    def add(self, topics: Iterable[str], there: Collection[str]) -> bool:
        """Remember these as well; whether that is news. What is not `there` any more goes when it has become much."""
        new = {topic for topic in topics if topic != TOPIC} - self._topics
        self._topics |= new
        if new and len(self._topics) > 2 * len(there) + _SPARE:  # over years of other names
            self._topics.intersection_update(there)
        return bool(new)

    def payload(self) -> bytes:
        """All of it, for the next run."""
        return text(sorted(self._topics))


def _names(payload: bytes) -> list[str]:
    try:
        names = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
