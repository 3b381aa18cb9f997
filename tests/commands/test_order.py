"""Any mixture of commands, time and an evcc that comes and goes, against what the contract promises."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import Unreachable
from bridge.evcc.client import Reply
from tests.commands.fakes import AWAY, World, reply, running, settle

SETTINGS = (
    "site/residualPower",
    "site/smartCostLimit",
    "loadpoints/1/enableThreshold",
    "loadpoints/1/disableThreshold",
)
MOODS: dict[str, Reply | Unreachable] = {"well": reply(), "away": AWAY, "broken": reply(502, b"", "text/html")}

Step = tuple[str, Any]
STEPS = st.lists(
    st.tuples(st.just("set"), st.sampled_from(SETTINGS))
    | st.tuples(st.just("set"), st.sampled_from(SETTINGS))
    | st.tuples(st.just("wait"), st.sampled_from([0.0, 0.05, 0.5, 3.0, 11.0]))
    | st.tuples(st.just("mood"), st.sampled_from(sorted(MOODS)))
    | st.tuples(st.just("gate"), st.booleans()),
    max_size=40,
)


@dataclass
class Story:
    """What happened: commands by their number, which is also their value, and when each was answered."""

    arrived: dict[int, float] = field(default_factory=dict)
    topics: dict[int, str] = field(default_factory=dict)
    statuses: dict[int, list[str]] = field(default_factory=dict)
    calls: list[tuple[float, int]] = field(default_factory=list)


async def live(steps: list[Step]) -> Story:
    story = Story()
    async with running() as house:
        for kind, what in steps:
            await act(house, story, kind, what)
        house.evcc.gate.set()
        await house.clock.advance(30)
        await house.clock.advance(0)
    for _, answer in house.outlet.answers:
        story.statuses.setdefault(int(answer["value"]), []).append(answer["status"])
    for time, call in zip(house.evcc.times, house.evcc.calls, strict=True):
        story.calls.append((time, int(re.sub(r".*/", "", call))))
    return story


async def act(house: World, story: Story, kind: str, what: Any) -> None:
    match kind:
        case "set":
            number = len(story.arrived)
            story.arrived[number], story.topics[number] = house.clock.time - 1000, what
            house.set(what, str(number))
            await settle()
        case "wait":
            await house.clock.advance(what)
        case "mood":
            house.evcc.otherwise = MOODS[what]
        case "gate":
            house.evcc.gate.set() if what else house.evcc.gate.clear()


def target(topic: str) -> str:
    return topic.rpartition("/")[0]


@settings(max_examples=150)
@given(STEPS)
def test_whatever_happens_the_promises_hold(steps: list[Step]) -> None:
    story = asyncio.run(live(steps))
    assert story.statuses.keys() == story.arrived.keys()
    assert all(len(statuses) == 1 for statuses in story.statuses.values())
    for time, number in story.calls:
        assert story.arrived[number] <= time < story.arrived[number] + 10
    for scope in {target(topic) for topic in SETTINGS}:
        sent = [number for _, number in story.calls if target(story.topics[number]) == scope]
        assert sent == sorted(sent)
    for topic in SETTINGS:
        numbers = [number for number, name in story.topics.items() if name == topic]
        assert [number for number in numbers[-1:] if story.statuses[number] == ["superseded"]] == []


def test_a_story_that_needs_every_promise() -> None:
    steps: list[Step] = [("mood", "away"), *(("set", topic) for topic in SETTINGS * 3), ("wait", 3.0), ("mood", "well")]
    story = asyncio.run(live(steps))
    assert sorted(status for [status] in story.statuses.values()) == ["ok"] * 4 + ["superseded"] * 8
