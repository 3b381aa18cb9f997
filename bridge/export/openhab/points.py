"""Points: entities with their names and types in openHAB."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.entities.entity import Clock, Device, Entity, Options, Press, Range, Toggle, identifier
from bridge.state.reading import Nature
from bridge.util.slug import slug

# units that openHAB calculates with, and the dimension of an item that has one
DIMENSIONS: Mapping[str, str] = {
    "W": "Power",
    "Wh": "Energy",
    "kWh": "Energy",
    "A": "ElectricCurrent",
    "V": "ElectricPotential",
    "%": "Dimensionless",
    "s": "Time",
    "km": "Length",
    "°C": "Temperature",
}
_CHANNELS = {
    Nature.NUMBER: "number",
    Nature.FLAG: "switch",
    Nature.MOMENT: "datetime",
    Nature.TEXT: "string",
    Nature.SERIES: "string",
}
_CONTROLS: Mapping[type, str] = {
    Range: "number",
    Toggle: "switch",
    Clock: "datetime",
    Options: "string",
    Press: "string",
}
_ITEMS = {"number": "Number", "switch": "Switch", "datetime": "DateTime", "string": "String"}


@dataclass(frozen=True, slots=True)
class Point:
    """An entity as a channel and an item; `house` is the name of the broker thing, of the files and of the sitemap."""

    house: str
    entity: Entity

    @property
    def thing(self) -> str:
        """The id of its thing."""
        return self.entity.device.id

    @property
    def channel(self) -> str:
        """The id of its channel."""
        return identifier(self.entity.key)

    @property
    def uid(self) -> str:
        """The whole name of its channel."""
        return f"mqtt:topic:{self.house}:{self.thing}:{self.channel}"

    @property
    def group(self) -> str:
        """The group item of its device."""
        return group(self.house, self.entity.device)

    @property
    def item(self) -> str:
        """The name of its item."""
        return f"{self.group}_{'_'.join(map(_raised, identifier(self.entity.key).split('_')))}"

    @property
    def label(self) -> str:
        """The title, without what an item's label would take for a format."""
        return bare(self.entity.title)

    @property
    def channel_type(self) -> str:
        """The type of its channel."""
        if self.entity.control:
            return _CONTROLS[type(self.entity.control.widget)]
        return _CHANNELS[self.entity.quantity.nature]

    @property
    def item_type(self) -> str:
        """The type of its item, with the dimension of its unit."""
        dimension = DIMENSIONS.get(self.entity.quantity.unit) if self.channel_type == "number" else None
        return f"{_ITEMS[self.channel_type]}:{dimension}" if dimension else _ITEMS[self.channel_type]


def points(entities: Iterable[Entity], root: str) -> list[Point]:
    """The entities as points, in their order; a list of commands is no state for openHAB."""
    return [Point(slug(root), entity) for entity in entities if entity.quantity.nature is not Nature.JOURNAL]


def group(house: str, device: Device) -> str:
    """The group item of a device."""
    return "_".join(map(_raised, f"{house}_{device.id}".split("_")))


def bare(title: str) -> str:
    """A title without brackets, which stand around a format in labels."""
    return title.replace("[", "(").replace("]", ")")


def quoted(text: str) -> str:
    """A string of openHAB's languages."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(char if char.isprintable() else " " for char in escaped)}"'


def number(value: float) -> str:
    """A number as openHAB's languages write it."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _raised(word: str) -> str:
    return word[:1].upper() + word[1:]
