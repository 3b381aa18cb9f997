"""The wiring by itself: what a poll, a frame, a failure or a lost broker makes of the wanted tree."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from bridge.errors import EvccError, Invalid, NotReady, Unreachable
from bridge.evcc.client import Client
from bridge.evcc.document import parse
from bridge.mqtt.message import Message
from bridge.settable.setting import Scope
from bridge.settings import Settings
from bridge.settings.model import Evcc, Mqtt, Topics
from bridge.site import Site
from tests.contract.recordings import ERAS, state_body
from tests.mqtt.fakes import FakeLink
from tests.state.whole import whole

_STATE: dict[str, Any] = {"version": "1", "interval": 10, "pvPower": 1, "loadpoints": [{"mode": "pv"}], "vehicles": {}}
_OUR_OWN = ("bridge/", "status", "updated")


class _World:
    """A site whose polls, frames and broker are the test's."""

    def __init__(self, client: Client, **options: Any) -> None:
        self.site = Site(Settings(**options), client)
        self.link = FakeLink(at_once=True)

    def connect(self, held: dict[str, bytes] | None = None) -> None:
        copy = self.site.copy
        copy._link = self.link.link
        copy._adopt(self.link.link, {f"evcc/{topic}": payload for topic, payload in (held or {}).items()})
        copy.connected = True
        self.site.broker_found()

    def lose(self) -> None:
        self.site.copy._link = None
        self.site.copy.connected = False
        self.site.copy.publisher.detach()
        self.site.broker_lost("gone")

    def poll(self, **more: Any) -> None:
        self.body(orjson.dumps({**_STATE, **more}))

    def body(self, body: bytes) -> None:
        try:
            self.site.reader.polled(body)
        except EvccError as error:
            self.site.reader.poll_failed(error)

    @property
    def tree(self) -> dict[str, str]:
        return {topic: payload.decode() for topic, payload in self.site.copy.tree.topics.items()}

    @property
    def state(self) -> dict[str, str]:
        return {topic: payload for topic, payload in self.tree.items() if not topic.startswith(_OUR_OWN)}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client(Evcc()) as made:
        yield made


@pytest.fixture
async def world(client: Client) -> _World:
    return _World(client)


@pytest.mark.parametrize("era", ERAS)
async def test_a_poll_brings_the_whole_tree(world: _World, era: str) -> None:
    world.body(state_body(era))

    assert world.state.items() >= whole(parse(state_body(era))).items()


async def test_a_frame_brings_its_own_topics_at_once(world: _World) -> None:
    world.poll()
    world.connect()
    world.link.sent.clear()
    world.site.reader.frame({"loadpoints.0.mode": "now", "pvPower": 1})

    sent = [(message.topic, message.payload) for message in world.link.sent if message.retain]
    assert sent == [("evcc/loadpoints/1/mode", b"now")]


async def test_what_is_gone_is_erased(world: _World) -> None:
    world.poll(plan={"soc": 80})
    world.poll()

    assert not [topic for topic in world.tree if topic.startswith("site/plan")]


async def test_options_choose_the_topics(client: Client) -> None:
    world = _World(client, topics=Topics(include=("site/mqtt/*",), exclude=("site/pv*",), aliases=False))
    world.poll(mqtt={"broker": "b", "password": "geheim"}, gridPower=5)

    assert {topic for topic in world.state if topic.startswith("site/")} == {
        "site/version",
        "site/interval",
        "site/mqtt/broker",
        "site/gridPower",
    }


async def test_status_is_online_only_with_the_broker_and_fresh_data(world: _World) -> None:
    world.poll()
    assert "status" not in world.tree
    world.connect()
    assert world.tree["status"] == "online"
    world.site.reader.poll_failed(Unreachable("x"))
    assert world.tree["status"] == "online"
    world.site.reader.poll_failed(Unreachable("x"))
    assert world.tree["status"] == "offline"
    world.poll()
    assert world.tree["status"] == "online"
    world.lose()
    assert "status" not in world.tree
    world.connect({"status": b"offline"})
    assert world.tree["status"] == "online"


async def test_status_is_offline_where_evcc_has_never_answered(world: _World) -> None:
    world.connect()

    assert world.tree["status"] == "offline"
    assert "updated" not in world.tree


@pytest.mark.parametrize(("replaced", "status"), [(False, "offline"), (True, "online")])
async def test_the_last_word_is_offline_unless_another_site_follows(
    world: _World, *, replaced: bool, status: str
) -> None:
    world.poll()
    world.connect()
    world.site.to_be_replaced = lambda: replaced
    world.site.stopping()

    assert world.tree["status"] == status


async def test_updated_is_the_second_in_which_evcc_was_seen(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.poll()
    world.connect()
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0 + world.site.reader._now())
    seen = [world.tree["updated"]]
    for _ in range(50):
        world.poll()
        seen.append(world.tree["updated"])

    assert len(set(seen)) <= 3
    assert all(value.isdigit() for value in seen)


@pytest.mark.parametrize(
    ("error", "word"), [(Unreachable("x"), "unreachable"), (NotReady("x"), "starting"), (Invalid("x"), "invalid")]
)
async def test_evccs_health_has_a_word_and_a_problem_until_it_is_well(
    world: _World, error: EvccError, word: str
) -> None:
    world.poll()
    for _ in range(2):
        world.site.reader.poll_failed(error)
    assert world.tree["bridge/evcc"] == word
    assert world.tree["bridge/problem"] == "x"
    world.poll()
    assert world.tree["bridge/evcc"] == "online"
    assert "bridge/problem" not in world.tree


async def test_an_evcc_that_hangs_is_asked_on_and_is_online_when_it_is_well(world: _World) -> None:
    world.poll()
    world.connect()
    complete = world.site.extras._complete
    world.site.reader.well(False)
    world.poll()
    assert (world.tree["status"], world.tree["bridge/evcc"]) == ("offline", "stale")
    assert complete.is_set()  # else nobody would ask for its health again
    world.site.reader.poll_failed(Unreachable("x"))
    assert not complete.is_set()
    world.site.reader.well(True)
    world.poll()
    assert (world.tree["status"], world.tree["bridge/evcc"]) == ("online", "online")


async def test_a_broken_configuration_is_fatal_and_what_is_known_stays(world: _World) -> None:
    world.poll()
    before = world.state
    for _ in range(2):
        world.body(orjson.dumps({**_STATE, "fatal": [{"class": "meter", "error": "no"}]}))

    assert world.tree["bridge/evcc"] == "fatal"
    assert world.tree["bridge/problem"] == "meter no"
    assert world.state == before


async def test_wrong_types_are_a_problem_and_not_believed(world: _World) -> None:
    world.poll()
    world.poll(pvPower="much")
    assert "pvPower" in world.tree["bridge/problem"]
    assert world.tree["site/pvPower"] == "1"
    world.poll(pvPower=2)
    assert "bridge/problem" not in world.tree


async def test_ghosts_make_evcc_starting_until_the_grace_period_is_over(client: Client) -> None:
    world = _World(client, evcc=Evcc(grace=0.0))
    world.connect({"loadpoints/1/vehicleSoC": b"1", "loadpoints/1/charger/power": b"1", "vehicles/bike/title": b"1"})
    assert not [message for message in world.link.sent if not message.payload]
    world.poll()
    erased = {message.topic for message in world.link.sent if not message.payload}
    assert erased == {"evcc/loadpoints/1/vehicleSoC", "evcc/vehicles/bike/title"}


async def test_leaves_that_only_the_broker_knows_wait_for_the_grace_period(world: _World) -> None:
    world.poll()
    world.connect({"loadpoints/1/vehicleSoC": b"1"})

    assert world.tree["bridge/evcc"] == "starting"
    assert not [message for message in world.link.sent if not message.payload]


async def test_a_lost_broker_is_a_problem_until_it_is_found(world: _World) -> None:
    world.poll()
    world.connect()
    world.lose()
    assert world.tree["bridge/problem"] == "gone"
    world.connect()
    assert "bridge/problem" not in world.tree


async def test_info_tells_no_password(client: Client) -> None:
    world = _World(
        client,
        evcc=Evcc(url="http://user:geheim1@localhost"),
        mqtt=Mqtt(url="mqtt://user:geheim2@localhost"),
    )
    world.poll()
    world.connect()
    info = world.tree["bridge/info"]

    assert "geheim" not in info
    assert orjson.loads(info)["evcc"] == "1"
    assert orjson.loads(info)["mqtt"] == "5"


async def test_the_summary_is_one_line(world: _World) -> None:
    assert world.site.summary().startswith("evcc starting, broker not connected, ")
    world.poll()
    world.connect()
    assert world.site.summary().startswith("evcc online, broker connected, ")


async def test_a_stale_command_is_answered_and_evcc_not_called(world: _World) -> None:
    world.poll()
    world.connect()
    world.link.sent.clear()
    world.site.command(Message("loadpoints/1/mode/set", b"now", retain=True), stale=True)
    [answer] = [message for message in world.link.sent if message.topic == "evcc/loadpoints/1/mode/result"]

    assert orjson.loads(answer.payload)["status"] == "stale"
    assert not answer.retain


async def test_the_bridges_own_health_counts_what_it_does(world: _World) -> None:
    world.poll()
    world.connect()
    world.poll(pvPower=2)
    world.site.reader.frame({"pvPower": 3})
    world.site._about.tick()
    health = orjson.loads(world.tree["bridge/health"])

    assert (health["polls"], health["frames"]) == (2, 1)
    assert health["messages"] >= 5
    assert health["memory"] > 5_000_000


async def test_the_commands_that_exist_follow_the_state(world: _World) -> None:
    world.poll()
    world.connect()
    world.site._about.tick()
    before = world.tree["bridge/commands"]
    assert "loadpoints/1/mode/set" in before
    world.poll(loadpoints=[{"mode": "pv"}, {"mode": "off"}])
    world.site._about.tick()

    assert "loadpoints/2/mode/set" in world.tree["bridge/commands"]
    assert "loadpoints/2/" not in before


async def test_the_commands_that_exist_are_not_said_before_evcc_is_known_and_follow_what_it_turns_out_not_to_have(
    world: _World,
) -> None:
    world.connect({"bridge/commands": b"[]"})
    world.site._about.tick()
    assert "bridge/commands" not in world.tree
    world.poll()
    world.site._about.tick()
    assert "loadpoints/1/mode/set" in world.tree["bridge/commands"]
    world.site.inbox._sender.missing.add((Scope.LOADPOINT, "mode"))
    world.site._about.tick()
    assert "loadpoints/1/mode/set" not in world.tree["bridge/commands"]
