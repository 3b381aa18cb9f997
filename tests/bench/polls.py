"""CPU time of a poll, against a bare GET of the same bytes."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from statistics import median
from typing import Any, NamedTuple

import httpx
import orjson

from bridge.site import Site
from tests.bench.figures import Figure
from tests.bench.programs import Evcc, broker
from tests.site.running import running, settings

_TURNS = 3
_FAR = 3600  # seconds: no poll but ours
_TEN = (
    *("homePower", "pvPower", "greenShareHome", "tariffGrid"),
    *(f"loadpoints.0.{key}" for key in ("chargePower", "sessionEnergy", "chargedEnergy", "vehicleSoc")),
    *("battery.power", "grid.power"),
)


class Cost(NamedTuple):
    """CPU seconds."""

    get: float
    same: float
    changed: float


def figures(rounds: int) -> list[Figure]:
    """(c) on the document of today's evcc."""
    cost, size = measure(rounds)
    get, more = f"{cost.get * 1_000:.2f} ms", (cost.changed - cost.same) * 1_000
    unchanged = f"{cost.same * 1_000:.2f} ms, bare httpx GET: {get}, {size / 1_000:.0f} kB"
    return [
        Figure("c CPU of an unchanged poll, share of a bare GET", cost.same / cost.get, "times", unchanged, 1.2),
        Figure("c CPU more where ten values changed", more, "ms", f"{cost.changed * 1_000:.2f} ms in all", 3),
    ]


def growth_figures(rounds: int, loadpoints: Sequence[int]) -> list[Figure]:
    """(g) the same with more loadpoints."""
    found = []
    for number in loadpoints:
        cost, size = measure(rounds, "--loadpoints", str(number))
        name = f"{number} loadpoint{'s' * (number > 1)}"
        reference = f"{cost.same * 1_000:.2f} ms, {size / 1_000:.0f} kB; ten changed: {cost.changed * 1_000:.2f} ms"
        found.append(Figure(f"g CPU of an unchanged poll, {name}", cost.same / cost.get, "times", reference))
    return found


def measure(rounds: int, *options: str) -> tuple[Cost, int]:
    """The costs, and the size of the document in bytes."""
    with Evcc("--still", *options) as evcc, broker() as mosquitto:
        state = evcc.state()
        bodies = [orjson.dumps(state).decode(), orjson.dumps(_with_ten_changed(state)).decode()]
        environment = settings(evcc.url, mosquitto.url, evcc={"interval": _FAR, "push": "off"})

        async def measured() -> list[Cost]:
            gc.collect()
            gc.freeze()  # as the daemon does
            async with running(environment) as site, _bare() as bare:
                return [await _round(evcc, site, bare, bodies[number % 2]) for number in range(rounds)]

        costs = asyncio.run(measured())[2:]
    return Cost(*map(median, zip(*costs, strict=True))), len(bodies[0])


async def _round(evcc: Evcc, site: Site, bare: httpx.AsyncClient, body: str) -> Cost:
    evcc.act("replace", body=body)

    async def get() -> None:
        await bare.get(f"{evcc.url}/api/state")

    async def poll() -> None:
        await site.reader._poll_once()

    async def poll_and_publish() -> None:
        await poll()
        while site.reader._given is not site.reader.state:  # noqa: ASYNC110 - what follows the reader has its turn
            await asyncio.sleep(0)
        await site.mirror.tree.settled()

    await get()
    changed = await _cost(poll_and_publish)
    costs = [(await _cost(get), await _cost(poll)) for _ in range(_TURNS)]
    return Cost(median(each[0] for each in costs), median(each[1] for each in costs), changed)


async def _cost(work: Callable[[], Awaitable[None]]) -> float:
    began = time.process_time()
    await work()
    return time.process_time() - began


def _bare() -> httpx.AsyncClient:
    return httpx.AsyncClient(headers={"Accept-Encoding": "identity"}, trust_env=False)


def _with_ten_changed(state: dict[str, Any]) -> dict[str, Any]:
    other = deepcopy(state)
    for path in _TEN:
        node: Any = other
        *parents, last = path.split(".")
        for level in parents:
            node = node[int(level) if level.isdecimal() else level]
        node[last] = (node.get(last) or 0) + 1
    return other
