"""Notifies systemd: sd_notify(3), a datagram to the socket that `NOTIFY_SOCKET` names."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

_MICROSECONDS = 1_000_000


class Notifier:
    """Sends states to systemd; without systemd, or when its socket is gone, it does nothing."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_period = _watchdog_period(environment)

    def ready(self, status: str) -> None:
        """Started, or done with reading the configuration again; with a line for `systemctl status`."""
        self._send("READY=1", _status(status))

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(_status(status))

    def watchdog(self) -> None:
        """The process works. To be sent more often than every `watchdog_period`."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Reading the configuration again, until `ready`."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """The process ends."""
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        # systemd may be gone or slow: that must not stop the bridge
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.setblocking(False)  # noqa: FBT003  the standard library's own parameter
            connection.sendto("\n".join(lines).encode(), self._address)


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())


def _watchdog_period(environment: Mapping[str, str]) -> float | None:
    """Seconds within which systemd expects `watchdog`; None when it does not."""
    period, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not period.isdecimal() or pid not in {"", str(os.getpid())}:
        return None
    return int(period) / _MICROSECONDS or None
