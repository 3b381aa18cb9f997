"""The layers of `bridge/`, from its imports: which layer imports which, and a picture of it for CONTRIBUTING.

`python -m tests.layers` writes docs/pictures/layers.svg; scripts/layers calls it.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs/pictures/layers.svg"
# from the top down: a layer may import what stands below it
LAYERS: Mapping[str, str] = {
    "cli": "run · check · status · watch · set · topics · export · demo",
    "daemon": "configuration to site; signals, systemd",
    "web": "page, its API, metrics",
    "site": "builds one site: the parts, and who owns whom",
    "report": "status, updated, bridge/*",
    "discovery": "Home Assistant's discovery topics",
    "export": "files for openHAB, Node-RED, Home Assistant",
    "entities": "what other programs show and set",
    "extras": "tariffs, sessions, plans, jq, requests, events",
    "commands": "dispatcher, queues, answers",
    "settable": "the table of settings; reading a value",
    "mqtt": "client, connection, mirror, publisher, subscriptions",
    "evcc": "client, push, reader",
    "state": "State and its parts; changes; topics and payloads",
    "causes": "why evcc or the broker cannot be reached, and what to do",
    "settings": "every option",
    "errors": "one tree of errors",
    "util": "backoff, redact, json, sd_notify, logging",
}
_MARKER = (
    '<defs><marker id="end" markerWidth="7" markerHeight="7" refX="6" refY="3" orient="auto">'
    '<path d="M0,0 L6,3 L0,6 z" fill="#567"/></marker></defs>'
)
_ROW, _WIDTH, _BOX, _LEFT = 44, 980, 430, 270


def modules(layer: str) -> list[Path]:
    """The files of a layer: a folder, or one module."""
    folder = ROOT / "bridge" / layer
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def imports() -> dict[str, dict[str, int]]:
    """How many modules of each layer import which other layer."""
    found: dict[str, dict[str, int]] = {}
    for layer in LAYERS:
        counted: dict[str, int] = defaultdict(int)
        for path in modules(layer):
            for other in set(_imported(path)) - {layer}:
                counted[other] += 1
        found[layer] = dict(counted)
    return found


def upward() -> list[str]:
    """Every import from a layer to one that does not stand below it."""
    order = list(LAYERS)
    return [
        f"{layer} imports {other}"
        for layer, others in imports().items()
        for other in others
        if other not in order[order.index(layer) + 1 :]
    ]


def picture() -> str:
    """The layers as SVG: one row a layer, an arrow for each layer that another imports, thicker for more modules."""
    order = list(LAYERS)
    arrows = [
        _arrow(order.index(layer), order.index(other), count)
        for layer, others in imports().items()
        for other, count in sorted(others.items())
    ]
    boxes = [_box(row, layer) for row, layer in enumerate(order)]
    height = _ROW * len(order) + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif">',
            _MARKER,
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
            *arrows,
            *boxes,
            "</svg>\n",
        ]
    )


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "bridge":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name.split(".")[1] for name in names if not name.endswith("__version__"))


def _box(row: int, layer: str) -> str:
    y = _ROW * row + 10
    name = f"{layer}/" if (ROOT / "bridge" / layer).is_dir() else f"{layer}.py"
    return (
        f'<rect x="{_LEFT}" y="{y}" width="{_BOX}" height="30" rx="4" fill="#eef3f8" stroke="#567"/>'
        f'<text x="{_LEFT + 12}" y="{y + 20}" font-size="14" font-weight="bold">{name}</text>'
        f'<text x="{_LEFT + 110}" y="{y + 20}" font-size="12">{escape(LAYERS[layer])}</text>'
    )


def _arrow(start: int, end: int, count: int) -> str:
    """An arc beside the boxes; those to the next layers stand on the right, longer ones on the left."""
    near = end - start <= 3
    x, bend = (_LEFT + _BOX, 1) if near else (_LEFT, -1)
    top, bottom = _ROW * start + 27, _ROW * end + 23
    out = x + bend * (20 + 17 * (end - start))
    return (
        f'<path d="M{x},{top} C{out},{top} {out},{bottom} {x},{bottom}" fill="none" stroke="#567" stroke-opacity="0.6" '
        f'stroke-width="{min(0.8 + count / 4, 3):.1f}" marker-end="url(#end)"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(picture())
