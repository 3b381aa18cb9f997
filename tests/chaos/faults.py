"""Every fault that a run can inject: what it hits, how it begins and how it ends."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from evcc_simulator.faults import FAULTS
from evcc_simulator.push import PushFault
from tests.broker.proxy import Faults, Proxy
from tests.chaos.broken import ALONE_ENDED, ALONE_REFUSED, OFFLINE_BRIDGE, OFFLINE_EVCC

if TYPE_CHECKING:
    from tests.chaos.world import World

Run = Callable[["World", Random], AbstractAsyncContextManager[None]]
_HOUR = 3600.0
_START = 2.0  # seconds: within them a bridge has imported, connected, read, published, and is online
_NO_STATE = [name for name in FAULTS if name != "types"]  # that one is a state, and some of its values are believed


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault. `place` is what it hits: there is one fault at a time in a place."""

    name: str
    place: str
    run: Run
    offline: float | None = None
    """Seconds after which `status` must be `offline`, where it takes evcc or the bridge away among other faults."""
    alone: float | None = None
    """The same where nothing else is wrong: then how it takes them away decides."""
    harmless: bool = False
    """Whether it leaves that promise alone."""
    slow: bool = False
    """Whether commands and answers may be under way for long."""
    freezes: bool = False
    """Whether the bridge neither reads nor notices anything meanwhile."""
    lies: bool = False
    """Whether bytes become other bytes, which nobody can see."""
    ends: bool = False
    """Whether the bridge ends, so that it knows afterwards only what the broker holds."""
    misleads: bool = False
    """Whether evcc's answers have values that it does not have, and that may be believed."""
    starts: bool = False
    """Whether it starts the bridge first, so that `status` may be online until the bridge is away."""
    family: str = ""
    """What it shares its weight with; by default everything in its place."""

    @property
    def by_will(self) -> bool:
        """Whether it is the broker that makes `status` offline, as the bridge cannot."""
        return self.place in {"bridge", "link to broker"}

    @property
    def kin(self) -> str:
        return self.family or self.place


@asynccontextmanager
async def _bridge_killed(world: "World", _: Random) -> AsyncIterator[None]:
    await world.bridge.kill()
    yield
    await world.bridge.start()


@asynccontextmanager
async def _bridge_restarted(world: "World", _: Random) -> AsyncIterator[None]:
    await world.bridge.stop()
    yield
    await world.bridge.start()


@asynccontextmanager
async def _bridge_stopped_at_its_start(world: "World", random: Random) -> AsyncIterator[None]:
    await world.bridge.stop()
    await world.bridge.start()
    await asyncio.sleep(random.uniform(0, _START))
    await world.bridge.stop()
    yield
    await world.bridge.start()


@asynccontextmanager
async def _log_not_read(world: "World", _: Random) -> AsyncIterator[None]:
    world.bridge.stall_log()
    yield
    world.bridge.read_log()


@asynccontextmanager
async def _bridge_frozen(world: "World", _: Random) -> AsyncIterator[None]:
    world.bridge.pause()
    yield
    world.bridge.resume()


@asynccontextmanager
async def _configuration_read(world: "World", _: Random) -> AsyncIterator[None]:
    await world.reload(good=True)
    yield


@asynccontextmanager
async def _configuration_wrong(world: "World", _: Random) -> AsyncIterator[None]:
    await world.reload(good=False)
    yield
    await world.reload(good=True)


@asynccontextmanager
async def _clock_jumps(world: "World", random: Random) -> AsyncIterator[None]:
    await world.bridge.surround(shift=random.choice((-1.0, 1.0)) * random.choice((5.0, _HOUR, 400 * 24 * _HOUR)))
    yield
    await world.bridge.surround(shift=0.0)


@asynccontextmanager
async def _names_lost(world: "World", random: Random) -> AsyncIterator[None]:
    await world.bridge.surround(names=False)
    for link in random.sample((world.broker_link, world.evcc_link), random.choice((1, 2))):
        link.cut()
    yield
    await world.bridge.surround(names=True)


@asynccontextmanager
async def _broker_killed(world: "World", _: Random, *, keep: bool = True) -> AsyncIterator[None]:
    world.broker.kill()
    yield
    await world.start_broker(keep=keep)


@asynccontextmanager
async def _broker_restarted(world: "World", _: Random, *, keep: bool = True) -> AsyncIterator[None]:
    world.broker.stop()
    yield
    await world.start_broker(keep=keep)


@asynccontextmanager
async def _broker_frozen(world: "World", _: Random) -> AsyncIterator[None]:
    world.broker.pause()
    yield
    world.broker.resume()


@asynccontextmanager
async def _disk_full(world: "World", random: Random) -> AsyncIterator[None]:
    with world.disk.full():
        if random.random() < 0.5:
            world.broker.kill()
            await world.start_broker()
        yield


@asynccontextmanager
async def _certificate_expired(world: "World", _: Random) -> AsyncIterator[None]:
    await world.certify(expired=True)
    yield
    await world.certify(expired=False)


@asynccontextmanager
async def _cut(link: Proxy, random: Random) -> AsyncIterator[None]:
    link.cut(reset=random.random() < 0.5)
    yield


@asynccontextmanager
async def _refused(link: Proxy, _: Random) -> AsyncIterator[None]:
    link.refuse()
    link.cut()
    yield
    await link.accept()


@asynccontextmanager
async def _bad(link: Proxy, faults: Faults) -> AsyncIterator[None]:
    link.faults = faults
    yield
    await link.heal()


def _mute(link: Proxy, _: Random) -> AbstractAsyncContextManager[None]:
    link.faults = Faults(mute=True)
    link.cut()
    return _bad(link, Faults(mute=True))


def _link(run: Callable[[Proxy, Random], AbstractAsyncContextManager[None]], place: str) -> Run:
    def on(world: "World", random: Random) -> AbstractAsyncContextManager[None]:
        return run(world.links[place], random)

    return on


@asynccontextmanager
async def _half_open(world: "World", _: Random, *, place: str) -> AsyncIterator[None]:
    world.broke(place)
    async with _bad(world.links[place], Faults(half_open=True)):
        yield


_SHAPES: dict[str, Callable[[Proxy, Random], AbstractAsyncContextManager[None]]] = {
    "cut": _cut,
    "refused": _refused,
    "mute": _mute,
    "delayed": lambda link, random: _bad(link, Faults(delay=random.uniform(0.02, 0.3))),
    "throttled": lambda link, random: _bad(link, Faults(rate=random.choice((20_000, 60_000, 200_000)))),
    "corrupted": lambda link, random: _bad(link, Faults(corrupt=random.uniform(0.01, 0.3))),
}


def _links(
    place: str, offline: float, alone: dict[str, float], *, slow: bool = False, lies: bool = False
) -> list[Fault]:
    """The faults of a link; `alone` names those that keep its ends apart."""
    shapes = {name: _link(run, place) for name, run in _SHAPES.items()}
    shapes["half-open"] = partial(_half_open, place=place)
    return [
        Fault(
            f"{place} {name}",
            place,
            run,
            offline if name in alone else None,
            alone.get(name),
            slow=slow and name != "half-open",
            lies=lies and name == "corrupted",
        )
        for name, run in shapes.items()
    ]


@asynccontextmanager
async def _evcc_killed(world: "World", _: Random) -> AsyncIterator[None]:
    await world.evcc.kill()
    yield
    await world.evcc.start()


@asynccontextmanager
async def _evcc_frozen(world: "World", _: Random) -> AsyncIterator[None]:
    world.evcc.pause()
    yield
    world.evcc.resume()


@asynccontextmanager
async def _evcc_restarts(world: "World", random: Random) -> AsyncIterator[None]:
    await world.evcc.act("restart", scale=random.choice((0.02, 0.1, 0.3)))
    yield
    await world.evcc.complete()


@asynccontextmanager
async def _evcc_answers(world: "World", random: Random, *, name: str) -> AsyncIterator[None]:
    path, times = random.choice((("/", None), ("/", None), ("/api/state", None), ("/", random.randrange(1, 6))))
    await world.evcc.act("fault", name=name, path=path, times=times)
    yield
    await world.evcc.act("fault", name=None)


@asynccontextmanager
async def _evcc_answers_wrongly(world: "World", random: Random) -> AsyncIterator[None]:
    await world.evcc.act("fault", name=random.choice(_NO_STATE), path="/", times=None)
    yield
    await world.evcc.act("fault", name=None)


@asynccontextmanager
async def _push_fault(world: "World", _: Random, *, name: str) -> AsyncIterator[None]:
    await world.evcc.act("push_fault", name=name)
    yield
    await world.evcc.act("push_fault", name=None)


@asynccontextmanager
async def _sockets_dropped(world: "World", _: Random) -> AsyncIterator[None]:
    await world.evcc.act("drop_sockets")
    yield


_BROKER = [
    Fault("broker killed, store kept", "broker", _broker_killed),
    Fault("broker killed, store lost", "broker", partial(_broker_killed, keep=False)),
    Fault("broker restarted, store kept", "broker", _broker_restarted),
    Fault("broker restarted, store lost", "broker", partial(_broker_restarted, keep=False)),
    Fault("broker frozen", "broker", _broker_frozen, slow=True),
]
DISK = Fault("broker's disk full", "broker", _disk_full)
_CERTIFICATE = Fault("broker's certificate expired", "broker", _certificate_expired, OFFLINE_BRIDGE, ALONE_ENDED)
_BRIDGE = [
    Fault("bridge killed", "bridge", _bridge_killed, OFFLINE_BRIDGE, ALONE_ENDED, ends=True),
    Fault("bridge restarted", "bridge", _bridge_restarted, OFFLINE_BRIDGE, ALONE_ENDED, ends=True),
    Fault(
        "bridge stopped at its start",
        "bridge",
        _bridge_stopped_at_its_start,
        OFFLINE_BRIDGE,
        ALONE_ENDED,
        ends=True,
        starts=True,
    ),
    Fault("log not read", "log", _log_not_read, harmless=True, family="bridge"),
    Fault("bridge frozen", "bridge", _bridge_frozen, OFFLINE_BRIDGE, OFFLINE_BRIDGE, freezes=True),
    Fault("configuration read again", "bridge", _configuration_read, ends=True),
    Fault("configuration wrong", "bridge", _configuration_wrong, ends=True),
    Fault("clock jumps", "bridge", _clock_jumps, harmless=True),
    Fault("names do not resolve", "bridge", _names_lost),
]
_PROCESS = "evcc's process"  # or one of its many wrong answers would come a dozen times as often as its restart
_EVCC = [
    Fault("evcc killed", "evcc", _evcc_killed, OFFLINE_EVCC, ALONE_REFUSED, family=_PROCESS),
    Fault("evcc frozen", "evcc", _evcc_frozen, OFFLINE_EVCC, OFFLINE_EVCC, family=_PROCESS),
    Fault("evcc restarts", "evcc", _evcc_restarts, family=_PROCESS),
    *(
        Fault(f"evcc answers: {name}", "evcc", partial(_evcc_answers, name=name), misleads=name not in _NO_STATE)
        for name in FAULTS
    ),
    Fault("evcc answers wrongly throughout", "evcc", _evcc_answers_wrongly, OFFLINE_EVCC, OFFLINE_EVCC),
]
_PUSH = [
    Fault("push dropped", "evcc", _sockets_dropped, harmless=True),
    *(Fault(f"push {one.value}", "evcc", partial(_push_fault, name=one.value), harmless=True) for one in PushFault),
]

# what refuses is cut before, which both ends see
_TO_BROKER = {"refused": ALONE_ENDED, "mute": ALONE_ENDED, "half-open": OFFLINE_BRIDGE}
_TO_EVCC = {"refused": ALONE_REFUSED, "mute": OFFLINE_EVCC, "half-open": OFFLINE_EVCC}


def faults(*, tls: bool, push: bool) -> list[Fault]:
    """All that can go wrong where the broker is reached by TLS, or not, and where the bridge listens to `/ws`, or not.

    Bytes to the broker are only corrupted within TLS, which shows it: else they would be somebody's true words.
    """
    to_broker = _links("link to broker", OFFLINE_BRIDGE, _TO_BROKER, slow=True)
    to_evcc = _links("link to evcc", OFFLINE_EVCC, _TO_EVCC, lies=True)
    if not tls:
        to_broker = [fault for fault in to_broker if fault.name != "link to broker corrupted"]
    special = [*([_CERTIFICATE] if tls else []), *(_PUSH if push else [])]
    return [*_BROKER, DISK, *special, *_BRIDGE, *_EVCC, *to_broker, *to_evcc]


def weights(kinds: Sequence[Fault]) -> list[float]:
    """Every family of faults, a place or part of one, comes as often as any other, however many it has."""
    kin = Counter(kind.kin for kind in kinds)
    return [1 / kin[kind.kin] for kind in kinds]
