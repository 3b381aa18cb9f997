"""`bridge/changes`: what a new release of evcc changed, in one run and between two."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
import pytest
from structlog.testing import capture_logs

from bridge.evcc.reader import Update
from bridge.extras.changes import CHANGES, SHAPE, ReleaseChanges, Shape, differences, kind_of
from bridge.settings import Settings
from bridge.state.contract import Contract
from bridge.state.flatten import Layout
from bridge.state.names import Selection
from bridge.state.state import State
from tests.commands.fakes import settle, virtual
from tests.contract.eras import state, view
from tests.extras.house import FakeMirror, FakeReader


class House:
    """A mirror that has what an earlier run left, and evcc's state as the test has it."""

    def __init__(self, stored: dict[str, bytes] | None = None) -> None:
        self.mirror = FakeMirror(stored)
        self.reader = FakeReader()
        self.changes = ReleaseChanges(cast("Any", self.reader), cast("Any", self.mirror), Settings())

    async def show(self, found: State, *, complete: bool = True, settled: bool = True) -> None:
        self.reader.settled = settled
        self.changes.update(Update(found, (), complete, restarted=False))
        await settle()

    def json(self, topic: str) -> Any:
        payload = self.mirror.topics.get(topic)
        return None if payload is None else orjson.loads(payload)


@asynccontextmanager
async def running(stored: dict[str, bytes] | None = None) -> AsyncIterator[House]:
    house = House(stored)
    task = asyncio.create_task(house.changes.run())
    await settle()
    yield house
    task.cancel()


@virtual
async def test_the_first_run_compares_with_nothing() -> None:
    async with running() as house:
        await house.show(state("0.313.2"))
        assert house.json(CHANGES) is None
        assert house.json(SHAPE)["version"] == "0.313.2"


@virtual
async def test_a_new_version_is_compared_with_the_one_before() -> None:
    async with running() as house:
        await house.show(state("0.313.2"))
        with capture_logs() as logs:
            await house.show(state("0.314.0-dev"))
        found = house.json(CHANGES)
        assert (found["from"], found["to"]) == ("0.313.2", "0.314.0-dev")
        assert found["retyped"]["site/forecast/grid"] == {"from": "list of objects", "to": "list of lists"}
        assert "site/gridExportLimit" in found["new"]
        assert "loadpoints/<n>/mode" not in found["new"]
        assert found["gone"] == ["site/batteryGridChargeLimit", "site/batteryModeExternal"]
        assert found["settings_new"] == ["site/gridExportLimit/set"]
        assert isinstance(found["time"], int)
        [line] = logs
        assert (line["event"], line["before"], line["after"]) == (
            "evcc has changed its version", "0.313.2", "0.314.0-dev",
        )  # fmt: skip
        assert line["settings_new"] == "site/gridExportLimit/set"
        assert re.search(r"(, [^ ]+){7} and [0-9]+ more$", line["new"])
        assert "settings_gone" not in line


@virtual
async def test_a_new_version_between_two_runs_is_compared_with_the_shape_that_the_first_one_left() -> None:
    async with running() as first:
        await first.show(state("0.131.4"))
    async with running({SHAPE: first.mirror.topics[SHAPE]}) as second:
        await second.show(state("0.313.2"))
        found = second.json(CHANGES)
        assert (found["from"], found["to"]) == ("0.131.4", "0.313.2")
        assert "loadpoints/<n>/phasesEnabled" in found["gone"]
        assert "loadpoints/<n>/planStrategy/set" in found["settings_new"]
        assert second.json(SHAPE)["version"] == "0.313.2"


@virtual
async def test_with_the_same_version_nothing_is_said() -> None:
    async with running() as first:
        await first.show(state("0.313.2"))
    async with running({SHAPE: first.mirror.topics[SHAPE]}) as second:
        await second.show(state("0.313.2"))
        assert second.json(CHANGES) is None


@virtual
async def test_a_run_that_left_no_shape_is_named_by_its_version() -> None:
    async with running({"bridge/info": b'{"evcc":"0.313.1"}'}) as house:
        await house.show(state("0.313.2"))
        found = house.json(CHANGES)
        assert found.keys() == {"from", "to", "time"}
        assert (found["from"], found["to"]) == ("0.313.1", "0.313.2")


@virtual
@pytest.mark.parametrize(
    "junk", [b"", b"{", b"[]", b"5", b'{"version":1}', b'{"version":"1","topics":[],"settings":{}}', b"\xff"]
)
async def test_what_somebody_else_has_left_is_not_used(junk: bytes) -> None:
    async with running({SHAPE: junk, "bridge/info": junk}) as house:
        await house.show(state("0.313.2"))
        assert house.json(CHANGES) is None


@virtual
async def test_an_evcc_that_starts_is_not_compared() -> None:
    async with running() as house:
        await house.show(state("0.313.2"))
        await house.show(state("0.314.0-dev"), complete=False)
        await house.show(state("0.314.0-dev"), settled=False)
        assert house.json(CHANGES) is None
        await house.show(state("0.314.0-dev"))
        assert house.json(CHANGES)["to"] == "0.314.0-dev"


@virtual
async def test_a_pinned_release_hides_what_it_translates() -> None:
    async with running() as house:
        await house.show(view("0.313.2", "0.313"))
        await house.show(view("0.314.0-dev", "0.313"))
        assert house.json(CHANGES)["retyped"] == {}


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"", ""),
        (b"null", ""),
        (b"true", "boolean"),
        (b"-1.5", "number"),
        (b"1e5", "text"),
        (b"pv", "text"),
        (b'[{"start"', "list of objects"),
        (b"[[1,2]]", "list of lists"),
        (b'{"a":1}', "json"),
    ],
)
def test_types(payload: bytes, kind: str) -> None:
    assert kind_of(payload) == kind


def test_a_topic_without_a_value_has_no_type_that_differs() -> None:
    found = differences(Shape("1", {"a": "", "b": "text"}), Shape("2", {"a": "number", "b": "number"}))
    assert found["retyped"] == {"b": {"from": "text", "to": "number"}}


def test_a_shape_is_read_as_it_was_written() -> None:
    shape = Shape.of(Contract("0.131").view(state("0.313.2")), Layout(Selection(), aliases=True))
    assert Shape.read(shape.written()) == shape
    assert len(shape.written()) < 20_000
