"""Nodes of Node-RED flows: what they are made of, and where they stand."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from bridge.entities.language import ENGLISH, Language
from bridge.settings.urls import PORTS, Address

_COLUMN, _ROW, _BORDER = 280, 60, 40

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Flow:
    """A tab about the evcc below `root`; ids come out the same every time, so that importing again replaces."""

    root: str
    name: str
    place: str = ""
    """Where its nodes are, if not on a tab of their own: the id of a subflow."""
    language: Language = ENGLISH
    """The language of labels; ids are the same in all."""

    def text(self, english: str) -> str:
        """A label in its language."""
        return self.language.text(english)

    def id(self, *names: str) -> str:
        """The id of a node of this tab."""
        return _hash(self.root, self.name, *names)

    @property
    def broker(self) -> str:
        """The id of the broker's configuration, which all tabs of a root share."""
        return _hash(self.root, "broker")

    @property
    def z(self) -> str:
        """The id of the tab, or of the subflow, that its nodes are on."""
        return self.place or self.id("tab")

    def tab(self, label: str, info: str, *, disabled: bool = False) -> Node:
        """The tab itself."""
        return {"id": self.id("tab"), "type": "tab", "label": label, "disabled": disabled, "info": info}

    def node(self, kind: str, key: str, name: str, *outputs: Sequence[str], **more: Any) -> Node:
        """A node; each output lists the keys of the nodes that it is wired to."""
        wires = [[self.id(target) for target in output] for output in outputs]
        return {"id": self.id(key), "type": kind, "z": self.z, "name": name, "wires": wires} | more

    def reads(self, key: str, name: str, topic: str, *targets: str, datatype: str = "auto-detect") -> Node:
        """A node that subscribes to a topic below the root."""
        return self.subscribes(key, name, f"{self.root}/{topic}", *targets, datatype=datatype)

    def subscribes(self, key: str, name: str, topic: str, *targets: str, datatype: str) -> Node:
        """A node that subscribes to an absolute topic."""
        whole = {"topic": topic, "qos": "1", "datatype": datatype, "broker": self.broker}
        # rap: without it, what was retained looks as if it had just been sent
        return self.node("mqtt in", key, name, targets, **whole, nl=False, rap=True, rh=0, inputs=0)

    def sends(self, key: str, name: str, topic: str) -> Node:
        """A node that sends commands to a topic below the root, answered on `answers`."""
        return self.publishes(key, name, f"{self.root}/{topic}", self.answers)

    def publishes(self, key: str, name: str, topic: str, answers: str) -> Node:
        """A node that sends commands to an absolute topic, "" for the message's; never retained."""
        message = {"topic": topic, "qos": "1", "retain": "false", "respTopic": answers}
        nothing = {"contentType": "", "userProps": "", "correl": "", "expiry": "60"}
        return self.node("mqtt out", key, name, **message, **nothing, broker=self.broker)

    def button(self, key: str, name: str, payload: str, target: str) -> Node:
        """A node with a button that sends a payload, only when it is pressed."""
        sent = {"props": [{"p": "payload"}], "payload": payload, "payloadType": "str", "topic": ""}
        never = {"repeat": "", "crontab": "", "once": False, "onceDelay": 0.1}
        return self.node("inject", key, name, [target], **sent, **never)

    def shows(self, key: str, name: str) -> Node:
        """A node that shows the payload below itself and in the sidebar."""
        below = {"tostatus": True, "statusVal": "payload", "statusType": "auto"}
        return self.node("debug", key, name, **below, active=True, tosidebar=True, console=False, complete="payload")

    @property
    def answers(self) -> str:
        """The topic that the bridge answers these flows' commands on."""
        return f"{self.root}-answers/nodered"


def broker(root: str, address: Address) -> Iterator[Node]:
    """The configuration of the broker; the login is the user's to add."""
    host, port = address.host or "localhost", address.port or PORTS["mqtt"]
    over = f"{address.scheme}://{host}:{port}{address.path}" if address.websockets else host
    tls = _hash(root, "tls") if address.tls else ""
    if tls:
        yield {"id": tls, "type": "tls-config", "name": f"{root} broker", "verifyservercert": True}
    yield {
        "id": _hash(root, "broker"),
        "type": "mqtt-broker",
        "name": f"{root} broker",
        "broker": over,
        "port": str(port),
        "tls": tls,
        "usetls": bool(tls),
        "clientid": "",
        "autoConnect": True,
        "autoUnsubscribe": True,
        "protocolVersion": "5",
        "keepalive": "60",
        "cleansession": True,
    }


def stacked(flow: Flow, groups: Iterable[tuple[str, Sequence[Sequence[Node]]]], left: int, top: int) -> Iterator[Node]:
    """Groups of rows of nodes, each below the one before it."""
    for label, rows in groups:
        columns = max(map(len, rows), default=0)
        width, height = columns * _COLUMN + _BORDER, len(rows) * _ROW + _BORDER
        members = [node for row in rows for node in row]
        group = flow.id("group", members[0]["id"] if members else label)
        yield {
            "id": group,
            "type": "group",
            "z": flow.z,
            "name": label,
            "style": {"label": True},
            "nodes": [node["id"] for node in members],
            "x": left,
            "y": top,
            "w": width,
            "h": height,
        }
        for number, row in enumerate(rows):
            y = top + _BORDER + _ROW // 2 + number * _ROW
            yield from (
                node | {"g": group, "x": left + _BORDER + _COLUMN // 2 - 20 + column * _COLUMN, "y": y}
                for column, node in enumerate(row)
            )
        top += height + _BORDER


def _hash(*names: str) -> str:
    return sha1("/".join(names).encode(errors="replace"), usedforsecurity=False).hexdigest()[:16]
