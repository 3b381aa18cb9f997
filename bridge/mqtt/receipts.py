"""Sees what paho overlooks: with QoS 2 a broker refuses a message in its PUBREC, and paho goes on as if it had not."""

from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_FAILURE = 0x80


def heed(client: Any) -> None:
    """Let `client`, a paho client, take a PUBREC that refuses for the end of its message, with the reason."""
    go_on = client._handle_pubrec  # noqa: SLF001 - paho has no public way to see it

    def receipt() -> Any:
        identifier, code = _read(bytes(client._in_packet["packet"]))  # noqa: SLF001
        if code < _FAILURE or identifier not in client._out_messages:  # noqa: SLF001
            return go_on()
        reason = ReasonCode(PacketTypes.PUBREC, identifier=code)
        return client._do_on_publish(identifier, reason, Properties(PacketTypes.PUBREC))  # type: ignore[no-untyped-call]  # noqa: SLF001

    client._handle_pubrec = receipt  # noqa: SLF001


def _read(packet: bytes) -> tuple[int, int]:
    """Message identifier and reason; a short packet, and any of 3.1.1, means success."""
    return int.from_bytes(packet[:2], "big"), packet[2] if len(packet) > 2 else 0
