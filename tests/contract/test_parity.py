"""The bridge's topics against those of evcc's own MQTT integration, recorded at the same moment."""

import pytest

from bridge.state.document import parse
from tests.contract.parity import compared
from tests.contract.recordings import own_topics, state_body
from tests.state.whole import whole

_RECORDINGS = {"0.131.4": 206, "0.313.2": 398, "0.131.4-demo": 175, "0.313.2-demo": 362, "0.314.0-dev": 394}
# with the zeros that clients' sliders need
_REST_ALONE = {"interval", "setupRequired", "startupCompleted", "telemetry", "repeatingPlans", "limitSoc", "minSoc"}


@pytest.mark.parametrize(("recording", "topics"), _RECORDINGS.items())
def test_topics_and_payloads_are_those_of_evcc(recording: str, topics: int) -> None:
    assert compared(own_topics(recording), whole(parse(state_body(recording)))) == (topics, [])


@pytest.mark.parametrize("recording", _RECORDINGS)
def test_what_evcc_itself_has_not_are_values_that_its_rest_alone_has(recording: str) -> None:
    ours = whole(parse(state_body(recording)), aliases=False)

    assert {topic.split("/")[-1] for topic in ours.keys() - own_topics(recording).keys()} <= _REST_ALONE
