import asyncio
from typing import Any

import orjson
import pytest

from bridge.errors import EvccError, NotReady, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.rest import Rest
from bridge.extras.tariffs import TYPES, Tariffs
from tests.extras.recorded import NO_ROUTE, Answer, FakeEvcc, Wanted, reply
from tests.virtual import START, in_virtual_time, monotonic, now

MIDNIGHT = START - START % 86_400


def slots(values: list[Any], length: float = 900, first: float = MIDNIGHT) -> list[list[Any]]:
    return [[first + n * length, first + (n + 1) * length, value] for n, value in enumerate(values)]


class House:
    """Tariffs of a fake evcc."""

    def __init__(self, **answers: Answer) -> None:
        self.evcc = FakeEvcc({f"/api/tariff/{name}": answer for name, answer in answers.items()})
        self.state: dict[str, Any] = {}
        self.wanted = Wanted()
        self.rest = Rest(self.evcc, monotonic)
        self.tariffs = Tariffs(self.rest, lambda: self.state, self.wanted, now)

    async def run(self, seconds: float) -> None:
        """Do what a Routine does, for that long."""
        until, asked = monotonic() + seconds, True
        while monotonic() < until:
            await asyncio.sleep(min(await self.tariffs.work(asked), until - monotonic()))
            asked = False

    def figures(self, kind: str = "grid") -> tuple[bytes, ...]:
        return tuple(self.wanted[f"tariffs/{kind}/{name}"] for name in ("now", "min", "max"))


def test_tariffs_become_topics_and_those_that_evcc_does_not_have_do_not() -> None:
    async def main() -> None:
        listed = slots([0.1234567, None, -0.05] * 32)
        house = House(grid=reply({"rates": listed}), feedin=reply({"result": {"rates": slots([0.08] * 96)}}))
        await house.run(1)
        assert set(house.wanted.sources["tariffs"]) == {
            f"tariffs/{kind}{below}" for kind in ("grid", "feedin") for below in ("", "/now", "/min", "/max")
        }
        assert orjson.loads(house.wanted["tariffs/grid"]) == listed
        assert house.figures("feedin") == (b"0.08", b"0.08", b"0.08")
        assert house.figures() == (b"", b"-0.05", b"0.123")

    # 10:12 is in slot 40 of the day, the second of three
    in_virtual_time(main())


def test_now_changes_with_the_slot_even_when_evcc_is_away() -> None:
    async def main() -> None:
        house = House(grid=reply({"rates": slots(list(range(96)))}))
        await house.run(1)
        assert house.figures()[0] == b"40"
        house.evcc.down = True
        seen = []
        for _ in range(30):
            try:
                await asyncio.sleep(await house.tariffs.work(False))
            except EvccError:
                await asyncio.sleep(60)
            seen.append((int(now() - START) // 60, house.figures()[0]))
        assert (4, b"41") in seen
        assert sorted({figure for minutes, figure in seen if minutes < 30}) == [b"40", b"41", b"42"]

    in_virtual_time(main())


def test_lists_are_asked_for_every_quarter_and_what_there_is_not_once() -> None:
    async def main() -> None:
        house = House(grid=reply({"rates": slots([0.2] * 96)}))
        await house.run(3600)
        assert house.evcc.asked.count("/api/tariff/grid") == 5
        assert sum(path.startswith("/api/tariff/") for path in house.evcc.asked) == len(TYPES) - 1 + 5

    in_virtual_time(main())


def test_what_the_state_shows_already_is_not_asked_for() -> None:
    async def main() -> None:
        listed = slots([0.2, 0.3] * 48)
        objects = [{"start": start, "end": end, "value": value} for start, end, value in listed]
        house = House(grid=reply({"rates": listed}))
        house.state = {"forecast": {"grid": objects}}
        await house.run(7200)
        assert house.evcc.asked.count("/api/tariff/grid") == 1
        house.state = {"forecast": {"grid": objects[1:]}}
        await asyncio.sleep(900)
        await house.tariffs.work(False)
        assert house.evcc.asked.count("/api/tariff/grid") == 2

    in_virtual_time(main())


@pytest.mark.parametrize(
    "listed",
    [[], None, "x", slots([1, 2], first=MIDNIGHT - 86_400), slots([1, 2], first=MIDNIGHT + 86_400), [{"value": 1}]],
    ids=["empty", "null", "text", "past", "to come", "no start"],
)
def test_without_a_slot_of_this_moment_there_is_no_now(listed: Any) -> None:
    async def main() -> None:
        house = House(grid=reply({"rates": listed}))
        await house.run(1)
        assert house.figures()[0] == b""

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("answer", "asked_again"),
    [
        (NO_ROUTE, False),
        (reply({"error": "tariff not available"}, 404), False),
        (reply({"error": "bogus does not belong to TariffUsage values"}, 404), False),
        (reply({"error": "outdated"}, 404), True),
        (reply({"error": "no"}, 400), True),
    ],
)
def test_only_what_evcc_will_never_have_is_given_up(answer: Reply, asked_again: bool) -> None:
    async def main() -> None:
        house = House(grid=reply({"rates": slots([1] * 96)}), co2=answer)
        await house.run(1000)
        assert (house.evcc.asked.count("/api/tariff/co2") > 1) is asked_again
        assert house.figures("co2") == (b"", b"", b"")
        house.rest.forget()
        house.evcc.answers["/api/tariff/co2"] = reply({"rates": slots([2] * 96)})
        await house.run(1)
        assert house.figures("co2")[0] == b"2"

    in_virtual_time(main())


def test_it_is_asked_for_again_after_a_day() -> None:
    async def main() -> None:
        house = House(grid=reply({"rates": slots([1] * 300)}))
        await house.run(86_000)
        assert house.evcc.asked.count("/api/tariff/solar") == 1
        await house.run(2000)
        assert house.evcc.asked.count("/api/tariff/solar") == 2

    in_virtual_time(main())


def test_while_evcc_starts_tariffs_stay_and_are_asked_for_again() -> None:
    async def main() -> None:
        house = House(grid=reply({"rates": slots([1] * 96)}))
        await house.run(1)
        known = dict(house.evcc.answers)
        house.evcc.answers = {"/api/state": NO_ROUTE}
        with pytest.raises(NotReady):
            await house.tariffs.work(True)
        assert house.figures()[0] == b"1"
        house.evcc.answers = known | {"/api/tariff/grid": reply({"rates": slots([2] * 96)})}
        await house.tariffs.work(True)
        assert house.figures()[0] == b"2"

    in_virtual_time(main())


@pytest.mark.parametrize(
    "fault", [Unreachable("gone"), Reply(502, "text/html", b"<html>"), Reply(200, "text/html", b"<html>login")]
)
def test_one_tariff_that_fails_keeps_its_values_and_does_not_stop_the_others(fault: Answer) -> None:
    async def main() -> None:
        house = House(grid=reply({"rates": slots([1] * 96)}), planner=reply({"rates": slots([3] * 96)}))
        await house.run(1)
        house.evcc.answers |= {"/api/tariff/grid": fault, "/api/tariff/planner": reply({"rates": slots([4] * 96)})}
        with pytest.raises(EvccError):
            await house.tariffs.work(True)
        assert house.figures("grid")[0] == b"1"
        assert house.figures("planner")[0] == b"4"

    in_virtual_time(main())
