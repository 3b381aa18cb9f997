"""Packets out of chunks of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.message import MalformedLength, Packet, PacketReader

_LIMIT = 1000


def _encoded(command: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, byte = divmod(rest, 128)
        length.append(byte | 0x80 if rest else byte)
        if not rest:
            return bytes((command, *length)) + body


def _publish(topic: bytes, payload: bytes) -> bytes:
    return _encoded(0x30, len(topic).to_bytes(2, "big") + topic + payload)


@given(
    st.lists(st.tuples(st.sampled_from([0x30, 0x40, 0xD0]), st.binary(max_size=500)), max_size=8), st.integers(1, 700)
)
def test_packets_are_read_whatever_the_chunks(packets: list[tuple[int, bytes]], size: int) -> None:
    data = b"".join(_encoded(*packet) for packet in packets)
    reader = PacketReader(_LIMIT)
    chunks = [data[start : start + size] for start in range(0, len(data), size)]

    assert [packet for chunk in chunks for packet in reader.feed(chunk)] == [Packet(*packet) for packet in packets]


@given(st.integers(_LIMIT, 300_000), st.sampled_from([1, 7, 1000, 65_536, 10**6]), st.integers(0, 3))
def test_a_message_that_is_too_large_is_skipped_and_what_follows_is_read(size: int, chunk: int, before: int) -> None:
    if size // chunk > 10_000:
        chunk = 1000
    ping = _encoded(0xD0, b"")
    large = _publish(b"evcc/large", b"x" * size)
    data = ping * before + large + ping * 2
    reader = PacketReader(_LIMIT)
    packets: list[Packet] = []
    for start in range(0, len(data), chunk):
        packets += reader.feed(data[start : start + chunk])
        assert len(reader._buffer) <= 66_000 + chunk

    skipped = packets.pop(before)
    assert skipped.skipped == len(large)
    assert skipped.body[2:12] == b"evcc/large"
    assert packets == [Packet(0xD0, b"")] * (before + 2)


@pytest.mark.parametrize("data", [b"\x30\xff\xff\xff\xff\x01", _encoded(0x90, b"x" * 2000)])
def test_what_no_broker_sends_is_an_error(data: bytes) -> None:
    with pytest.raises(MalformedLength):
        list(PacketReader(_LIMIT).feed(data))
