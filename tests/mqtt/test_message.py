import asyncio

import pytest

from bridge.mqtt.message import Inbound, MessageQueue, may_respond


def _command(payload: bytes = b"1", arrived: float = 0.0) -> Inbound:
    return Inbound("site/prioritySoc/set", payload, arrived=arrived)


async def test_messages_come_out_in_their_order() -> None:
    queue = MessageQueue()
    for number in range(3):
        queue.put(_command(b"%d" % number))
    assert [(await anext(queue)).payload for _ in range(3)] == [b"0", b"1", b"2"]
    waiting = asyncio.ensure_future(anext(queue))
    await asyncio.sleep(0)
    queue.put(_command(b"3"))
    assert (await waiting).payload == b"3"


@pytest.mark.parametrize(("payload", "most"), [(b"x", 1000), (b"x" * 100_000, 83)])
def test_what_waits_is_bounded_in_number_and_bytes(payload: bytes, most: int) -> None:
    queue = MessageQueue()
    for _ in range(3000):
        queue.put(_command(payload))
    taken = queue.drain()
    assert [message.excess for message in taken] == [False] * most + [True]
    assert taken[-1].payload == b""
    assert queue.dropped == 3000 - most
    queue.put(_command(payload, arrived=0.5))
    assert len(queue) == 1


def test_one_message_a_second_is_passed_on_to_be_refused() -> None:
    queue = MessageQueue()
    for number in range(4000):
        queue.put(_command(arrived=number / 1000))
    assert [message.arrived for message in queue.drain() if message.excess] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("topic", "may"),
    [
        ("answers/1", True),
        ("ü", True),
        ("x" * 1024, True),
        ("", False),
        ("a/#", False),
        ("+", False),
        ("a\0", False),
        ("a\x1f", False),
        ("a\ufdd0", False),  # mosquitto ends the connection for what is no character
        ("\U0001ffff", False),
        ("x" * 1025, False),
        ("a/" * 300, False),  # mosquitto ends the connection for more than 200 levels
        ("zigbee2mqtt/lamp/set", False),
    ],
)
def test_where_an_answer_may_go(topic: str, *, may: bool) -> None:
    assert may_respond(topic) is may
