"""Payloads as text on a terminal."""


def one_line(payload: bytes, longest: int | None = None) -> str:
    """A payload as one line, whatever is in it: nothing from elsewhere moves the cursor."""
    text = payload.decode(errors="replace")
    plain = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return plain if longest is None or len(plain) <= longest else f"{plain[:longest]}…"
