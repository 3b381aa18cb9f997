"""A strict parser of openHAB's languages, as far as the export uses them.

After openHAB's own grammars: Thing.xtext, Items.xtext and Sitemap.xtext of openhab-core. Whatever these would not
read, or would read otherwise, is a ParseError.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
    | (?P<string>"(?:\\[btnfru"'\\]|[^\\"])*")
    | (?P<number>-?\d+(?:\.\d+)?(?![A-Za-z_0-9-]))
    | (?P<id>[A-Za-z_0-9][A-Za-z_0-9-]*)
    | (?P<sign>[\[\]{}(),:=<>])
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_CHANNEL_TYPES = {"number", "switch", "string", "datetime"}
_ITEM_TYPES = {"Group", "Number", "Switch", "String", "DateTime"}
_DIMENSIONS = {
    "Power", "Energy", "ElectricCurrent", "ElectricPotential", "Dimensionless", "Time", "Length", "Temperature",
}  # fmt: skip

Properties = dict[str, Any]


class ParseError(ValueError):
    """openHAB would not take the text."""


@dataclass
class Channel:
    """A channel of a thing."""

    type: str
    id: str
    label: str
    properties: Properties


@dataclass
class Thing:
    """A thing with its channels."""

    id: str
    label: str
    properties: Properties
    channels: dict[str, Channel] = field(default_factory=dict)


@dataclass
class Item:
    """An item; `metadata` has a value and properties for each namespace."""

    type: str
    name: str
    label: str
    icon: str
    groups: list[str]
    tags: list[str]
    metadata: dict[str, tuple[str, Properties]]


@dataclass
class Widget:
    """A widget of a sitemap."""

    kind: str
    properties: Properties
    children: list["Widget"] = field(default_factory=list)


class _Tokens:
    def __init__(self, text: str) -> None:
        self._tokens = list(_split(text))
        self._at = 0

    def next(self, *kinds: str) -> str:
        kind, text = self._tokens[self._at]
        if kinds and kind not in kinds and text not in kinds:
            raise ParseError(f"{text!r} instead of {' or '.join(kinds)}, after {self._tokens[self._at - 5 : self._at]}")
        self._at += 1
        return text

    def take(self, text: str) -> bool:
        found = self._tokens[self._at] == ("sign", text) or self._tokens[self._at] == ("id", text)
        self._at += found
        return found

    def at(self, kind: str) -> bool:
        return self._tokens[self._at][0] == kind

    def peek(self) -> str:
        return self._tokens[self._at][1]

    def string(self) -> str:
        return re.sub(r"\\(.)", r"\1", self.next("string")[1:-1])


def things(text: str) -> tuple[Properties, dict[str, Thing]]:
    """The broker's properties, and the things by id."""
    tokens = _Tokens(text)
    tokens.next("Bridge")
    uid = _uid(tokens)
    if uid[:2] != ["mqtt", "broker"] or len(uid) != 3:
        raise ParseError(f"no broker: {uid}")
    tokens.string()
    broker = _properties(tokens)
    tokens.next("{")
    found: dict[str, Thing] = {}
    while not tokens.take("}"):
        thing = _thing(tokens)
        if thing.id in found:
            raise ParseError(f"two things {thing.id}")
        found[thing.id] = thing
    tokens.next("end")
    return broker, found


def items(text: str) -> dict[str, Item]:
    """The items by name."""
    tokens = _Tokens(text)
    found: dict[str, Item] = {}
    while not tokens.at("end"):
        item = _item(tokens)
        if item.name in found:
            raise ParseError(f"two items {item.name}")
        if missing := set(item.groups) - found.keys():
            raise ParseError(f"no group {missing}")
        found[item.name] = item
    return found


def sitemap(text: str) -> tuple[str, str, list[Widget]]:
    """Name, label and widgets."""
    tokens = _Tokens(text)
    tokens.next("sitemap")
    name = _name(tokens)
    tokens.next("label")
    tokens.next("=")
    label = tokens.string()
    tokens.next("{")
    widgets = _widgets(tokens)
    tokens.next("end")
    return name, label, widgets


def _thing(tokens: _Tokens) -> Thing:
    tokens.next("Thing")
    tokens.next("topic")
    thing = Thing(tokens.next("id"), tokens.string(), _properties(tokens))
    tokens.next("{")
    tokens.next("Channels")
    tokens.next(":")
    while tokens.take("Type"):
        kind = tokens.next(*_CHANNEL_TYPES)
        tokens.next(":")
        channel = Channel(kind, tokens.next("id", "number"), tokens.string(), _properties(tokens))
        if channel.id in thing.channels:
            raise ParseError(f"two channels {channel.id}")
        thing.channels[channel.id] = channel
    tokens.next("}")
    return thing


def _item(tokens: _Tokens) -> Item:
    kind = tokens.next(*_ITEM_TYPES)
    if kind == "Number" and tokens.take(":"):
        kind = f"Number:{tokens.next(*_DIMENSIONS)}"
    name, label = _name(tokens), tokens.string()
    icon = _enclosed(tokens, "<", ">")
    groups = _enclosed(tokens, "(", ")")
    tags = _enclosed(tokens, "[", "]")
    metadata = _metadata(tokens) if tokens.take("{") else {}
    return Item(kind, name, label, "".join(icon), groups, tags, metadata)


def _metadata(tokens: _Tokens) -> dict[str, tuple[str, Properties]]:
    found: dict[str, tuple[str, Properties]] = {}
    while True:
        namespace = tokens.next("id")
        tokens.next("=")
        if namespace in found:
            raise ParseError(f"two times {namespace}")
        value = tokens.string()
        found[namespace] = (value, _properties(tokens) if tokens.peek() == "[" else {})
        if tokens.take("}"):
            return found
        tokens.next(",")


def _enclosed(tokens: _Tokens, begin: str, end: str) -> list[str]:
    if not tokens.take(begin):
        return []
    found = []
    while True:
        found.append(tokens.string() if tokens.at("string") else tokens.next("id"))
        if tokens.take(end):
            return found
        tokens.next(",")


def _properties(tokens: _Tokens) -> Properties:
    tokens.next("[")
    found: Properties = {}
    while True:
        key = tokens.next("id")
        tokens.next("=")
        if key in found:
            raise ParseError(f"two times {key}")
        found[key] = _value(tokens)
        if tokens.take("]"):
            return found
        tokens.next(",")


def _value(tokens: _Tokens) -> Any:
    if tokens.at("string"):
        return tokens.string()
    if tokens.at("number"):
        return float(tokens.next("number"))
    return tokens.next("true", "false") == "true"


_WIDGETS: dict[str, dict[str, str]] = {
    "Frame": {"label": "string"},
    "Text": {"item": "id", "label": "string", "icon": "string"},
    "Switch": {"item": "id", "mappings": "mappings"},
    "Selection": {"item": "id", "mappings": "mappings"},
    "Slider": {"item": "id", "minValue": "number", "maxValue": "number", "step": "number"},
    "Setpoint": {"item": "id", "minValue": "number", "maxValue": "number", "step": "number"},
    "Input": {"item": "id", "inputHint": "string"},
}


def _widgets(tokens: _Tokens) -> list[Widget]:
    found = []
    while not tokens.take("}"):
        kind = tokens.next(*_WIDGETS)
        widget = Widget(kind, {})
        while tokens.at("id") and (key := tokens.peek()) in _WIDGETS[kind]:
            tokens.next("id")
            tokens.next("=")
            widget.properties[key] = _property(tokens, _WIDGETS[kind][key])
        if kind in {"Frame", "Text"} and tokens.take("{"):
            widget.children = _widgets(tokens)
        found.append(widget)
    if not found:
        raise ParseError("nothing between { and }")
    return found


def _property(tokens: _Tokens, kind: str) -> Any:
    if kind == "mappings":
        return _mappings(tokens)
    if kind == "string":
        return tokens.string()
    return float(tokens.next("number")) if kind == "number" else _name(tokens)


def _mappings(tokens: _Tokens) -> dict[str, str]:
    tokens.next("[")
    found: dict[str, str] = {}
    while True:
        command = tokens.string()
        tokens.next("=")
        found[command] = tokens.string()
        if tokens.take("]"):
            return found
        tokens.next(",")


def _uid(tokens: _Tokens) -> list[str]:
    found = [tokens.next("id")]
    while tokens.take(":"):
        found.append(tokens.next("id"))
    return found


def _name(tokens: _Tokens) -> str:
    name = tokens.next("id")
    if not _NAME.fullmatch(name):
        raise ParseError(f"{name} is no name")
    return name


def _split(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ParseError(f"cannot be read: {text[at : at + 40]!r}")
        at = match.end()
        if match.lastgroup and match.lastgroup != "space":
            yield match.lastgroup, match[0]
    yield "end", ""
