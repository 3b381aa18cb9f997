"""The dispatcher against a model of evcc: the simulated one's own routes, without a network between."""

from collections.abc import Mapping
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.evcc.client import Reply
from bridge.settable.table import SETTINGS
from bridge.state.document import from_document
from bridge.state.state import Scope
from evcc_simulator.clock import Clock as HouseClock
from evcc_simulator.house import ERAS
from evcc_simulator.routes import respond, routes
from evcc_simulator.simulation import Simulation
from tests.commands.fakes import FakeEvcc, running, settle
from tests.virtual import START, in_virtual_time

_PLACES = {
    Scope.SITE: ["site"],
    Scope.LOADPOINT: ["loadpoints/1", "loadpoints/2"],
    Scope.VEHICLE: ["vehicles/bike", "vehicles/my.car_2"],
}
_NEWER = {"gridExportLimit", "alwaysCharge", "solarShare"}  # than the simulated ones
_TOPICS = [
    f"{place}/{setting.leaf}".replace("<i>", "1")
    for setting in SETTINGS
    if setting.leaf not in _NEWER
    for place in _PLACES[setting.scope]
]
_WORDS = ("-", "null", "on", "OFF", "pv", "now", "normal", "bike", "0", "11", "80 %", "1m30s", "1,5", "1e2", "07:00")
_PAYLOADS = st.one_of(
    st.sampled_from([word.encode() for word in _WORDS]),
    st.binary(min_size=1, max_size=12),
    st.text(min_size=1, max_size=12).map(str.encode),
    st.integers(-200, 10**6).map(lambda number: str(number).encode()),
    st.floats().map(lambda number: repr(number).encode()),
    st.fixed_dictionaries(
        {},
        optional={
            "soc": st.integers(-1, 101),
            "energy": st.floats(-1, 100),
            "value": st.integers(0, 100) | st.text(max_size=3),
            "time": st.sampled_from(["07:00", "2026-12-01T07:00:00Z", 1_796_000_000, "never"]),
            "continuous": st.booleans(),
            "precondition": st.integers(-1, 7200),
        },
    ).map(orjson.dumps),
)


class _Evcc(FakeEvcc):
    """evcc's routes as a client of the bridge sees them."""

    def __init__(self, era: str) -> None:
        super().__init__()
        self.simulation = Simulation(ERAS[era], HouseClock(START, 0))
        self.unknown: list[str] = []

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,  # noqa: ARG002 - of the real client
        json: Any = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> Reply:
        body = b"" if json is None else orjson.dumps(json)
        if not any(one.method == method and one.pattern.fullmatch(path) for one in routes(self.simulation.era)):
            self.unknown.append(f"{method} {path}")
        answer = respond(self.simulation, method, path, {}, body)
        self.simulation.catch_up()
        return Reply(answer.status, answer.content_type, answer.body)


async def _play(era: str, commands: list[tuple[str, bytes]]) -> None:
    evcc = _Evcc(era)
    async with running(from_document(evcc.simulation.house.copy()), evcc) as house:
        for topic, payload in commands:
            before = evcc.simulation.house.copy()
            answered = len(house.mirror.sent)
            house.set(topic, payload)
            await settle()
            assert len(house.mirror.sent) == answered + 1, "one answer"
            _, answer = house.mirror.sent[-1]
            assert answer["status"] in {"ok", "refused"}, answer
            assert answer["status"] == "ok" or evcc.simulation.house.copy() == before, (
                "refused, and yet something changed"
            )
            house.reader.state = from_document(evcc.simulation.house.copy())
    assert era == "0.131.4" or not evcc.unknown, "only the older evcc lacks settings"


@given(st.sampled_from(sorted(ERAS)), st.lists(st.tuples(st.sampled_from(_TOPICS), _PAYLOADS), max_size=8))
@settings(max_examples=settings().max_examples // 4)  # each plays several commands
def test_every_call_is_one_that_evcc_knows_and_every_command_is_answered(
    era: str, commands: list[tuple[str, bytes]]
) -> None:
    in_virtual_time(_play(era, commands))
