"""The bridge with a wall clock and a resolver that are put wrong from outside: `python -m tests.chaos.disturbed run`.

Each line on standard input is a JSON object: `{"shift": 3600}` moves the wall clock, `{"speed": 144}` lets it run
faster, `{"names": false}` makes every name unknown. Each is answered by a list of what its tasks are at.
The names `evcc.test` and `broker.test` are this machine.
"""

import asyncio
import gc
import json
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

HERE = "127.0.0.1"
NAMES = frozenset({"evcc.test", "broker.test"})

_true_time = time.time
_true_lookup = socket.getaddrinfo


@dataclass(slots=True)
class Surroundings:
    """What the process believes about time and names."""

    shift: float = 0.0
    speed: float = 1.0
    names: bool = True
    _since: float = field(default_factory=time.monotonic)

    def put(self, changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            setattr(self, name, value)

    def time(self) -> float:
        return _true_time() + self.shift + (time.monotonic() - self._since) * (self.speed - 1)

    def lookup(self, host: Any, *rest: Any, **options: Any) -> Any:
        if not self.names:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        name = host.decode() if isinstance(host, bytes) else host
        return _true_lookup(HERE if name in NAMES else host, *rest, **options)


def tasks() -> list[str]:
    """What tasks of asyncio that are not done run, whatever loop they are in; what is garbage is collected before."""
    gc.collect()
    found = (thing for thing in gc.get_objects() if issubclass(type(thing), asyncio.Task) and not thing.done())
    return sorted(task.get_coro().__qualname__ for task in found)


def _obey(surroundings: Surroundings) -> None:
    for line in sys.stdin:
        surroundings.put(json.loads(line))
        print(json.dumps(tasks()), flush=True)  # noqa: T201 - the answer


def main() -> int:
    surroundings = Surroundings()
    time.time = surroundings.time
    socket.getaddrinfo = surroundings.lookup
    threading.Thread(target=_obey, args=(surroundings,), daemon=True).start()
    from bridge.cli import main as bridge  # noqa: PLC0415 - only now: what it imports may take time.time along

    return bridge()


if __name__ == "__main__":
    sys.exit(main())
