"""Every command ends with a sentence and an exit code, whatever answers in evcc's place."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bridge.cli import main
from tests.evcc.server import Answer, answer, raw, server

COMMANDS = (
    ("check",),
    ("topics",),
    ("topics", "--json"),
    ("topics", "--settable"),
    ("export", "openhab"),
    ("export", "nodered"),
    ("export", "homeassistant"),
)
NO_STATES = {
    "redirects": answer(302, b"", Location="evcc:7070/login"),
    "cookie": raw(b"HTTP/1.1 500 No\r\nSet-Cookie: lang=M\xfcller\r\nContent-Length: 0\r\n\r\n"),
    "login page": answer(200, b"<html>login", "text/html"),
    "another program": answer(200, b'{"name":"openHAB","version":"4"}'),
    "gzip": answer(200, b"\x1f\x8b\x00", Content_Encoding="gzip, gzip"),
    "too deep": answer(200, b"[" * 100_000),
    "cut": raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":', end="close"),
    "no HTTP": raw(b"\xff\xfe\x00\r\n\r\n", end="close"),
    "reset": raw(b"", end="reset"),
    "escapes": answer(500, b'{"error":"\\u001b[2J\\nok    all is well"}'),
}


def _odd_values() -> Iterator[Any]:
    yield from (None, True, 5, -1e300, "", "text", "\x1b[2J\n/+#", [], {}, [[]], [None], [{}], {"": {}}, {"a/b": [1]})
    yield ["pv", 5, None, {"": "\x00"}]
    yield {"version": 5, "a": {"b": {"c": [1, 2, 3]}}}


def _odd_states() -> Iterator[dict[str, Any]]:
    keys = ("siteTitle", "version", "currency", "interval", "battery", "grid", "pv", "forecast", "mqtt", "fatal", "aux")
    device_keys = ("title", "mode", "modes", "minCurrent", "phasesConfigured", "vehicleName", "plan", "chargeCurrents")
    for value in _odd_values():
        device = dict.fromkeys(device_keys, value)
        yield {
            **dict.fromkeys(keys, value),
            "homePower": 1,
            "loadpoints": [device, value],
            "vehicles": {"zoe": device, "\x00/+#": value, "": value},
        }


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


async def code_of(reply: Answer, *command: str) -> int:
    """The exit code of a command; an error that is not reported is raised."""
    async with server(reply) as evcc:
        options = ("--evcc-url", evcc.url(), "--mqtt-url", "mqtt://127.0.0.1:1", "--set", "evcc.push=off")
        return await asyncio.to_thread(main, [*command, *options])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", NO_STATES)
async def test_what_is_no_state(name: str, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert await code_of(NO_STATES[name], *command) == 1
    out, errors = capsys.readouterr()
    assert "\x1b" not in out + errors
    if command == ("check",):
        assert [line.split()[0] for line in out.splitlines()] == ["ok", "fail", "fail", "next"]
    else:
        assert out == ""
        assert errors.startswith("evcc-bridge: ")
        assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_odd_states(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    for state in _odd_states():
        assert await code_of(answer(200, json.dumps(state).encode()), *command) == int(command == ("check",))
        out, errors = capsys.readouterr()
        assert out
        assert "\x1b" not in out + errors
