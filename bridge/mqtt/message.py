"""One message, in or out, independent of the MQTT library."""

from dataclasses import dataclass

from bridge.state.names import DEEPEST_TOPIC, LONGEST_TOPIC

OVERHEAD = 64
"""Bytes of a PUBLISH beside topic, payload and correlation data, at most."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message on a topic below the root.

    `response_topic` is absolute (a client names it); `expiry` is in seconds. These and
    `correlation` exist in MQTT 5 only and are None where the broker speaks 3.1.1.
    """

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1
    response_topic: str | None = None
    correlation: bytes | None = None
    expiry: int | None = None


def may_respond(topic: str) -> bool:
    """Whether an answer may go to a topic: a wrong one ends the connection, and a command it must not become."""
    if not 0 < len(topic) <= LONGEST_TOPIC or topic.count("/") > DEEPEST_TOPIC:
        return False
    return not topic.endswith("/set") and not any(character in topic for character in "+#\0")
