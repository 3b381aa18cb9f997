"""JSON from elsewhere: what is read can be written again."""

from typing import Any

import orjson


def parsed(text: bytes | str) -> Any:
    """The value in a JSON text; ValueError with a reason when it is none, or nested more deeply than 252 levels.

    Deeper nesting could be read, but neither published nor sent, alone or within something else.
    """
    value = orjson.loads(text)
    try:
        orjson.dumps([[value]])
    except TypeError:
        raise ValueError("it is nested too deeply") from None
    return value
