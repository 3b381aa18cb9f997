"""Text from elsewhere, made fit for a line: nothing in it moves a cursor or begins a line of its own."""


def plain(text: str, longest: int | None = None) -> str:
    """`text` with everything unprintable escaped, cut to `longest` characters."""
    line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return line if longest is None or len(line) <= longest else f"{line[:longest]}…"
