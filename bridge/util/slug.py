"""Names as one level of a topic or as part of an identifier."""

import re
from zlib import crc32

_NO_WORD = re.compile(r"[^a-z0-9]+")


def slug(name: str) -> str:
    """A name in small letters, digits and single underscores; a checksum keeps names apart that had to be changed."""
    changed = _NO_WORD.sub("_", name.lower()).strip("_")
    return changed if changed == name else f"{changed}_{crc32(name.encode(errors='replace')):08x}".lstrip("_")
