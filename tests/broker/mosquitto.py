"""A real mosquitto of one's own, to be started, killed, stopped and restarted by a test."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.broker.authority import Authority, Certificate
from tests.broker.ports import free_port, listens
from tests.patience import PATIENCE

HOST = "127.0.0.1"
WATCHER = "watcher"
"""The harness's own user on a broker with passwords: may do everything, whatever the ACL says."""
_WATCHER_PASSWORD = "watching"
_WATCHER_ACL = f"\nuser {WATCHER}\ntopic readwrite #\ntopic readwrite $marker/#\n"
_PROBE_INTERVAL = 0.003


@dataclass(frozen=True, slots=True)
class Config:
    """What is special about a broker; the default is an open one that keeps its store over SIGKILL."""

    store: bool = True
    users: Mapping[str, str] = field(default_factory=dict)
    """Name -> password; empty: anonymous."""
    acl: str | None = None
    authority: Authority | None = None
    """With it there is a TLS listener (and wss, where `websockets` is set)."""
    certificate: Certificate | None = None
    """The server's, instead of a fresh one of the authority's."""
    require_certificate: bool = False
    websockets: bool = False
    unix: bool = False
    max_packet_size: int | None = None
    max_inflight: int | None = None
    """Messages in flight in each direction: what MQTT 5 announces as Receive Maximum."""
    lines: tuple[str, ...] = ()
    """Lines of mosquitto.conf, for the broker or its main listener."""


class NotRunningError(AssertionError):
    """mosquitto did not start, or ended; the text holds its log."""


class Mosquitto:
    """One mosquitto process. Its ports stay the same over restarts."""

    def __init__(self, directory: Path, config: Config | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.config = config or Config()
        self.log_file = directory / "mosquitto.log"
        self.unix_socket = directory / "mqtt.sock"
        self.port = self.tls_port = self.ws_port = self.wss_port = 0
        self._directory = directory
        self._users = {**self.config.users, WATCHER: _WATCHER_PASSWORD} if self.config.users else {}
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        if not self._process:
            raise NotRunningError("mosquitto does not run")
        return self._process.pid

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        """Everything that all starts have logged."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def password(self, user: str | None) -> str | None:
        """A user's password; None where there are no passwords, or for nobody."""
        return self._users.get(user) if user else None

    async def start(self) -> None:
        """Start and return once it takes connections; the first start chooses the ports."""
        if self._process:
            raise NotRunningError("mosquitto runs already")
        if self.port:
            await self._launch()
            return
        for attempt in range(5):
            self._choose_ports()
            try:
                await self._launch()
            except NotRunningError as error:  # another process may have taken the port just now
                if attempt == 4 or "Address already in use" not in str(error):
                    raise
            else:
                return

    async def restart(self, *, keep_store: bool = True) -> None:
        """Start again (after an orderly end, if it still runs), on demand without what it had stored."""
        self.stop()
        if not keep_store:
            self.forget()
        await self.start()

    def forget(self) -> None:
        """Delete the store of a broker that does not run."""
        (self._directory / "mosquitto.db").unlink(missing_ok=True)

    def stop(self) -> None:
        """End orderly: the store is written."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End by SIGKILL: what was not saved is lost, clients see their connections die."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze: connections stay and are accepted by the kernel, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """Read configuration, users and ACL again."""
        self._write_config()
        self._signal(signal.SIGHUP)

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process and process.poll() is None:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            process.wait(timeout=PATIENCE)

    def _choose_ports(self) -> None:
        self.port = free_port()
        self.tls_port = free_port() if self.config.authority else 0
        self.ws_port = free_port() if self.config.websockets else 0
        self.wss_port = free_port() if self.config.websockets and self.config.authority else 0

    async def _launch(self) -> None:
        self._write_config()
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if not program:
            raise NotRunningError("mosquitto is not installed (Debian: apt-get install mosquitto)")
        self._process = self._spawn(program)
        try:
            await self._until_listening(self._process)
        except BaseException:
            self.kill()
            raise

    def _spawn(self, program: str) -> subprocess.Popen[bytes]:
        """A plain child: asyncio's own could not be killed and waited for without the loop."""
        command = [program, "-c", str(self._directory / "mosquitto.conf")]
        with self.log_file.open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    async def _until_listening(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until this very process takes connections (a stranger on the port does not count)."""
        end = time.monotonic() + PATIENCE
        while not listens(process.pid, self._last_port):
            if process.poll() is not None:
                raise NotRunningError(f"mosquitto ended with {process.returncode}:\n{self.log}")
            if time.monotonic() > end:
                raise NotRunningError(f"mosquitto does not listen on {self._last_port}:\n{self.log}")
            await asyncio.sleep(_PROBE_INTERVAL)

    @property
    def _last_port(self) -> int:
        """The listener that mosquitto opens last."""
        return self.wss_port or self.ws_port or self.tls_port or self.port

    def _write_config(self) -> None:
        if self.config.users:
            self._write_passwords()
        if self.config.acl is not None:
            (self._directory / "acl").write_text(self.config.acl + _WATCHER_ACL)
            (self._directory / "acl").chmod(0o600)
        (self._directory / "mosquitto.conf").write_text("\n".join([*self._general(), *self._listeners(), ""]))

    def _write_passwords(self) -> None:
        file = self._directory / "passwords"
        file.write_text("".join(f"{name}:{password}\n" for name, password in self._users.items()))
        file.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-U", file], check=True, capture_output=True)

    def _general(self) -> Iterator[str]:
        config, directory = self.config, self._directory
        yield from ("log_type all", "log_timestamp_format %H:%M:%S", "log_dest stderr")
        yield f"allow_anonymous {str(not config.users).lower()}"
        if os.geteuid() == 0:
            yield "user root"  # else it becomes the user mosquitto, who cannot write to the test's directory
        if config.store:
            yield from ("persistence true", f"persistence_location {directory}/")
            yield from ("autosave_on_changes true", "autosave_interval 1")
        if config.users:
            yield f"password_file {directory}/passwords"
        if config.acl is not None:
            yield f"acl_file {directory}/acl"
        if config.max_packet_size:
            yield f"max_packet_size {config.max_packet_size}"
        if config.max_inflight:
            yield f"max_inflight_messages {config.max_inflight}"

    def _listeners(self) -> Iterator[str]:
        yield f"listener {self.port} {HOST}"
        yield from self.config.lines  # above, one that is a listener's would open port 1883 and be that one's
        if self.config.unix:
            yield f"listener 0 {self.unix_socket}"
        if self.tls_port:
            yield f"listener {self.tls_port} {HOST}"
            yield from self._tls()
        if self.ws_port:
            yield from (f"listener {self.ws_port} {HOST}", "protocol websockets")
        if self.wss_port:
            yield from (f"listener {self.wss_port} {HOST}", "protocol websockets")
            yield from self._tls()

    def _tls(self) -> Iterator[str]:
        authority = self.config.authority
        if not authority:
            return
        certificate = self.config.certificate or authority.server()
        yield from (f"cafile {authority.ca_file}", f"certfile {certificate.cert}", f"keyfile {certificate.key}")
        yield f"require_certificate {str(self.config.require_certificate).lower()}"
