"""What a connection is made with, what comes over it, and how it fails; independent of the MQTT library."""

import ssl
from dataclasses import dataclass

from bridge.errors import BrokerError
from bridge.mqtt.message import Inbound, Message


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker announced in its CONNACK (MQTT 5); the defaults are those of 3.1.1."""

    receive_maximum: int = 65_535
    maximum_packet: int | None = None
    maximum_qos: int = 1
    retain_available: bool = True

    @classmethod
    def of(cls, properties: object) -> "Limits":
        """Those in the properties of a CONNACK. QoS 2 is not used, whatever the broker takes."""
        return cls(
            getattr(properties, "ReceiveMaximum", 65_535),
            getattr(properties, "MaximumPacketSize", None),
            min(getattr(properties, "MaximumQoS", 1), 1),
            bool(getattr(properties, "RetainAvailable", True)),
        )


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Where and how to connect; `max_packet` is the largest packet that is read, in bytes."""

    hostname: str
    port: int
    identifier: str
    user: str | None
    password: str | None
    keepalive: int
    will: Message | None
    max_packet: int
    transport: str = "tcp"  # or `unix`, `websockets`
    path: str | None = None
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker's acknowledgement of the message that has `token`: reason code 0, or why it refuses."""

    token: int
    code: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A message that was too large to be read."""

    topic: str
    size: int


Event = Inbound | Acknowledged | Skipped


class ConnectionFailed(BrokerError):
    """There is no connection, or it has ended; `code` is the broker's reason code, 0 without one."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class VersionRefused(ConnectionFailed):
    """The broker does not speak the MQTT version that was tried, or closed the connection as if it did not."""
