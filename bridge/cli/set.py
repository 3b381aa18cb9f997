"""`evcc-bridge set`: sets one setting through the broker, and prints the answer."""

import asyncio
import secrets
import sys

import orjson

from bridge.cli.observer import Observer, below, observing
from bridge.errors import BridgeError, BrokerError
from bridge.mqtt.message import Acknowledged, Inbound, Message
from bridge.settings import Settings
from bridge.util.redact import sanitize

_SET = "/set"
_MARGIN = 3.0  # seconds beyond the command's deadline until the answer must have come


def run(settings: Settings, topic: str, value: str) -> int:
    """Publish the command and print its answer as JSON; the exit code is 0 for `ok`, else 1.

    `topic` is below the root or absolute, with `/set` or without. BridgeError where no bridge answers.
    """
    answer = asyncio.run(_set(settings, below(topic, settings.mqtt.root).removesuffix(_SET), value))
    sys.stdout.write(f"{sanitize(answer)}\n")
    return int(_status(answer) != "ok")


async def _set(settings: Settings, topic: str, value: str) -> str:
    if not topic or not topic.isprintable() or "+" in topic or "#" in topic:
        raise BridgeError("TOPIC is the topic of one setting, such as loadpoints/1/mode: evcc-bridge topics --settable")
    if not value:
        raise BridgeError("VALUE is empty: to clear a setting, use -")
    async with observing(settings.mqtt, "set") as observer:
        await observer.require_bridge("bridge/evcc")
        if observer.is_bridge_gone():
            raise BridgeError(
                f"the bridge below {observer.root} does not run (status is offline): start it with `evcc-bridge run`"
            )
        try:
            async with asyncio.timeout(settings.commands.deadline + _MARGIN):
                return await _Command(observer, topic, value).answer()
        except TimeoutError:
            raise BridgeError(_unanswered(observer, topic)) from None


class _Command:
    """A command and its answer: with MQTT 5 on a topic of its own, else on the setting's `…/result`."""

    def __init__(self, observer: Observer, topic: str, value: str) -> None:
        self._observer = observer
        self._token = secrets.token_hex(4)
        self._is_v5 = observer.link.v5
        self._response = f"bridge/response/set-{self._token}" if self._is_v5 else f"{topic}/result"
        self._message = Message(
            f"{observer.root}/{topic}{_SET}",
            value.encode(errors="surrogateescape"),
            response_topic=f"{observer.root}/{self._response}" if self._is_v5 else None,
            correlation=self._token.encode() if self._is_v5 else None,
        )

    async def answer(self) -> str:
        """Publish, and wait for the answer; BrokerError where the broker refuses the message."""
        await self._observer.subscribe(self._response)
        token = self._observer.link.send(self._message)
        async for event in self._observer.events():
            if isinstance(event, Acknowledged) and event.token == token and event.reason:
                raise BrokerError(f"the broker does not let us publish to {self._message.topic}: {event.reason}")
            if isinstance(event, Inbound) and event.topic == self._response and not event.retain:
                return event.payload.decode(errors="replace")
        raise BrokerError("the connection to the broker was lost")


def _status(answer: str) -> str:
    try:
        return str(orjson.loads(answer)["status"])
    except (ValueError, LookupError, TypeError):
        return ""


def _unanswered(observer: Observer, topic: str) -> str:
    status = observer.text("status")
    return (
        f"no answer: `{observer.root}/status` is {sanitize(status, 20)}; either the bridge does not run, "
        f"or this user may not publish to {observer.root}/{sanitize(topic, 200)}{_SET}"
    )
