"""Recognizes our own messages when the broker delivers them to us.

The No Local option would keep them away, but brokers apply it differently: to stored messages, to overlapping
subscriptions, or (3.1.1) not at all. Without it one subscription works the same way on all of them.
"""

from collections import OrderedDict, deque

_MOST_TOPICS = 40_000
_MOST_OF_ONE = 32  # messages on one topic of which none has come back: more are of no use


class Echoes:
    """Messages sent below a root that have not come back yet, by topic, in their order."""

    def __init__(self) -> None:
        self._root = ""
        self._sent: OrderedDict[str, deque[int]] = OrderedDict()

    def expect_below(self, root: str) -> None:
        """Note that everything below a root is delivered to us from now on."""
        self._root = f"{root}/"

    def sent(self, topic: str, payload: bytes) -> None:
        """Note a message that is sent."""
        if not self._root or not topic.startswith(self._root):
            return
        if (hashes := self._sent.get(topic)) is None:
            hashes = self._sent[topic] = deque(maxlen=_MOST_OF_ONE)
            if len(self._sent) > _MOST_TOPICS:
                self._sent.popitem(last=False)
        hashes.append(hash(payload))

    def refused(self, topic: str, payload: bytes) -> None:
        """Note that the broker did not take a message, which therefore does not come back."""
        if (hashes := self._sent.get(topic)) is not None and hash(payload) in hashes:
            hashes.remove(hash(payload))

    def came_back(self, topic: str, payload: bytes) -> bool:
        """Whether a message is one of ours; those sent before it on its topic do not come any more."""
        hashes = self._sent.get(topic)
        if hashes is None or hash(payload) not in hashes:
            return False
        while hashes.popleft() != hash(payload):
            pass
        if not hashes:
            del self._sent[topic]
        return True
