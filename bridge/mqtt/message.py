"""One message, in or out, independent of the MQTT library."""

from dataclasses import dataclass


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
