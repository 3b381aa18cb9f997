"""The AsyncAPI document: whole, consistent, and true of the payloads. The official schema is asked in tests/clients."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from bridge.cli.topics import published
from bridge.settable.offered import offered
from bridge.settings import Settings
from tests.entities.houses import HOUSES, house, state_of
from tests.export.exported import exported
from tests.state.documents import DOCUMENTS

TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float), "integer": (int,), "boolean": (bool,), "array": (list,), "object": (dict,),
    "null": (type(None),),
}  # fmt: skip


def document(name: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(exported("asyncapi", house(name), **options)["asyncapi.json"])
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (found for key, found in value.items() if key == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def addresses(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {channel["address"]: channel["messages"]["message"] for channel in found["channels"].values()}


@pytest.mark.parametrize("name", HOUSES)
def test_every_reference_leads_somewhere(name: str) -> None:
    found = document(name)
    for reference in set(references(found)):
        at: Any = found
        for level in reference.removeprefix("#/").split("/"):
            at = at[level]


@pytest.mark.parametrize("name", HOUSES)
def test_every_topic_and_every_setting_is_in_it(name: str) -> None:
    known = addresses(document(name, root="home/evcc"))
    topics = published(Settings(), house(name)).keys() | {entry["topic"] for entry in offered(house(name))}
    assert {f"home/evcc/{topic}" for topic in topics} <= known.keys()
    assert len(known) == len(document(name)["channels"])


@pytest.mark.parametrize("name", HOUSES)
def test_payloads_are_of_the_type_that_is_described(name: str) -> None:
    known = addresses(document(name))
    for topic, payload in published(Settings(), house(name)).items():
        kinds = known[f"evcc/{topic}"]["payload"]["type"]
        if kinds != "string":
            allowed = [TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)]
            assert isinstance(json.loads(payload), tuple(one for group in allowed for one in group)), topic


def test_a_setting_is_received_and_answered() -> None:
    found = document("0.313.2")
    operation = found["operations"]["receive_loadpoints_1_limitSoc_set"]
    assert operation["action"] == "receive"
    assert operation["bindings"]["mqtt"] == {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}
    answer = found["channels"][operation["reply"]["channel"]["$ref"].rpartition("/")[2]]
    assert answer["address"] == "evcc/loadpoints/1/limitSoc/result"
    message = addresses(found)["evcc/loadpoints/1/limitSoc/set"]
    assert message["payload"]["anyOf"][0] == {"type": "integer", "minimum": 0, "maximum": 100}
    assert found["operations"]["send_loadpoints_1_limitSoc"]["bindings"]["mqtt"]["retain"] is True


@pytest.mark.parametrize(
    ("url", "host", "protocol"),
    [("mqtts://broker.local", "broker.local:8883", "mqtts"), ("ws://10.0.0.1/mqtt", "10.0.0.1:80", "ws"),
     ("unix:///run/mosquitto.sock", "localhost:1883", "mqtt")],
)  # fmt: skip
def test_the_broker(url: str, host: str, protocol: str) -> None:
    server = document("0.313.2", url=url)["servers"]["broker"]
    assert (server["host"], server["protocol"]) == (host, protocol)


@given(DOCUMENTS)
@hypothesis_settings(max_examples=20)
def test_any_document_gives_one(changed: dict[str, Any]) -> None:
    json.loads(exported("asyncapi", state_of(changed))["asyncapi.json"])
