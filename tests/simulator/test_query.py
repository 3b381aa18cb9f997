"""jq with evcc's words."""

import pytest

from evcc_simulator.messages import Refusal
from evcc_simulator.reads import query

DOCUMENT = b'{"a":{"b":[1,2]},"big":12345678901234567890}'


def test_gives_the_one_result() -> None:
    assert query(".a.b[1]", DOCUMENT) == 2
    assert query(".result.a.b|length", DOCUMENT) == 2


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (".[", "unexpected EOF"),
        (".a.b[]", "jq: too many results"),
        ("empty", "jq: empty result"),
        ("nope", "function not defined: nope/0"),
    ],
)
def test_says_what_is_wrong(expression: str, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        query(expression, DOCUMENT)
