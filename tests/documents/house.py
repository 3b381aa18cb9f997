"""What the commands of the documents run in: a simulated evcc, a broker and a bridge, at addresses of their own."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.broker.mosquitto import HOST, Mosquitto
from tests.broker.ports import free_port
from tests.documents.shown import ROOT, Command
from tests.patience import PATIENCE

_SHIMS = {
    "evcc-bridge": f'{shlex.quote(sys.executable)} -m bridge "$@"',
    **{name: f'{shutil.which(name)} -p "$BROKER_PORT" "$@"' for name in ("mosquitto_pub", "mosquitto_sub")},
}
_PAUSE = 0.02
_SHOWN = 2000  # characters of an output


class House:
    """The processes, and a directory to run commands in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.broker = Mosquitto(directory / "broker")
        self._evcc, self._page = free_port(), free_port()
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            asyncio.run(self.broker.start())
            self._programs()
            evcc = ("evcc_simulator", "--port", str(self._evcc), "--interval", "1", "--still")
            self._start("log", sys.executable, "-m", *evcc)
            self._start("log", "evcc-bridge", "run")
            self._wait_until_online()
            self._send_a_command()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self.broker.kill()

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a shell in which the programs find each other."""
        return {
            "PATH": f"{self.directory}/bin:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.directory),
            "TZ": "UTC",
            "EVCC_URL": f"http://{HOST}:{self._evcc}",
            "MQTT_URL": self.broker.url,
            "BROKER_PORT": str(self.broker.port),
            "WEB_LISTEN": f"{HOST}:{self._page}",
            "WEB_WRITE": "true",
        }

    def here(self, text: str) -> str:
        """A text of a document with the addresses and the directories of this house."""
        text = re.sub(r"http://192\.168\.1\.\d+:7070|http://localhost:7070", f"http://{HOST}:{self._evcc}", text)
        text = re.sub(r"(mqtt://)(?:\S+@)?192\.168\.1\.\d+(?::1883)?", rf"\g<1>{HOST}:{self.broker.port}", text)
        return re.sub(r"localhost:7071|127\.0\.0\.1:7071", f"{HOST}:{self._page}", text).replace(
            "/etc/openhab", f"{self.directory}/openhab"
        )

    def run(self, command: Command) -> str:
        """Run a command to its end, which must be a good one; its output."""
        done = subprocess.run(
            ["bash", "-c", self.here(command.text)],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-_SHOWN:]
        return done.stdout

    def begin(self, command: Command, **variables: str) -> "Running":
        """Start a command that does not end by itself."""
        log = f"output{len(self._processes)}"
        line = f"exec {self.here(command.text).rstrip('& ')}"
        return Running(self._start(log, "bash", "-c", line, **variables), self.directory / log)

    def ask(self, topic: str, payload: str, answers: str) -> str:
        """The answer to a message, which comes on another topic."""
        options = ["-p", str(self.broker.port), "-V", "5", "-q", "1", "-W", f"{PATIENCE:.0f}"]
        done = subprocess.run(
            ["mosquitto_rr", *options, "-t", topic, "-e", answers, "-m", payload],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def retained(self, topic: str) -> str:
        """The payload that the broker holds of a topic."""
        return self.run(Command("", f"mosquitto_sub -t {topic} -C 1 -W {PATIENCE:.0f}"))

    def _programs(self) -> None:
        (self.directory / "bin").mkdir()
        for name, line in _SHIMS.items():
            path = self.directory / "bin" / name
            path.write_text(f"#!/bin/sh\nexec {line}\n")
            path.chmod(0o755)

    def _start(self, log: str, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in (self.environment | variables).items() if value}
        with (self.directory / log).open("ab") as sink:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.directory,
                stdout=sink,
                stderr=sink,
                preexec_fn=_heed_interrupts,  # noqa: PLW1509 - these tests have no threads
            )
        self._processes.append(process)
        return process

    def _wait_until_online(self) -> None:
        watching = self.begin(Command("", "mosquitto_sub -t evcc/status"))
        watching.until("online")
        watching.end()

    def _send_a_command(self) -> None:
        self.run(Command("", "mosquitto_pub -q 1 -t evcc/loadpoints/1/mode/set -m pv"))
        self.retained("evcc/bridge/journal")  # which `watch --commands` prints


def _heed_interrupts() -> None:
    """Let Ctrl-C end a program although these tests run in the background, where a shell has it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """A command that runs, and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def until(self, expected: str = "") -> None:
        """Wait until it has printed a text, or anything."""
        deadline = time.monotonic() + PATIENCE
        while expected not in (text := self._log.read_text()) or not text:
            assert time.monotonic() < deadline, text[-_SHOWN:]
            assert self._process.poll() in {None, 0}, text[-_SHOWN:]
            time.sleep(_PAUSE)

    def end(self) -> None:
        """End it as a user does."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)
