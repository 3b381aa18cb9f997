"""What docs/moving.md names on this side is there: topics, settings, entities, channels."""

import re
from collections.abc import Iterator

import pytest

from bridge.entities.entities import entities
from bridge.settable.lookup import find
from tests import topics
from tests.documents.shown import ROOT
from tests.entities.houses import house
from tests.export import golden

PAGE = (ROOT / "docs/moving.md").read_text()
STATE = house("0.313.2")
TOPIC = re.compile(r"(?:evcc/)?((?:site|loadpoints|vehicles|tariffs)/[\w<>:./]*[\w>])")
FROM_HA_EVCC = PAGE.partition("## From ha-evcc")[2].partition("\n## ")[0]


def named() -> Iterator[str]:
    """The topics that the page names; a word that follows one in the same cell stands in its place: `…/a`, `b`."""
    for text in re.split(r" \| |\n", PAGE):
        place = ""
        for span in re.findall(r"`([^`]+)`", text):
            found = TOPIC.fullmatch(span)
            if found:
                place = found[1].rpartition("/")[0]
                yield found[1]
            elif place and re.fullmatch(r"\w+", span) and "/set" not in text:
                yield f"{place}/{span}"


def of_the_house(topic: str) -> str:
    """The topic of a setting in the recorded house."""
    return re.sub(r"db:5|<name>", "bike", topic.replace("<n>", "1"))


def test_every_topic_is_published_or_can_be_set() -> None:
    rows = "\n".join(topics.tables().values())
    found = set(named())
    assert len(found) > 40
    for topic in found:
        general = topics.general(re.sub(r"\Atariffs/\w+", "tariffs/<type>", topic))
        shown = f"| `{general}` |" in rows or general.endswith(("<key>", "vehicleDetection"))
        assert shown or find(of_the_house(topic), STATE), topic


def test_entities_are_called_so() -> None:
    titles = {entity.title for entity in entities(STATE)}
    shown = set(re.findall(r"(?<!\*)\*([A-Z][\w ]+)\*(?!\*)", FROM_HA_EVCC))
    assert len(shown) > 15
    assert shown - titles == set()


def test_the_channel_is_one_of_the_export() -> None:
    thing, channel = re.findall(r'channel="mqtt:topic:evcc:(\w+):(\w+)"', PAGE)[0]
    things = "".join(golden.files("0.313.2").values())
    assert f"Thing topic {thing} " in things
    assert f" : {channel} " in things


@pytest.mark.parametrize("word", ["limitsoc", "mincurrent", "enable/delay"])
def test_the_words_of_evccs_paths_are_understood(word: str) -> None:
    assert f"/{word}/set`" in PAGE
    assert find(f"loadpoints/1/{word}/set", STATE)
