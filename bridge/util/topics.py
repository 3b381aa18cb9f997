"""Which characters no topic has."""

import re

UNFIT = (
    r"\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"  # control characters, surrogates, non-characters
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
)
"""Part of a character class: a broker may end the connection for one of these (MQTT 5, 1.5.4), and mosquitto does."""
_UNPUBLISHED = re.compile(f"[+#{UNFIT}]")


def is_topic(text: str) -> bool:
    """Whether a message can be published on a topic of this name, as far as its characters go."""
    return bool(text) and not _UNPUBLISHED.search(text)
