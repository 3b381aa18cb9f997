import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from bridge.errors import NotReady, Unreachable
from bridge.evcc.client import Reply
from bridge.extras.tariffs import TYPES, Tariffs
from tests.extras.house import House
from tests.extras.recorded import NO_ROUTE, Answer, FakeEvcc, reply
from tests.virtual import START, in_virtual_time, jump, now

MIDNIGHT = START - START % 86_400
GRID = "/api/tariff/grid"


def slots(values: list[Any], length: float = 900, first: float = MIDNIGHT) -> list[list[Any]]:
    return [[first + n * length, first + (n + 1) * length, value] for n, value in enumerate(values)]


class Priced(House):
    """Tariffs of a fake evcc."""

    def __init__(self, **answers: Answer) -> None:
        super().__init__(FakeEvcc({f"/api/tariff/{name}": answer for name, answer in answers.items()}))
        self.tariffs = Tariffs(self.access)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.rest.update(self.idle())
        task = asyncio.create_task(self.tariffs.run())
        await asyncio.sleep(1)
        yield
        task.cancel()

    def figures(self, kind: str = "grid") -> tuple[bytes, ...]:
        topics = self.mirror.topics
        return tuple(topics.get(f"tariffs/{kind}/{name}", b"") for name in ("now", "min", "max"))


def test_tariffs_become_topics_and_those_that_evcc_does_not_have_do_not() -> None:
    async def main() -> None:
        listed = slots([0.1234567, None, -0.05] * 32)
        house = Priced(grid=reply({"rates": listed}), feedin=reply({"result": {"rates": slots([0.08] * 96)}}))
        await house.tariffs.read()
        assert set(house.mirror.sources["tariffs"]) == {
            f"tariffs/{kind}{below}" for kind in ("grid", "feedin") for below in ("", "/now", "/min", "/max")
        }
        assert orjson.loads(house.mirror.topics["tariffs/grid"]) == listed
        assert house.figures("feedin") == (b"0.08", b"0.08", b"0.08")
        assert house.figures() == (b"", b"-0.05", b"0.123")

    # 10:12 is in slot 40 of the day, the second of three
    in_virtual_time(main())


def test_now_changes_with_the_slot_even_when_evcc_is_away() -> None:
    async def main() -> None:
        house = Priced(grid=reply({"rates": slots(list(range(96)))}))
        async with house.running():
            assert house.figures()[0] == b"40"
            house.evcc.down = True
            house.rest.update(house.idle(complete=False))
            seen = []
            for _ in range(180):
                await asyncio.sleep(10)
                seen.append((int(now()) // 900 - int(MIDNIGHT) // 900, int(house.figures()[0])))
        assert all(slot == figure for slot, figure in seen)
        assert {figure for _, figure in seen} == {40, 41, 42}

    in_virtual_time(main())


@pytest.mark.parametrize("seconds", [400 * 86_400, -400 * 86_400, 2 * 3600])
def test_now_is_right_within_a_minute_after_a_jump_of_the_clock(seconds: float) -> None:
    async def main() -> None:
        house = Priced()
        house.evcc.answers[GRID] = lambda _: reply(
            {"rates": slots([now() // 86_400 % 97] * 96, first=now() // 900 * 900)}
        )
        async with house.running():
            for step in (seconds, -seconds):
                jump(step)
                await asyncio.sleep(60)
                assert house.figures()[0] == b"%d" % (now() // 86_400 % 97)
                await asyncio.sleep(3600)
                assert house.figures()[0] == b"%d" % (now() // 86_400 % 97)

    in_virtual_time(main())


def test_rates_that_have_ended_meanwhile_have_no_now_and_nothing_of_before_is_kept_for_them() -> None:
    async def main() -> None:
        house = Priced(grid=reply({"rates": slots([0.2, 0.3], first=MIDNIGHT - 86_400)}))
        assert house.mirror.unread == {"tariffs/#"}
        async with house.running():
            assert house.mirror.unread == set()
            assert house.figures() == (b"", b"0.2", b"0.3")

    in_virtual_time(main())


def test_lists_are_read_every_quarter_and_what_evcc_lacks_once() -> None:
    async def main() -> None:
        house = Priced(grid=reply({"rates": slots([0.2] * 96)}))
        async with house.running():
            await asyncio.sleep(3600)
        assert house.evcc.asked.count(GRID) == 5
        assert sum(path.startswith("/api/tariff/") for path in house.evcc.asked) == len(TYPES) - 1 + 5

    in_virtual_time(main())


def test_what_the_state_shows_already_is_not_read() -> None:
    async def main() -> None:
        listed = slots([0.2, 0.3] * 48)
        objects = [{"start": start, "end": end, "value": value} for start, end, value in listed]
        house = Priced(grid=reply({"rates": listed}))
        house.new({"forecast": {"grid": objects}})
        async with house.running():
            await asyncio.sleep(7200)
            assert house.evcc.asked.count(GRID) == 1
            house.new({"forecast": {"grid": objects[1:]}})
            await asyncio.sleep(900)
            assert house.evcc.asked.count(GRID) == 2
            house.new({"forecast": {"grid": objects}})
            house.tariffs.refresh()
            await asyncio.sleep(1)
            assert house.evcc.asked.count(GRID) == 3

    in_virtual_time(main())


@pytest.mark.parametrize(
    "listed",
    [[], None, "x", slots([1, 2], first=MIDNIGHT - 86_400), slots([1, 2], first=MIDNIGHT + 86_400), [{"value": 1}]],
    ids=["empty", "null", "text", "past", "to come", "no start"],
)
def test_without_a_slot_of_this_moment_there_is_no_now(listed: Any) -> None:
    async def main() -> None:
        house = Priced(grid=reply({"rates": listed}))
        await house.tariffs.read()
        assert house.figures()[0] == b""

    in_virtual_time(main())


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (NO_ROUTE, False),
        (reply({"error": "tariff not available"}, 404), False),
        (reply({"error": "bogus does not belong to TariffUsage values"}, 404), False),
        (reply({"error": "outdated"}, 404), True),
        (reply({"error": "no"}, 400), True),
    ],
)
def test_only_what_evcc_will_never_have_is_given_up(answer: Reply, again: bool) -> None:
    async def main() -> None:
        house = Priced(grid=reply({"rates": slots([1] * 96)}), co2=answer)
        async with house.running():
            await asyncio.sleep(1000)
            assert (house.evcc.asked.count("/api/tariff/co2") > 1) is again
            assert house.figures("co2") == (b"", b"", b"")
            house.evcc.answers["/api/tariff/co2"] = reply({"rates": slots([2] * 96)})
            house.rest.update(house.idle(restarted=True))
            house.tariffs.update(house.idle(restarted=True))
            await asyncio.sleep(1)
            assert house.figures("co2")[0] == b"2"

    in_virtual_time(main())


def test_it_is_asked_for_again_after_a_day() -> None:
    async def main() -> None:
        house = Priced(grid=reply({"rates": slots([1] * 300)}))
        async with house.running():
            await asyncio.sleep(86_000)
            assert house.evcc.asked.count("/api/tariff/solar") == 1
            await asyncio.sleep(2000)
            assert house.evcc.asked.count("/api/tariff/solar") == 2

    in_virtual_time(main())


def test_while_evcc_starts_tariffs_stay_and_are_read_again() -> None:
    async def main() -> None:
        house = Priced(grid=reply({"rates": slots([1] * 96)}))
        await house.tariffs.read()
        known = dict(house.evcc.answers)
        house.evcc.answers = {"/api/state": NO_ROUTE}
        house.tariffs.refresh()
        with pytest.raises(NotReady):
            await house.tariffs.read()
        assert house.figures()[0] == b"1"
        house.evcc.answers = known | {GRID: reply({"rates": slots([2] * 96)})}
        await house.tariffs.read()
        assert house.figures()[0] == b"2"

    in_virtual_time(main())


@pytest.mark.parametrize(
    "fault", [Unreachable("gone"), Reply(502, "text/html", b"<html>"), Reply(200, "text/html", b"<html>login")]
)
def test_one_tariff_that_fails_keeps_its_values_and_does_not_stop_the_others(fault: Answer) -> None:
    async def main() -> None:
        house = Priced(grid=reply({"rates": slots([1] * 96)}), planner=reply({"rates": slots([3] * 96)}))
        async with house.running():
            house.evcc.answers |= {GRID: fault, "/api/tariff/planner": reply({"rates": slots([4] * 96)})}
            house.tariffs.refresh()
            await asyncio.sleep(1)
            assert house.figures("grid")[0] == b"1"
            assert house.figures("planner")[0] == b"4"
            house.evcc.answers[GRID] = reply({"rates": slots([5] * 96)})
            await asyncio.sleep(10)
            assert house.figures("grid")[0] == b"5"

    in_virtual_time(main())
