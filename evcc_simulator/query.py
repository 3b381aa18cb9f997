"""`GET /api/state?jq=`: evcc's jq, by the real one, with evcc's words for what goes wrong."""

import re
from typing import Any

from evcc_simulator.answers import Refusal

_WORDS = (
    (re.compile(r"unexpected end of file"), "unexpected EOF"),
    (re.compile(r"(?P<name>\S+/\d+) is not defined"), "function not defined: {name}"),
    (
        re.compile(r'string \("(?P<value>.*)"\) cannot be parsed as a number'),
        'tonumber cannot be applied to "{value}": invalid number',
    ),
)


def query(expression: str, document: bytes) -> Any:
    """The one result of an expression; Refusal when it is no jq, fails, or gives none or several."""
    import jq  # noqa: PLC0415 - a demo dependency, needed by this route only

    try:
        program = jq.compile(expression.removeprefix(".result"))
    except ValueError as error:
        raise Refusal(_reworded(str(error))) from None
    try:
        results = program.input_text(document.decode()).all()
    except ValueError as error:
        raise Refusal(f"jq: query failed: {_reworded(str(error))}") from None
    if len(results) != 1:
        raise Refusal("jq: too many results" if results else "jq: empty result")
    return results[0]


def _reworded(text: str) -> str:
    """An error of libjq in the words of evcc's own jq, where both are known."""
    for pattern, words in _WORDS:
        if found := pattern.search(text):
            return words.format(**found.groupdict())
    return text
