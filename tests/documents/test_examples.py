"""The examples of docs/bridge.md are what a bridge answers and publishes."""

import re
from typing import Any

import orjson
import pytest

from tests.documents.house import House
from tests.documents.shown import ROOT, Command

PAGE = (ROOT / "docs/bridge.md").read_text()
REQUESTS = re.findall(
    r"^(evcc/bridge/request/\S+) +(\{.*\})\n(evcc/bridge/response/\S+) +(\{.*\})$", PAGE, re.MULTILINE
)
COMMANDS = re.findall(r"^(evcc/\S+)/set +(\S.*)\n\1/result +(\{.*\})$", PAGE, re.MULTILINE)
ENTRY = re.search(r'^```json\n(\{"topic".*?\})\n```$', PAGE, re.MULTILINE | re.DOTALL)
PUBLISHED = re.findall(r"^(evcc/(?:bridge/(?!re)\w+|events)) +([\[{].*)$", PAGE, re.MULTILINE)
PROBLEM = re.search(r"^evcc/bridge/problem (.*(evcc/site/\S+)/set.*)$", PAGE, re.MULTILINE)
CODE = [path.read_text() for path in (ROOT / "bridge").rglob("*.py")]
INTERNAL = {"marker", "check", "request", "response"}


def read(example: str) -> Any:
    """The JSON of an example, in which `…` stands for more of the same."""
    return orjson.loads(re.sub(r",…|…,|…", "", example))


def shape(value: Any) -> Any:
    """The keys and kinds of a value; of lists that of the first item."""
    match value:
        case dict():
            return {key: shape(child) for key, child in value.items()}
        case list():
            return [shape(item) for item in value[:1]]
        case bool() | None:
            return value
        case int() | float():
            return "number"
        case str() if re.match(r"\d{4}-\d\d-\d\dT", value):
            return "time"
    return value


def is_part(shown: Any, answered: Any) -> bool:
    """Whether everything that is shown is in an answer, which may have more keys."""
    if isinstance(shown, dict) and isinstance(answered, dict):
        return all(key in answered and is_part(child, answered[key]) for key, child in shown.items())
    if isinstance(shown, list) and isinstance(answered, list):
        return all(is_part(*pair) for pair in zip(shown, answered[:1], strict=False))
    return bool(shown == answered)


def test_there_are_examples() -> None:
    assert len(REQUESTS) >= 12
    assert len(COMMANDS) >= 4
    named = {topic.removeprefix("evcc/").removeprefix("bridge/") for topic, _ in PUBLISHED}
    assert named == {"info", "health", "command", "journal", "leases", "events"}


def test_every_topic_of_the_bridge_is_described() -> None:
    topics = {name for text in CODE for name in re.findall(r'"bridge/(\w+)[/"]', text)}
    assert topics >= {"evcc", "problem", "vehicles", "published"}
    assert {name for name in topics - INTERNAL if f"| `bridge/{name}` |" not in PAGE} == set()
    assert {name for name in INTERNAL if f"bridge/{name}/" not in PAGE} == set()


@pytest.mark.broker
@pytest.mark.parametrize(("topic", "payload", "answers", "example"), REQUESTS)
def test_a_request_is_answered_as_shown(house: House, topic: str, payload: str, answers: str, example: str) -> None:
    assert topic.rpartition("/")[2] == answers.rpartition("/")[2]
    answer = shape(orjson.loads(house.ask(topic, payload, answers)))
    assert is_part(shape(read(example)), answer), answer


@pytest.mark.broker
@pytest.mark.parametrize(("topic", "payload", "example"), COMMANDS)
def test_a_command_is_answered_as_shown(house: House, topic: str, payload: str, example: str) -> None:
    answer = orjson.loads(house.ask(f"{topic}/set", payload, f"{topic}/result"))
    expected = read(example)
    dates = re.compile(rb"\d{4}-\d\d-\d\d")
    same = [dates.sub(b"", orjson.dumps({**one, "ms": 0})) for one in (answer, expected)]
    assert same[0] == same[1]


@pytest.mark.broker
def test_the_entry_of_the_list_of_settings_is_there(house: House) -> None:
    assert ENTRY
    assert read(ENTRY[1]) in orjson.loads(house.retained("evcc/bridge/commands"))


@pytest.mark.broker
@pytest.mark.parametrize(("topic", "example"), PUBLISHED)
def test_what_is_published_has_these_fields(house: House, topic: str, example: str) -> None:
    house.ask("evcc/loadpoints/3/maxCurrent/set", '{"value":12,"for":"15m"}', "evcc/loadpoints/3/maxCurrent/result")
    if topic.endswith("events"):
        house.ask("evcc/loadpoints/3/mode/set", "off", "evcc/loadpoints/3/mode/result")
        published = house.ask("evcc/loadpoints/3/mode/set", "pv", "evcc/events")
    else:
        published = house.retained(topic)
    shown, found = read(example), orjson.loads(published)
    if isinstance(shown, list):
        shown, found = shown[0], found[0]
    assert shown.keys() <= found.keys()


@pytest.mark.broker
def test_the_problem_is_worded_as_shown(house: House) -> None:
    assert PROBLEM
    watching = house.begin(Command("", "mosquitto_sub -t evcc/bridge/problem"))
    house.run(Command("", f"mosquitto_pub -t {PROBLEM[2]} -m 1"))
    watching.until(PROBLEM[1])
    watching.end()
