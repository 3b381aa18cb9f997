"""Retained topics outside the root, such as the configurations of Home Assistant's discovery."""

from collections.abc import Callable, Mapping

from bridge.mqtt.link import Link
from bridge.mqtt.message import Message
from bridge.mqtt.publisher import Publisher
from bridge.state.tree import Tree

_SOURCE = "annex"
_RINGS = b"online"


class Annex:
    """What the broker is to hold below `root`, where others publish too.

    `mine` is the absolute filter of what may be ours, `ours` tells by topic and payload what really is; that is
    erased when it is no more wanted. When `bell` says `online`, everything is published again.
    """

    def __init__(
        self,
        root: str,
        publisher: Callable[[str, Mapping[str, bytes]], Publisher],
        mine: str,
        ours: Callable[[str, bytes], bool],
        bell: str,
    ) -> None:
        self.filters = (mine, bell)
        self._prefix = f"{root}/"
        self._tree = Tree()
        self._publisher = publisher(root, self._tree.topics)
        self._ours = ours
        self._bell = bell
        self._known = False

    def want(self, topics: Mapping[str, bytes]) -> None:
        """Say what is to be there, whole; topics are absolute."""
        self._known = True
        below = {topic.removeprefix(self._prefix): payload for topic, payload in topics.items()}
        self._publisher.changed(sorted(self._tree.replace(_SOURCE, below)))
        self.sweep()

    def sweep(self) -> None:
        """Erase what is ours and no more wanted."""
        self._publisher.changed(sorted(filter(self._erasable, self._publisher.held)))

    def attach(self, link: Link, held: Mapping[str, bytes]) -> None:
        """Begin on a new connection, which holds `held`."""
        below = {
            topic.removeprefix(self._prefix): payload
            for topic, payload in held.items()
            if topic.startswith(self._prefix) and topic != self._bell
        }
        self._publisher.attach(link, below, self._erasable)

    def detach(self) -> bool:
        """Note that the connection has ended; whether because a message was too large."""
        return self._publisher.detach()

    def take(self, message: Message) -> None:
        """Take a live message of somebody else."""
        if message.topic == self._bell and message.payload == _RINGS:
            self._publisher.repeat()

    def _erasable(self, topic: str) -> bool:
        payload = self._publisher.held.get(topic, b"")
        return self._known and not self._tree.get(topic) and self._ours(self._prefix + topic, payload)
