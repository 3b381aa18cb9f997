"""Home Assistant's discovery: a retained configuration for each entity, grouped into devices.

One configuration a component, as openHAB does not read those of whole devices.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import orjson

from bridge import __version__
from bridge.entities.entity import VALUE, Clock, Control, Device, Entity, Options, Press, Range, Toggle
from bridge.entities.language import ENGLISH, Language
from bridge.settable.offered import CLEAR_WORD, NO_WORDS
from bridge.settings import Settings
from bridge.state.reading import Nature, Quantity, Rank
from bridge.state.state import Scope
from bridge.util.slug import slug

ORIGIN = "evcc-mqtt-bridge"
_MODELS = {Scope.SITE: "Site", Scope.LOADPOINT: "Loadpoint", Scope.VEHICLE: "Vehicle"}

# an erased topic is an unknown value; "None" is how Home Assistant spells that
_PLAIN = "{{ value if value != '' else None }}"
_TEXT = "{{ value[:255] if value != '' else None }}"
_MOMENT = "{{ (value | int | as_datetime).isoformat() if value != '' else None }}"
_LOCAL = "{{ value | int | timestamp_custom('%Y-%m-%d %H:%M') if value != '' else '' }}"
# a time that somebody types, in Home Assistant's zone; what is none is passed on, and refused with a reason
_TYPED = (
    r"{% set clock = value is match('([01]?\d|2[0-3]):[0-5]\d$') %}"
    "{% set at = today_at(value) if clock else as_datetime(value, none) %}"
    "{{ value if at is none else (as_local(at) + timedelta(days=1 if clock and at < now() else 0)).isoformat() }}"
)
# the time of a plan that there is not yet
_USUAL = '"07:00"'
_MORNING = "\"{% set at = today_at('07:00') %}{{ (at + timedelta(days=1 if at < now() else 0)).isoformat() }}\""

_REFUSED = "value_json | default([], true) | selectattr('status', 'in', ['refused', 'failed']) | list | last"
_REASON = f"{{{{ (({_REFUSED}) | default({{'error': none}}, true)).error }}}}"
_WHAT = f"{{{{ ({_REFUSED}) | default({{}}, true) | tojson }}}}"
_COUNT = "{{ value_json | default([], true) | count }}"
_SLOTS = "{{ {'slots': value_json | default([], true)} | tojson }}"

_READINGS = frozenset({"sensor", "binary_sensor"})
_LEVELS = 4  # slashes of a configuration's topic, those of the prefix not counted

Config = dict[str, Any]


class Announcement(NamedTuple):
    """A retained configuration, and the entity that it is of.

    Home Assistant ignores a value outside the range or the options of the configuration, and does not read the topic
    again when these change.
    """

    topic: str
    payload: bytes
    entity: Entity


@dataclass(frozen=True, slots=True)
class HomeAssistant:
    """The configurations below `prefix` for the evcc whose tree is below `root`. Their topics are absolute."""

    root: str = "evcc"
    prefix: str = "homeassistant"
    url: str = ""
    language: Language = ENGLISH

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The configurations for these settings; evcc's address is of use where other machines reach it."""
        url = "" if settings.evcc.address.loopback else settings.evcc.url
        return cls(settings.mqtt.root, settings.discovery.prefix, url, Language.of(settings.discovery.language))

    def announcements(self, entities: Iterable[Entity]) -> list[Announcement]:
        """The configurations of all entities."""
        return [
            Announcement(self._topic(component, entity), _json(config), entity)
            for entity in entities
            for component, config in self._configs(entity)
        ]

    def configs(self, entities: Iterable[Entity]) -> dict[str, bytes]:
        """The configurations of all entities by topic; what is not among them is to be erased."""
        return {topic: payload for topic, payload, _ in self.announcements(entities)}

    def readings(self, held: Iterable[str], announced: Iterable[str], devices: Iterable[Device]) -> set[str]:
        """Those of held topics that are of readings of these devices, of which nothing else is announced."""
        ids = {topic.split("/")[-2] for topic in announced}
        of_devices = tuple(f"{device.id}_" for device in devices)
        found = ((topic, *topic.split("/")[-4:-1]) for topic in held if topic.count("/") >= _LEVELS)
        return {
            topic
            for topic, component, _, name in found
            if component in _READINGS and name not in ids and name.startswith(of_devices)
        }

    def _topic(self, component: str, entity: Entity) -> str:
        return f"{self.prefix}/{component}/{slug(self.root)}/{entity.device.id}_{entity.id}/config"

    def _configs(self, entity: Entity) -> Iterator[tuple[str, Config]]:
        """The components of an entity, each with its configuration."""
        common = {
            "name": entity.title,
            "unique_id": f"{slug(self.root)}_{entity.device.id}_{entity.id}",
            "icon": f"mdi:{entity.reading.icon}",
            "origin": {"name": ORIGIN, "sw_version": __version__},
            "device": self._device(entity.device),
        } | self._availability(entity)
        state = {"state_topic": f"{self.root}/{entity.topic}"} if entity.topic else {}
        if entity.control is None:
            component, shown = _shown(entity.quantity, state)
            yield component, common | state | shown | _rank(entity, "diagnostic")
            return
        if isinstance(entity.control.widget, Clock):
            yield "sensor", common | state | _sensor(entity.quantity, _MOMENT) | _rank(entity, "diagnostic")
            named = entity.title if self.language != ENGLISH else f"{entity.title[0].lower()}{entity.title[1:]}"
            common |= {"name": self.language.filled("Set {}", named)}
        component, controlled = _controlled(entity, entity.control)
        command = {"command_topic": f"{self.root}/{entity.control.topic}", "qos": 1}
        yield component, common | state | command | controlled | _rank(entity, "config")

    def _availability(self, entity: Entity) -> Config:
        """When it is available; topics about the bridge are so also without evcc."""
        if entity.topic.startswith("bridge/"):
            return {}
        topic = f"{self.root}/status"
        return {"availability": [{"topic": topic, "payload_available": "online", "payload_not_available": "offline"}]}

    def _device(self, device: Device) -> Config:
        site = f"{slug(self.root)}_site"
        below = {} if device.scope is Scope.SITE else {"via_device": site}
        version = device.part.text("version") if device.scope is Scope.SITE else ""
        page = {"configuration_url": self.url} if self.url else {}
        return {
            "identifiers": [f"{slug(self.root)}_{device.id}"],
            "name": device.title,
            "manufacturer": "evcc",
            "model": _MODELS[device.scope],
        } | (below | page | ({"sw_version": version} if version else {}))


def _json(config: Config) -> bytes:
    # copied, since orjson leaves kilobytes unused behind what it returns, and configurations are kept
    return bytes(memoryview(orjson.dumps(config)))


def _rank(entity: Entity, category: str) -> Config:
    """How prominent an entity is: what is not for every day is disabled, but for what is about the bridge."""
    if entity.reading.rank is Rank.EVERYDAY:
        return {}
    aside = {"entity_category": category}
    return aside if entity.topic.startswith("bridge/") else aside | {"enabled_by_default": False}


def _shown(quantity: Quantity, state: Config) -> tuple[str, Config]:
    """Component and configuration of a reading."""
    match quantity.nature:
        case Nature.FLAG:
            flag = {"payload_on": "true", "payload_off": "false", "value_template": _PLAIN}
            return "binary_sensor", flag | _classes(quantity)
        case Nature.SERIES:
            topic = state["state_topic"]
            slots = {"json_attributes_topic": topic, "json_attributes_template": _SLOTS}
            return "sensor", {"value_template": _COUNT} | slots
        case Nature.MOMENT:
            return "sensor", _sensor(quantity, _MOMENT)
        case Nature.TEXT:
            return "sensor", {"value_template": _TEXT}
        case Nature.JOURNAL:
            topic = state["state_topic"]
            what = {"json_attributes_topic": topic, "json_attributes_template": _WHAT}
            return "sensor", {"value_template": _REASON} | what
        case Nature.NUMBER:
            shown = {"suggested_display_precision": quantity.decimals} if quantity.unit else {}
            return "sensor", _sensor(quantity, _number(quantity)) | shown | _unit(quantity.label)


def _number(quantity: Quantity) -> str:
    """The template of a number, in the unit that people read."""
    value = "value" if quantity.divisor == 1 else f"(value | float / {quantity.divisor:g}) | round(6)"
    there = "value != ''" if quantity.zero else "value not in ('', '0')"
    return f"{{{{ {value} if {there} else None }}}}"


def _sensor(quantity: Quantity, template: str) -> Config:
    state_class = {"state_class": quantity.state_class} if quantity.state_class else {}
    return {"value_template": template} | _classes(quantity) | _unit(quantity.unit) | state_class


def _controlled(entity: Entity, control: Control) -> tuple[str, Config]:
    """Component and configuration of a control."""
    match control.widget:
        case Range(low, high, step, checked):
            limits = {"min": low, "max": high, "step": step, "mode": "slider" if checked else "box"}
            classes = _classes(entity.quantity) | _unit(entity.quantity.unit)
            return "number", {"value_template": _PLAIN} | limits | classes | _command(control)
        case Toggle():
            return "switch", {"payload_on": "true", "payload_off": "false", "value_template": _PLAIN}
        case Options() as options:
            return "select", _select(options)
        case Clock():
            return "text", {"value_template": _LOCAL, "max": 40} | _command(control, _TYPED)
        case Press():
            return "button", {"payload_press": control.payload}


def _command(control: Control, template: str = "{{ value }}") -> Config:
    return {"command_template": control.payload.replace(_USUAL, _MORNING).replace(VALUE, template)}


def _select(options: Options) -> Config:
    """Values as evcc writes them, for automations; only what is no word gets another name."""
    names = {
        value: label if options.named or label.startswith("(") else value for value, label in options.labels.items()
    }
    nothing = dict.fromkeys(NO_WORDS, names.get(CLEAR_WORD, "None"))
    to_name = nothing | {value: name for value, name in names.items() if value != name}
    to_value = {name: value for value, name in names.items() if value != name}
    return {
        "options": list(names.values()),
        "value_template": _looked_up(to_name),
        "command_template": _looked_up(to_value) if to_value else "{{ value }}",
    }


def _looked_up(table: Mapping[str, str]) -> str:
    """A template that replaces some values; a JSON object is a dictionary in Jinja too."""
    return f"{{{{ {json.dumps(table, ensure_ascii=False)}.get(value, value) }}}}"


def _classes(quantity: Quantity) -> Config:
    return {"device_class": quantity.device_class} if quantity.device_class else {}


def _unit(unit: str) -> Config:
    return {"unit_of_measurement": unit} if unit else {}
