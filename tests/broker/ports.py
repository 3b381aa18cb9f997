"""TCP ports for servers of a test."""

import random
import socket
from pathlib import Path

_BELOW_EPHEMERAL = (12_000, 32_000)  # no outgoing connection takes a port here while its server is restarting
_LISTEN = "0A"


def free_port() -> int:
    """A port nobody listens on now. Another process can still be faster: see `listens`."""
    while True:
        port = random.randrange(*_BELOW_EPHEMERAL)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) and _can_bind(port):
                return port


def listens(pid: int, port: int) -> bool:
    """Whether the process `pid` itself has a listening TCP socket on `port`."""
    return not _listeners(port).isdisjoint(_sockets(pid))


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _listeners(port: int) -> set[str]:
    """The inodes of all sockets that listen on `port`."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port}


def _sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process holds open."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:  # closed while we looked
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found
