"""One run: bursts of faults, calm between them, and the promises that are checked all the time."""

import asyncio
import time
from asyncio import TaskGroup
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path
from random import Random

from tests.broker.client import Record, retained
from tests.broker.recorder import Recorder
from tests.chaos import broken, verdict
from tests.chaos.broken import Broken, patient
from tests.chaos.commander import ANSWERS, BORROWED, LONGEST, Command
from tests.chaos.faults import DISK, Fault
from tests.chaos.loans import Loans, value_in
from tests.chaos.programs import Ended
from tests.chaos.report import Report
from tests.chaos.schedule import Burst, Planned, bursts
from tests.chaos.world import World, possible
from tests.site.running import expected, state_topics

_PROBE = 0.05  # seconds between two looks at what has no event
_OF_PUSH = "Connection.keepalive"  # the task that a connection to `/ws` has
_AWAKE = 2.0  # seconds in which a bridge that was frozen finds out how its connection is
_LONGEST_BURST = 60.0  # seconds that no burst needs, however slow the machine
_SHOWN = 60  # messages shown when something is broken
_LOANS = ("evcc/bridge/leases", *(f"evcc/{topic}" for topic in BORROWED))
Say = Callable[[str], None]


async def chaos(
    directory: Path,
    seed: int,
    seconds: float,
    say: Say,
    *,
    long: float = 0.25,
    only: str = "",
    most: int | None = None,
) -> Report:
    """Run for about so long, or until a promise is not kept: the report says which, and what led to it.

    `most` ends it after so many bursts: then the seed alone decides which faults there are, not the machine.
    `long` is the share of bursts in which faults last so long that others notice; the others take two seconds.
    `only` leaves the faults away in whose names it is not.
    """
    async with World(directory, seed) as world:
        run = Run(world, seed, say)
        try:
            await run.whole(seconds, long, only, most)
        except (BaseExceptionGroup, Broken, Ended, TimeoutError) as group:
            run.report.broken.append(f"seed {seed}: {_first(group)}\n{run.story()}")
        return run.report


class Run:
    """The world through one run."""

    def __init__(self, world: World, seed: int, say: Say) -> None:
        self.report = Report()
        self._world = world
        self._seed = seed
        self._say = say
        self._told: list[str] = []
        self._active: dict[str, tuple[Fault, float]] = {}
        self._unsettled = 0.0
        self._broker_back = 0.0
        self._slow: list[tuple[float, float]] = []
        self._frozen: list[tuple[float, float]] = []
        self._checked = ("", 0.0)
        self._rest: tuple[list[str], int] | None = None
        self._memory: dict[int, int] = {}
        self._loans = Loans()
        self._known: list[float] = []

    async def whole(self, seconds: float, long: float, only: str, most: int | None) -> None:
        world = self._world
        self._tell(f"seed {self._seed}: {world.variant}")
        if world.disk.reason:
            self._tell(f"no full disk: {world.disk.reason}")
        end = time.monotonic() + seconds
        await self._calm(time.monotonic() + patient(broken.ONLINE), began=time.monotonic())
        kinds = [one for one in possible(world.variant) if only in one.name]
        for burst in islice(bursts(self._seed, kinds, long=long), most):
            if time.monotonic() >= end:
                break
            # left out only here, so that a seed has the same bursts on every machine
            await self._burst(tuple(one for one in burst if one.fault is not DISK or not world.disk.reason))

    def story(self) -> str:
        """What led here: the schedule so far, the last messages, those about loans, the ends of the logs."""
        world = self._world
        records = [one for one in world.recorder.records if not one.topic.startswith(ANSWERS)]
        last = _shown(records[-_SHOWN:])
        loans = _shown([one for one in records if one.topic.startswith(_LOANS)][-3 * _SHOWN :])
        calls = "\n".join(f"  {call.at:.2f} {call.method} {call.path}" for call in world.evcc_link.calls[-20:])
        schedule = "\n".join(self._told)
        now = f"now {time.monotonic():.2f}"
        return (
            f"{schedule}\n{now}\nlast messages:\n{last}\nabout loans:\n{loans}\nlast calls:\n{calls}\n"
            f"bridge:\n{world.bridge.tail()}"
        )

    async def _burst(self, burst: Burst) -> None:
        began = time.monotonic()
        self._tell(f"{began:.2f} " + "; ".join(map(str, burst)))
        self.report.bursts += 1
        async with asyncio.timeout(_LONGEST_BURST), TaskGroup() as group:
            around = [group.create_task(work) for work in (self._world.live(), self._world.command(), self._watch())]
            async with TaskGroup() as inner:
                for planned in burst:
                    inner.create_task(self._inject(planned))
            for task in around:
                task.cancel()
        over = time.monotonic()
        lies, forgets = any(planned.fault.lies for planned in burst), _forgets(burst)
        await self._calm(over, began=began, lies=lies, forgets=forgets)

    async def _inject(self, planned: Planned) -> None:
        fault = planned.fault
        await asyncio.sleep(planned.begin)
        async with self._noted(fault) as began, fault.run(self._world, Random(planned.seed)):
            self.report.faults[fault.name] += 1
            if planned.alone and fault.starts:
                await self._stays_offline(fault, planned.seconds)
            elif planned.alone:
                await self._offline(fault, began, planned.seconds)
            else:
                await asyncio.sleep(planned.seconds)

    async def _offline(self, fault: Fault, began: float, seconds: float) -> None:
        """Invariant 4 of a lone fault: `status` is offline in time, and for so many seconds more."""
        self._checked = (fault.name, began)
        recorder, limit = self._world.recorder, patient(fault.alone or 0)
        with suppress(AssertionError):  # not in time: the judge says so
            wait = began + limit - time.monotonic()
            await recorder.until(lambda: verdict.went_offline(recorder.records, began), wait)
        delay = verdict.offline(recorder.records, fault.name, began, limit)
        self.report.offline[fault.name].append(delay)
        await asyncio.sleep(seconds)
        verdict.offline(recorder.records, fault.name, began, limit)

    async def _stays_offline(self, fault: Fault, seconds: float) -> None:
        """The same where the bridge may have been online for a moment: its end counts, which has just been."""
        ended, recorder = time.monotonic(), self._world.recorder
        self._checked = (fault.name, ended)
        with suppress(AssertionError):  # not in time: see below
            await recorder.value("evcc/status", b"offline", patient(fault.alone or 0))
        self.report.offline[fault.name].append(time.monotonic() - ended)
        for wait in (0.0, seconds):
            await asyncio.sleep(wait)
            if (status := recorder.tree().get("evcc/status")) != b"offline":
                raise Broken(4, f"status is {status!r} {time.monotonic() - ended:.2f} s after: {fault.name}")

    @asynccontextmanager
    async def _noted(self, fault: Fault) -> AsyncIterator[float]:
        began = time.monotonic()
        self._active[fault.place] = (fault, began)
        try:
            yield began
        finally:
            del self._active[fault.place]
            if fault.slow:
                self._slow.append((began, time.monotonic()))
            if fault.freezes:
                self._frozen.append((began, time.monotonic()))
            if not fault.harmless:
                self._unsettled = time.monotonic()
            if fault.place == "broker":
                self._broker_back = time.monotonic()

    async def _watch(self) -> None:
        """What must hold while faults are there: nobody dies by himself, and `status` tells who is gone."""
        while True:
            self._world.bridge.check()
            self._world.evcc.check()
            self._check_offline()
            await asyncio.sleep(_PROBE)

    def _check_offline(self) -> None:
        active = [(fault, began) for fault, began in self._active.values() if not fault.harmless]
        if not active or not all(fault.offline for fault, _ in active):
            return
        if any(fault.by_will and began < self._broker_back for fault, began in active):
            return  # a broker that was away then has no will of the bridge's, and perhaps an old `online` in its store
        fault, began = min(active, key=lambda one: one[1])
        waited = time.monotonic() - max(began, self._unsettled)
        status = self._world.recorder.tree().get("evcc/status")
        if waited <= patient(max(fault.offline or 0 for fault, _ in active)):
            return
        if status == b"online":
            raise Broken(4, f"status is {status!r}, {waited:.1f} s after: {fault.name}")
        if status == b"offline" and self._checked != (fault.name, began):
            self._checked = (fault.name, began)
            self.report.offline_among[fault.name] += 1

    async def _calm(self, over: float, *, began: float, lies: bool = False, forgets: bool = False) -> None:
        """All faults are over: everything comes right within its time."""
        recorder = self._world.recorder
        await self._until(
            4, over + patient(broken.ONLINE), lambda: recorder.tree().get("evcc/status") == b"online", "online"
        )
        self.report.online.append(time.monotonic() - over)
        await self._equal(over)
        self.report.equal.append(time.monotonic() - over)
        await self._returned(over, excused=lies or forgets)
        await self._set_anew(over)
        await self._judge(began, lies=lies, forgets=forgets)
        await self._settled(over)
        await self._until(4, over + patient(broken.EQUAL), self._is_fresh, "updated, and still online")

    async def _equal(self, over: float) -> None:
        """Invariant 1, at a client that was there and at one that comes now."""
        world = self._world
        while True:
            tree = expected(await world.evcc.ask("state"))
            with suppress(AssertionError):
                await world.recorder.until(lambda tree=tree: state_topics(world.recorder.tree()) == tree, 0.3)  # type: ignore[misc]
                if state_topics(await retained(world.broker, "evcc/#")) == tree:
                    return
            if time.monotonic() > over + patient(broken.EQUAL):
                raise Broken(1, _difference(tree, world.recorder))

    async def _returned(self, over: float, *, excused: bool) -> None:
        """Invariant 6 at the end of all loans: nothing borrowed is left."""
        world = self._world
        self._loans.add(self._commands(), {})
        while left := self._loans.left(await world.evcc.ask("state")):
            if excused:
                for topic in left:
                    await world.set_otherwise(topic)
            elif time.monotonic() > over + LONGEST + patient(broken.RETURNED):
                raise Broken(6, f"still borrowed: {left}")
            await asyncio.sleep(_PROBE)

    async def _set_anew(self, over: float) -> None:
        """Set what may be borrowed and has no value of this run, such as after a restart of evcc."""
        world, document = self._world, await self._world.evcc.ask("state")
        fresh = [topic for topic in BORROWED if not value_in(document, topic)]
        for topic in fresh:
            await world.set_otherwise(topic)
        if fresh:
            await self._equal(over + patient(broken.EQUAL))
        self._known.append(time.monotonic())

    async def _judge(self, began: float, *, lies: bool, forgets: bool) -> None:
        """Invariants 2, 3 and 6, of what was recorded since the last time."""
        world = self._world
        v5 = world.variant.version == "5"
        commands = self._commands()
        while True:
            answered = verdict.answers(world.recorder.records, commands, v5=v5)
            judged = verdict.one_answer(commands, answered, reached=self._reached, now=time.monotonic(), v5=v5)
            if not judged.waiting:
                break
            world.bridge.check()
            await asyncio.sleep(_PROBE)
        world.read_diary()
        if not lies:
            self.report.judged["values"] += verdict.values(world.recorder.records, world.truth, began - broken.EQUAL)
            self.report.judged += verdict.calls(world.evcc_link.calls, commands, answered, late=self._late)
        self._judge_loans(answered, excused=lies or forgets)
        self.report.judged["commands"] += judged.commands
        self.report.commands += sum(command.acknowledged is not None for command in commands)
        self.report.answers += verdict.statuses(answered)
        world.truth.forget(began - 2 * broken.EQUAL)
        world.recorder.records.clear()
        world.evcc_link.calls.clear()
        for commander in world.commanders:
            commander.commands.clear()

    def _judge_loans(self, answered: Mapping[int, Sequence[verdict.Answer]], *, excused: bool) -> None:
        self._loans.add(self._commands(), answered)
        for topic in BORROWED:
            self._loans.record(topic, self._world.truth.history(topic))
        if excused:
            self._loans.forget()
        lent, returned = self._loans.judge(self._known)
        self.report.judged += Counter(lent=lent, returned=returned)

    def _commands(self) -> list[Command]:
        return [command for commander in self._world.commanders for command in commander.commands]

    def _reached(self, begin: float, end: float) -> bool:
        for since, thaw in self._frozen:  # only then does it read what has waited, or find that its connection is lost
            if begin < thaw and since < end:
                end = max(end, thaw + _AWAKE)
        slow = any(begin < until and since < end for since, until in self._slow)
        held = self._world.broker_link.continuity.held(begin, end)
        return held and not slow and not any(begin <= lost <= end for lost in self._world.recorder.losses)

    def _late(self, begin: float, end: float) -> bool:
        return any(begin < until and since < end for since, until in self._slow)

    async def _settled(self, over: float) -> None:
        """Invariant 5: tasks and files are those before the first fault, memory is that of the process's first calm."""
        world = self._world
        await self._until(
            3, over + patient(broken.EQUAL), lambda: not _left_set(world.recorder), "no command left in the store"
        )
        while True:
            tasks, memory = await world.bridge.surround(), world.bridge.memory()
            files = world.bridge.files() - world.evcc_link.connections
            if world.variant.push == "off" or _OF_PUSH in tasks:  # `/ws` is connected a moment after all else
                self._rest = self._rest or (tasks, files)
            rest = self._rest or ([], 0)
            first = self._memory.setdefault(world.bridge.pid, memory)
            # one file fewer is well: one was just being closed then
            if tasks == rest[0] and files <= rest[1] and memory <= first + broken.MARGIN:
                break
            if time.monotonic() > over + patient(broken.EQUAL):
                raise Broken(5, f"{memory} bytes, at first {first}; {files} files, {_more(tasks, rest)}")
            await asyncio.sleep(_PROBE)
        self.report.memory.append(memory)

    def _is_fresh(self) -> bool:
        tree = self._world.recorder.tree()
        fresh = abs(time.time() - int(tree.get("evcc/updated", b"0"))) < 4
        return fresh and tree.get("evcc/status") == b"online"

    async def _until(self, invariant: int, end: float, holds: Callable[[], object], what: str) -> None:
        while not holds():
            self._world.bridge.check()
            if time.monotonic() > end:
                raise Broken(invariant, f"not in time: {what}")
            await asyncio.sleep(_PROBE)

    def _tell(self, text: str) -> None:
        self._told.append(text)
        self._say(text)


def _shown(records: Sequence[Record]) -> str:
    return "\n".join(f"  {one.time:.2f} {one.topic} {one.payload[:120]!r}{' (stored)' * one.stored}" for one in records)


def _more(tasks: list[str], rest: tuple[list[str], int]) -> str:
    """How tasks and files differ from those at rest."""
    now, then = Counter(tasks), Counter(rest[0])
    return f"at rest {rest[1]}; tasks too many: {[*(now - then)]}, missing: {[*(then - now)]}"


def _first(error: BaseException) -> BaseException:
    """The error within groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _forgets(burst: Burst) -> bool:
    """Whether what is borrowed may be lost or misjudged, or ended by values that evcc did not have."""
    found = [planned.fault for planned in burst]
    ends, away = any(fault.ends for fault in found), any("broker" in fault.place for fault in found)
    return (ends and away) or any(fault.misleads for fault in found)


def _left_set(recorder: Recorder) -> list[str]:
    return [topic for topic in recorder.tree() if topic.endswith("/set")]


def _difference(tree: dict[str, bytes], recorder: Recorder) -> str:
    seen = state_topics(recorder.tree())
    wrong = [topic for topic in {**tree, **seen} if tree.get(topic) != seen.get(topic)]
    shown = ", ".join(f"{topic}: {seen.get(topic)!r}, not {tree.get(topic)!r}" for topic in sorted(wrong)[:8])
    return f"{len(wrong)} topics differ: {shown}"
