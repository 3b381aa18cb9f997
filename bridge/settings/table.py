"""All options as a Markdown table, for the README: what is written there cannot differ from what is read."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from bridge.settings.mistakes import takes
from bridge.settings.model import Settings, fields, options


def table() -> str:
    """One row an option: both names, default, what it takes, what it is for."""
    return "\n".join(["| option | variable | default | takes | |", "|---|---|---|---|---|", *_rows()])


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
