"""The `.things` file: the broker, and a thing for each device with a channel for each point."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from bridge.entities.entity import VALUE, Clock, Control, Press, Range
from bridge.export.openhab.points import DIMENSIONS, Point, number, quoted
from bridge.settings.urls import PORTS, Address

# with the zone as +0100, which the bridge reads
_MOMENT = "%1$tFT%1$tT%1$tz"

Properties = dict[str, str]


def things(points: Sequence[Point], root: str, address: Address) -> str:
    """The text of the file; the login at the broker is the user's to add."""
    house = points[0].house
    lines = [
        "// Made by `evcc-bridge export openhab`.",
        '// Where the broker wants a login, add username="…", password="…" to the first brackets.',
        f"Bridge mqtt:broker:{house} {quoted(f'Broker of {root}')} {_brackets(_broker(address))} {{",
    ]
    for _, of_device in groupby(points, key=lambda point: point.thing):
        lines += _thing(list(of_device), root)
    return "\n".join([*lines, "}", ""])


def _broker(address: Address) -> Properties:
    protocol = {"protocol": quoted("WEBSOCKETS")} if address.websockets else {}
    return {
        "host": quoted(address.host or "localhost"),
        "port": str(address.port or PORTS["mqtt"]),
        "secure": str(address.tls).lower(),
    } | protocol


def _thing(points: Sequence[Point], root: str) -> Iterator[str]:
    available = {
        "availabilityTopic": quoted(f"{root}/status"),
        "payloadAvailable": quoted("online"),
        "payloadNotAvailable": quoted("offline"),
    }
    yield f"    Thing topic {points[0].thing} {quoted(points[0].entity.device.title)} {_brackets(available)} {{"
    yield "    Channels:"
    for point in points:
        label = quoted(point.entity.title)
        yield f"        Type {point.channel_type} : {point.channel} {label} {_brackets(_channel(point, root))}"
    yield "    }"


def _channel(point: Point, root: str) -> Properties:
    entity, control = point.entity, point.entity.control
    state = {"stateTopic": quoted(f"{root}/{entity.topic}")} if entity.topic else {}
    command = {"commandTopic": quoted(f"{root}/{control.topic}")} if control else {}
    return state | command | _of_type(point) | _format(point)


def _of_type(point: Point) -> Properties:
    """The properties of a channel that depend on its type."""
    quantity, control = point.entity.quantity, point.entity.control
    match control.widget if control else None:
        case Range() as span:
            # no limits and no words: the binding ignores states beyond them, which evcc may well have
            return _unit(quantity.unit) | {"step": number(span.step)}
        case Press() if control:
            return {"allowedStates": quoted(control.payload)}
    if point.channel_type == "switch":
        return {"on": quoted("true"), "off": quoted("false")}
    return {"unit": quoted("one")} if quantity.share else _unit(quantity.unit) if point.channel_type == "number" else {}


def _unit(unit: str) -> Properties:
    return {"unit": quoted(unit)} if unit in DIMENSIONS else {}


def _format(point: Point) -> Properties:
    """How a value is sent that is not sent as it is."""
    match point.entity.control:
        case Control(widget=Clock(), payload=payload):
            return {"formatBeforePublish": quoted(payload.replace(VALUE, _MOMENT))}
        case Control(widget=Range(), payload=payload) if payload != VALUE:
            # any format but a bare %s is filled with the unit too: `41 kWh`
            return {"formatBeforePublish": quoted(payload.replace(VALUE, f'"{VALUE}"'))}
    return {}


def _brackets(properties: Properties) -> str:
    return f"[ {', '.join(f'{key}={value}' for key, value in properties.items())} ]"
