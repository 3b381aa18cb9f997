"""All options as a Markdown table, for the README: what is written there cannot differ from what is read."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from bridge.settings.kinds import Takes
from bridge.settings.model import Settings, fields, options


def table() -> str:
    """One row an option: both names, default, what it takes, what it is for."""
    return "\n".join(["| option | variable | default | takes | |", "|---|---|---|---|---|", *_rows()])


def takes(field: FieldInfo) -> str:
    """What an option takes, in words."""
    for note in field.metadata:
        if isinstance(note, Takes):
            return note.text
    if get_origin(field.annotation) is Literal:
        return ", ".join(map(str, get_args(field.annotation)))
    raise TypeError(field)


def _rows() -> Iterator[str]:
    for variable, (section, option) in options().items():
        field = fields(Settings.model_fields[section])[option]
        what = (field.description or "").replace("|", "\\|")
        yield f"| `{section}.{option}` | `{variable}` | {_default(field)} | {takes(field)} | {what} |"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is None or value == "":
        return ""
    text = str(value).lower() if isinstance(value, bool) else value
    return f"`{list(text) if isinstance(text, tuple) else text}`"
