"""One command, from its arguments to its exit code."""

import asyncio
import logging
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import structlog

from bridge import daemon
from bridge.cli import main
from bridge.errors import BrokerError, ConfigError
from evcc_simulator import Evcc

ROOT = Path(__file__).parents[2]
module = sys.modules["bridge.cli.main"]  # its function has the same name


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is configured, and logging is as before at the end."""
    handlers, level = logging.root.handlers[:], logging.root.level
    for name in ("EVCC_URL", "MQTT_URL", "CONFIG"):
        monkeypatch.delenv(name, raising=False)
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def bridge(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The program as a user starts it."""
    return subprocess.run(
        [sys.executable, "-m", "bridge", *argv],
        cwd=ROOT,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_runs_the_daemon_with_the_command_line_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def run(overrides: Mapping[str, str], environment: Mapping[str, str]) -> int:
        calls.append((overrides, environment["CONFIG"], environment["EVCC_USER"]))
        return 3

    monkeypatch.setenv("EVCC_USER", "me")
    monkeypatch.setattr(daemon, "run", run)
    assert main(["--config", "bridge.toml", "--root", "home"]) == 3
    assert calls == [({"mqtt.root": "home"}, "bridge.toml", "me")]


def test_a_wrong_configuration_ends_with_2_and_one_line_a_mistake() -> None:
    result = bridge("run", "--set", "evcc.interval=fast", MQTT_URL="mqtt://me:geheim@host:port")
    assert result.returncode == 2
    lines = result.stderr.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["evcc.interval", "mqtt.url"]
    assert "geheim" not in result.stderr + result.stdout


async def test_exports(capsys: pytest.CaptureFixture[str]) -> None:
    async with Evcc(still=True) as evcc:
        assert await asyncio.to_thread(main, ["export", "homeassistant", "--evcc-url", evcc.url]) == 0
    assert "homeassistant/" in capsys.readouterr().out


def test_a_hint_for_a_variable_that_is_nearly_an_option() -> None:
    result = bridge("check", "--evcc-url", "http://127.0.0.1:1", "--mqtt-url", "mqtt://127.0.0.1:1", EVCC_INTERVALL="3")
    assert result.returncode == 1
    assert "did you mean EVCC_INTERVAL?" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (BrokerError("no broker"), 1, "evcc-bridge: no broker\n"),
        (BrokerError("no\n\x1b[2Jbroker"), 1, "evcc-bridge: no\\n\\x1b[2Jbroker\n"),
        (KeyboardInterrupt(), 130, ""),
        (ExceptionGroup("", [ExceptionGroup("", [BrokerError("no broker")])]), 1, "evcc-bridge: no broker\n"),
        (ExceptionGroup("", [BrokerError("no broker"), ConfigError("wrong")]), 2, "evcc-bridge: no broker\nwrong\n"),
    ],
)
def test_how_it_ends(
    error: BaseException, code: int, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: Namespace) -> int:
        raise error

    monkeypatch.setattr(module, "run", fails)
    assert main([]) == code
    assert capsys.readouterr().err == printed


def to_the_shell(redirection: str) -> subprocess.CompletedProcess[bytes]:
    """`evcc-bridge check` where nothing answers, with its output redirected."""
    command = f"{sys.executable} -m bridge check --evcc-url http://127.0.0.1:1 --mqtt-url mqtt://127.0.0.1:1"
    return subprocess.run(
        ["/bin/sh", "-c", f"{command} {redirection}"], cwd=ROOT, capture_output=True, timeout=30, check=False
    )


def test_output_that_cannot_be_written_is_reported() -> None:
    result = to_the_shell(">/dev/full")
    assert result.returncode == 1
    assert result.stderr == b"evcc-bridge: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-"])
def test_output_that_is_closed_changes_nothing(redirection: str) -> None:
    result = to_the_shell(redirection)
    assert result.returncode == 1
    assert b"Traceback" not in result.stdout + result.stderr


def test_a_reader_that_has_enough_is_no_failure() -> None:
    assert to_the_shell("| exec 0<&-").stderr == b""


async def test_output_is_utf_8_whatever_the_locale() -> None:
    async with Evcc(still=True) as evcc:
        evcc.set("siteTitle", "Küche")
        result = await asyncio.to_thread(bridge, "topics", "--evcc-url", evcc.url, PYTHONIOENCODING="ascii")
    assert "evcc/site/siteTitle = Küche\n" in result.stdout


def test_an_error_of_the_program_itself_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Namespace) -> int:
        raise ExceptionGroup("", [BrokerError("no broker"), KeyError("ours")])

    monkeypatch.setattr(module, "run", fails)
    with pytest.raises(ExceptionGroup):
        main([])


def test_version_and_help_need_no_library() -> None:
    code = "import sys, bridge.cli.arguments, bridge.cli; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"aiomqtt", "httpx", "pydantic", "structlog", "asyncio", "jq"} & set(modules)


def test_a_command_imports_the_simulated_evcc_only_for_the_demo() -> None:
    code = "import sys, bridge.cli.check, bridge.daemon, bridge.cli.topics; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"jq", "starlette", "uvicorn", "evcc_simulator"} & set(modules)


class TestSites:
    two = '[{"name": "north"}, {"name": "south", "evcc": {"url": "http://127.0.0.1:1"}}]'

    @pytest.mark.parametrize("command", [["topics"], ["export", "openhab"]])
    def test_one_has_to_be_named(self, command: list[str]) -> None:
        done = bridge(*command, SITES=self.two)
        assert (done.returncode, done.stderr) == (2, "there are several sites; --site takes: north, south\n")

    async def test_the_one_that_is_named(self) -> None:
        async with Evcc(still=True) as evcc:
            done = await asyncio.to_thread(
                bridge, "topics", "--site", "north", "--set", f"evcc.url={evcc.url}", SITES=self.two
            )
        assert done.stdout.startswith("evcc/north/loadpoints = 3\n")

    def test_the_demo_has_one_of_its_own(self) -> None:
        done = bridge("demo", SITES=self.two)
        assert (done.returncode, "the demo has one site" in done.stderr) == (2, True)
